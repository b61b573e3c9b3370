import type { Logger } from 'pino';
import type { QdrantSweep } from '../../crds/sweep/sweep.ts';
import { hasEnded, isFinished, type SweepStatus } from '../../crds/sweep/sweep-status.ts';
import { SWEEP_KIND } from '../kinds.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { EventRecorder } from '../runtime/events.ts';
import { ensureFinalizer, removeFinalizer } from '../runtime/finalizers.ts';
import { refOf, type Kube, type KubeObject } from '../runtime/kube.ts';
import type { RunResult } from '../runtime/reconcile.ts';
import type { StatusWriter } from '../runtime/status-writer.ts';
import { admit, type Refusal } from './admission.ts';
import { announce } from './announce.ts';
import { CleanUp } from './clean-up.ts';
import { ACCEPT_LOSS } from './begin.ts';
import { conductSweep, type Conclusion } from './conduct.ts';
import { isOver, statusOf } from './last-status.ts';
import { DEFAULT_LIMITS, whyWait, type Limits } from './places.ts';
import { SweepStopped, type SweepEvent } from './ports.ts';
import { report, type Situation } from './report.ts';
import { expiresAt, keepsTarget, type Retention } from './retention.ts';
import { resolveSettings } from './settings.ts';
import { Waits } from './waits.ts';
import type { WorldOf } from './world.ts';

/** Keeps a sweep's resource until everything made for it is gone. */
export const FINALIZER = 'qdrantbench.io/cleanup';
/** With the value `true`: the sweep is left as it is, but for its deletion. What runs goes on. */
export const PAUSED = 'qdrantbench.io/paused';

export interface ControllerOptions {
  kube: Kube;
  /** The sweeps as the cache has them. */
  cached: (namespace: string, name: string) => KubeObject | undefined;
  worldOf: WorldOf;
  store: RunStore;
  status: StatusWriter;
  events: EventRecorder;
  log: Logger;
  /** Has a key reconciled again. */
  requeue: (key: string, afterMs: number) => void;
  onSweepEvent: (event: SweepEvent) => void;
  datasetsDir: string;
  benchVersion: string;
  limits?: Limits;
  now?: () => Date;
}

/** A sweep that is being conducted by this process. */
interface Conductor {
  uid: string;
  generation: number;
  stop: AbortController;
  ended: Promise<void>;
}

/** First and longest pause before what could not be reached is tried again. */
const RETRY_MS = { first: 5000, longest: 300_000 };
/** Those that wait are called when a place is free; this is for when that call was lost. */
const WAIT_MS = 60_000;

/**
 * Keeps one conductor for every sweep that has work to do, and none for any other. What a sweep has come to is in the
 * record, in its Jobs and on the bus; a conductor holds nothing that matters, and may be ended at any moment and
 * started again, by this process or the next.
 */
