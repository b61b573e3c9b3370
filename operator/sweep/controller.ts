import type { Logger } from 'pino';
import type { QdrantSweep } from '../../crds/sweep/sweep.ts';
import type { Condition, SweepStatus } from '../../crds/sweep/sweep-status.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { EventRecorder } from '../runtime/events.ts';
import { ensureFinalizer, removeFinalizer } from '../runtime/finalizers.ts';
import { refOf, type Kube, type KubeKind, type KubeObject } from '../runtime/kube.ts';
import type { RunResult } from '../runtime/queue.ts';
import type { StatusWriter } from '../runtime/status-writer.ts';
import type { Target } from '../targets/target.ts';
import { admit } from './admission.ts';
import { announce } from './announce.ts';
import { conductSweep, type Conclusion } from './conduct.ts';
import { SweepStopped, type SweepEvent, type SweepPorts } from './ports.ts';
import { report } from './report.ts';
import { Waits } from './waits.ts';

export const SWEEP_KIND: KubeKind = {
  apiVersion: 'qdrantbench.io/v1alpha1',
  kind: 'QdrantSweep',
  plural: 'qdrantsweeps',
};
/** Keeps a sweep's resource until everything made for it is gone. */
export const FINALIZER = 'qdrantbench.io/cleanup';

/** The adapters of one sweep. */
export interface SweepWorld extends Pick<SweepPorts, 'surroundings'> {
  target: Target;
  jobs: JobRunner & { discardAll(signal: AbortSignal): Promise<void> };
}

export interface ControllerOptions {
  kube: Kube;
  /** The sweeps as the cache has them. */
  cached: (namespace: string, name: string) => KubeObject | undefined;
  /** Makes a sweep's adapters. @throws {SweepStopped} InvalidSpec when the spec names what it may not use. */
  worldOf: (
    sweep: QdrantSweep,
    object: KubeObject,
    signal: AbortSignal,
    onWait: (source: string, why: string | undefined) => void,
  ) => Promise<SweepWorld>;
  store: RunStore;
  status: StatusWriter;
  events: EventRecorder;
  log: Logger;
  /** Has a key reconciled again. */
  requeue: (key: string, afterMs: number) => void;
  onSweepEvent: (event: SweepEvent) => void;
  datasetsDir: string;
  benchVersion: string;
  now?: () => Date;
}

/** A sweep that is being conducted by this process. */
interface Conductor {
  uid: string;
  generation: number;
  stop: AbortController;
  ended: Promise<void>;
}

/** Sweeps at once; each holds a connection to the record, and most wait for a node to measure on anyway. */
export const MAX_CONDUCTED = 16;
/** First and longest pause before what could not be reached is tried again. */
const RETRY_MS = { first: 5000, longest: 300_000 };

/**
 * Keeps one conductor for every sweep that has work to do, and none for any other. What a sweep has come to is in the
 * record, in its Jobs and on the bus; a conductor holds nothing that matters, and may be ended at any moment and
 * started again, by this process or the next.
 */