export class SweepController {
  readonly #options: ControllerOptions;
  readonly #now: () => Date;
  readonly #cleanUp: CleanUp;
  readonly #conductors = new Map<string, Conductor>();
  /** Sweeps for which there is no place, in order of arrival, and what they were told. */
  readonly #waiting = new Map<string, string>();
  /** Sweeps that came to an end here, by UID: the cache may not have their status yet. */
  readonly #over = new Map<string, number>();
  /** Of which nothing but the resource and its history is left, by UID: since which generation. */
  readonly #expired = new Map<string, number>();
  readonly #failures = new Map<string, number>();

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
    this.#cleanUp = new CleanUp(options.worldOf, options.store);
  }

  /** Brings one sweep, `namespace/name`, nearer to what it should be. */
  async reconcile(key: string, signal: AbortSignal): Promise<RunResult | void> {
    const [namespace = '', name = ''] = key.split('/', 2);
    const object = this.#options.cached(namespace, name);
    const running = this.#conductors.get(key);
    if (running && running.uid !== object?.metadata.uid) await this.#stop(key, 'the resource is gone');
    if (!object || object.metadata.deletionTimestamp) this.#waiting.delete(key);
    if (!object) return;
    if (object.metadata.deletionTimestamp) return this.#delete(key, object, signal);
    if (object.metadata.annotations?.[PAUSED] === 'true') return this.#pause(key, object);
    const live = await ensureFinalizer(this.#options.kube, SWEEP_KIND, object, FINALIZER, signal);
    if (!live) return;

    const { uid = '', generation = 0 } = live.metadata;
    const conductor = this.#conductors.get(key);
    if (conductor?.generation === generation) return;
    if (this.#over.get(uid) === generation || isOver(live, generation)) return this.#expire(live, signal);
    if (conductor) await this.#stop(key, 'the spec has changed');
    const { sweep, refused } = admit(live);
    if (!sweep) return this.#refuse(live, refused);
    const { limits = DEFAULT_LIMITS } = this.#options;
    const why = whyWait(key, [...this.#conductors.keys()], [...this.#waiting.keys()], limits);
    if (why) return this.#wait(key, live, why);
    this.#waiting.delete(key);
    const stop = new AbortController();
    const ended = this.#conduct(key, live, sweep, stop.signal).finally(() => {
      if (this.#conductors.get(key)?.stop === stop) this.#conductors.delete(key);
      for (const other of this.#waiting.keys()) this.#options.requeue(other, 0);
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
      const world = await worldOf(sweep.spec, object, signal, waits.set);
      const conclusion = await conductSweep(
        {
          sweep,
          datasetCache: datasetsDir,
          benchVersion,
          generation,
          triesAgain: true,
          waits,
          before: statusOf(object),
          acceptedLoss: Number(object.metadata.annotations?.[ACCEPT_LOSS]) || 0,
          onStatus: (status) => {
            // What the end deletes has to be gone before anybody reads that this is the end.
            if (isFinished(status.phase)) closing = status;
            else if (!signal.aborted) this.#write(object, status);
          },
        },
        {
          ...world,
          store,
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
      const { phase, best } = conclusion.status;
      if (!keepsTarget(sweep.spec.retention ?? {}, phase, best !== undefined)) {
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
        this.#refuse(object, { reason: 'InvalidSpec', message: error.message }, true);
        return this.#retry(key, uid);
      }
      child.error({ err: error }, 'the sweep could not be conducted');
      this.#sayWhy(object, error);
      this.#retry(key, uid);
    }
  }

  /** Nobody who looks at a sweep looks at our log: what we did not foresee has to be in its status. */
  #sayWhy(object: KubeObject, error: unknown): void {
    const phase = statusOf(object)?.phase ?? 'Pending';
    const message = error instanceof Error ? error.message : String(error);
    this.#say(object, {
      phase: hasEnded(phase) ? 'Pending' : phase,
      outcome: { reason: 'Internal', message, failed: true, retry: true },
    });
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
  #refuse(object: KubeObject, { reason, message }: Refusal, retry = false): void {
    const { uid = '', generation = 0 } = object.metadata;
    this.#say(object, {
      phase: retry ? 'Pending' : 'Failed',
      outcome: { reason, message, failed: true, retry },
    });
    if (!retry) this.#over.set(uid, generation);
    this.#options.events.record(object, { type: 'Warning', reason, note: message });
  }

  /** Says why it has to wait for others to end. */
  #wait(key: string, object: KubeObject, why: string): RunResult {
    if (this.#waiting.get(key) !== why) this.#say(object, { phase: 'Pending', waiting: why });
    this.#waiting.set(key, why);
    return { requeueAfterMs: WAIT_MS };
  }

  async #pause(key: string, object: KubeObject): Promise<void> {
    this.#waiting.delete(key);
    await this.#stop(key, 'the resource is paused');
    const phase = statusOf(object)?.phase ?? 'Pending';
    if (hasEnded(phase)) return;
    this.#say(object, { phase, paused: `the annotation ${PAUSED} is "true": nothing is begun until it is removed` });
  }

  /** A status of a sweep that nobody conducts. */
  #say(object: KubeObject, said: Pick<Situation, 'phase' | 'outcome' | 'waiting' | 'paused'>): void {
    const now = this.#now().toISOString();
    const before = statusOf(object);
    const status = report({
      ...said,
      generation: object.metadata.generation ?? 0,
      startedAt: before?.startedAt ?? now,
      now,
      running: 0,
      environment: {
        target: before?.environment.target ?? 'not looked at yet',
        notes: before?.environment.notes ?? [],
      },
      before,
      benchVersion: this.#options.benchVersion,
    });
    this.#write(object, status);
  }

  #write(object: KubeObject, status: SweepStatus): void {
    const { uid = '' } = object.metadata;
    this.#options.status.write({ ...refOf(SWEEP_KIND, object), uid }, { ...status });
  }

  /** Once a finished sweep's time has come, nothing but the resource and its history stays. */
  async #expire(object: KubeObject, signal: AbortSignal): Promise<RunResult | void> {
    const { uid = '', generation = 0 } = object.metadata;
    const { sweep } = admit(object);
    const { finishedAt, phase, observedGeneration } = statusOf(object) ?? {};
    if (!sweep || !finishedAt || phase === 'Suspended' || observedGeneration !== generation) return;
    if (this.#expired.get(uid) === generation) return;
    const { pricePerHour: perHour, currency } = resolveSettings(sweep.spec);
    const retention: Retention = sweep.spec.retention ?? {};
    const left = expiresAt(retention, finishedAt, perHour === undefined ? undefined : { perHour, currency });
    const leftMs = left.getTime() - this.#now().getTime();
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    await this.#cleanUp.everything(object, signal);
    await this.#cleanUp.details(object);
    this.#expired.set(uid, generation);
    const note = 'what was kept of it is deleted: its time to live, or what it may cost, is over';
    this.#options.events.record(object, { type: 'Normal', reason: 'Expired', note });
  }

  /** Everything made for a deleted sweep goes; then the resource may go. */
  async #delete(key: string, object: KubeObject, signal: AbortSignal): Promise<void> {
    const { kube, status, log, events } = this.#options;
    if (!object.metadata.finalizers?.includes(FINALIZER)) return;
    await this.#stop(key, 'the resource is being deleted');
    const { uid = '' } = object.metadata;
    status.forget({ uid });
    const { retention } = (object['spec'] ?? {}) as { retention?: Retention };
    try {
      if (retention?.onDelete === 'Keep') await this.#cleanUp.jobs(object, signal);
      else await this.#cleanUp.everything(object, signal);
      await removeFinalizer(kube, SWEEP_KIND, object, FINALIZER, signal);
    } catch (error) {
      signal.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      const note = `what it made is not deleted yet, and it stays until then: ${why}. When that is gone for good, remove the finalizer ${FINALIZER}`;
      events.record(object, { type: 'Warning', reason: 'CleanupFailed', note });
      throw error;
    }
    for (const known of [this.#over, this.#expired, this.#failures]) known.delete(uid);
    log.info({ sweep: key, uid, kept: retention?.onDelete === 'Keep' }, 'sweep deleted, with everything made for it');
  }
}