export class SweepController {
  readonly #options: ControllerOptions;
  readonly #now: () => Date;
  readonly #conductors = new Map<string, Conductor>();
  /** Sweeps that came to an end here, by UID: the cache may not have their status yet. */
  readonly #over = new Map<string, number>();
  readonly #failures = new Map<string, number>();

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /** Brings one sweep, `namespace/name`, nearer to what it should be. */
  async reconcile(key: string, signal: AbortSignal): Promise<RunResult | void> {
    const [namespace = '', name = ''] = key.split('/', 2);
    const object = this.#options.cached(namespace, name);
    const running = this.#conductors.get(key);
    if (running && running.uid !== object?.metadata.uid) await this.#stop(key, 'the resource is gone');
    if (!object) return;
    if (object.metadata.deletionTimestamp) {
      return this.#cleanUp(key, object, signal).catch((error: unknown) => {
        signal.throwIfAborted();
        const why = error instanceof Error ? error.message : String(error);
        const note = `what it made is not deleted yet, and it stays until then: ${why}. When that is gone for good, remove the finalizer ${FINALIZER}`;
        this.#options.events.record(object, { type: 'Warning', reason: 'CleanupFailed', note });
        throw error;
      });
    }
    const live = await ensureFinalizer(this.#options.kube, SWEEP_KIND, object, FINALIZER, signal);
    if (!live) return;

    const { uid = '', generation = 0 } = live.metadata;
    const conductor = this.#conductors.get(key);
    if (conductor?.generation === generation || this.#over.get(uid) === generation) return;
    if (isOver(live, generation)) return;
    if (conductor) await this.#stop(key, 'the spec has changed');
    else if (this.#conductors.size >= MAX_CONDUCTED) return { requeueAfterMs: RETRY_MS.first };
    const { sweep, refused } = admit(live);
    if (!sweep) return this.#refuse(live, refused);
    const stop = new AbortController();
    const ended = this.#conduct(key, live, sweep, stop.signal).finally(() => {
      if (this.#conductors.get(key)?.stop === stop) this.#conductors.delete(key);
    });
    this.#conductors.set(key, { uid, generation, stop, ended });
  }

  /** Lets go of every sweep; their Jobs go on. */
  async stop(): Promise<void> {
    await Promise.all(Array.from(this.#conductors.keys(), (key) => this.#stop(key, 'the operator is stopping')));
  }

  async #stop(key: string, why: string): Promise<void> {
    const conductor = this.#conductors.get(key);
    conductor?.stop.abort(new Error(why));
    await conductor?.ended;
  }

  /** A sweep from where it is to its end, or to something that has to be tried again later. Never rejects. */
  async #conduct(key: string, object: KubeObject, sweep: QdrantSweep, signal: AbortSignal): Promise<void> {
    const { store, log, events, datasetsDir, benchVersion, worldOf, onSweepEvent } = this.#options;
    const { uid = '', generation = 0 } = object.metadata;
    const child = log.child({ sweep: key, uid, generation });
    let closing: SweepStatus | undefined;
    try {
      const waits = new Waits();
      const world = await worldOf(sweep, object, signal, waits.set);
      const conclusion = await conductSweep(
        {
          sweep,
          datasetCache: datasetsDir,
          benchVersion,
          generation,
          triesAgain: true,
          waits,
          previous: conditionsOf(object),
          onStatus: (status) => {
            // What the end deletes has to be gone before anybody reads that this is the end.
            if (status.phase === 'Completed' || status.phase === 'Failed') closing = status;
            else if (!signal.aborted) this.#write(object, status);
          },
        },
        {
          store,
          target: world.target,
          jobs: world.jobs,
          ...(world.surroundings ? { surroundings: world.surroundings } : {}),
          now: this.#now,
          log: child,
          onEvent: (event) => {
            onSweepEvent(event);
            announce(event, object, events, child);
          },
        },
        signal,
      );
      if (signal.aborted) return;
      if (conclusion.stopped && conclusion.status.phase !== 'Failed')
        return this.#again(key, uid, object, conclusion, child);
      const keeps = conclusion.status.phase === 'Suspended' || sweep.spec.retention?.onFinish === 'Keep';
      const keepsBest = sweep.spec.retention?.onFinish === 'KeepBest' && conclusion.status.best;
      if (!keeps && !keepsBest) {
        await world.jobs.discardAll(signal);
        await world.target.dispose({ deleteData: true });
        // Let go of meanwhile: whoever comes next finds nothing left to do, and says so.
        if (signal.aborted) return;
      }
      this.#finish(uid, generation, object, closing ?? conclusion.status, conclusion.message);
      child.info({ phase: conclusion.status.phase, message: conclusion.message }, 'sweep over');
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof SweepStopped) {
        // What the spec names, a Secret for one, may be mended without the spec being touched.
        this.#refuse(object, error.message, true);
        return this.#retry(key, uid);
      }
      child.error({ err: error }, 'the sweep could not be conducted');
      this.#retry(key, uid);
    }
  }

  #finish(uid: string, generation: number, object: KubeObject, status: SweepStatus, message: string): void {
    this.#over.set(uid, generation);
    this.#failures.delete(uid);
    this.#write(object, status);
    const met = status.conditions.find(({ type }) => type === 'GoalMet');
    const failed = status.phase === 'Failed';
    this.#options.events.record(object, {
      type: failed || met?.status === 'False' ? 'Warning' : 'Normal',
      reason: failed ? 'Failed' : met?.status === 'True' ? 'GoalMet' : status.phase,
      note: status.best?.message ?? message,
    });
  }

  /** What cannot be reached, or recorded, now: said in the status, and tried again later. */
  #again(key: string, uid: string, object: KubeObject, { status, stopped, message }: Conclusion, log: Logger): void {
    this.#write(object, status);
    this.#options.events.record(object, { type: 'Warning', reason: stopped ?? 'Stopped', note: message });
    log.warn({ reason: stopped, message }, 'stopped for now');
    this.#retry(key, uid);
  }

  #retry(key: string, uid: string): void {
    const failures = (this.#failures.get(uid) ?? 0) + 1;
    this.#failures.set(uid, failures);
    const wait = Math.min(RETRY_MS.longest, RETRY_MS.first * 2 ** Math.min(10, failures - 1));
    this.#options.requeue(key, wait);
  }

  /** @param retry whether it may be accepted later as it is. */
  #refuse(object: KubeObject, message: string, retry = false): void {
    const { uid = '', generation = 0 } = object.metadata;
    const now = this.#now().toISOString();
    const status = report({
      phase: retry ? 'Pending' : 'Failed',
      outcome: { reason: 'InvalidSpec', message, failed: true, retry },
      generation,
      startedAt: now,
      now,
      running: 0,
      environment: { target: 'none: the spec is not valid', notes: [] },
      previous: conditionsOf(object),
      benchVersion: this.#options.benchVersion,
    });
    if (!retry) this.#over.set(uid, generation);
    this.#write(object, status);
    this.#options.events.record(object, { type: 'Warning', reason: 'InvalidSpec', note: message });
  }

  #write(object: KubeObject, status: SweepStatus): void {
    const { uid = '' } = object.metadata;
    this.#options.status.write({ ...refOf(SWEEP_KIND, object), uid }, { ...status });
  }

  /** Everything made for a deleted sweep goes, in an order that any step may be repeated in; then the resource may go. */
  async #cleanUp(key: string, object: KubeObject, signal: AbortSignal): Promise<void> {
    const { kube, status, log, worldOf } = this.#options;
    if (!object.metadata.finalizers?.includes(FINALIZER)) return;
    await this.#stop(key, 'the resource is being deleted');
    const { uid = '' } = object.metadata;
    status.forget({ uid });
    const { sweep } = admit(object);
    if (sweep) {
      const world = await worldOf(sweep, object, signal, () => undefined);
      await world.jobs.discardAll(signal);
      if (sweep.spec.target.external) await this.#removeCollections(sweep, world.target, signal);
      await world.target.dispose({ deleteData: true });
    }
    await removeFinalizer(kube, SWEEP_KIND, object, FINALIZER, signal);
    this.#over.delete(uid);
    this.#failures.delete(uid);
    log.info({ sweep: key, uid }, 'sweep deleted, with everything made for it');
  }

  /** On a Qdrant that is not ours, the collections of this sweep's histories on that very server, as the record knows them. */
  async #removeCollections(sweep: QdrantSweep, target: Target, signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    const { name, namespace = 'default' } = sweep.metadata;
    const url = sweep.spec.target.external?.url.replace(/\/$/, '');
    for (const experiment of await store.findExperiments(namespace, name)) {
      if (experiment.target.url !== url) continue;
      for (const attempt of await store.undeletedCollections(experiment.id)) {
        await target.remove(attempt.collection, signal);
        await store.collectionDeleted(experiment.id, attempt);
      }
    }
  }
}

/** Its conditions as last written. */
function conditionsOf(object: KubeObject): readonly Condition[] {
  return (object['status'] as { conditions?: Condition[] } | undefined)?.conditions ?? [];
}

/** Whether the status says that this very spec has been carried out. */
function isOver(object: KubeObject, generation: number): boolean {
  const status = object['status'] as { phase?: string; observedGeneration?: number } | undefined;
  return status?.observedGeneration === generation && ['Completed', 'Failed', 'Suspended'].includes(status.phase ?? '');
}
