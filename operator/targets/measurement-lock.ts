import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { jobEnd } from '../owned/job-end.ts';
import { LABELS, MANAGER, type SweepRef } from '../owned/sweep-ref.ts';
import { type Clock, sleep, systemClock } from '../runtime/clock.ts';
import { KINDS } from '../runtime/kinds.ts';
import { alreadyExists, isConflict, isNotFound, type Kube, type KubeObject, type ObjectRef } from '../runtime/kube.ts';
import { learn, seenLease, type Knowledge } from '../runtime/lease.ts';
import { microTime } from '../runtime/micro-time.ts';

export interface MeasurementLockOptions {
  kube: Pick<Kube, 'get' | 'list' | 'create' | 'mergePatch'>;
  /** The installation's namespace: sweeps of all namespaces meet there. */
  namespace: string;
  /** The Qdrant that is measured. */
  url: string;
  sweep: SweepRef;
  log: Logger;
  clock?: Clock;
  /** Told why it waits; undefined when it does no more. */
  onWait?: (why: string | undefined) => void;
}

/** How often a holder shows that it is there. */
const RENEW_MS = 15_000;
/** A holder not heard of for so long, none of whose load generators runs, has died. */
const SILENT_MS = 60_000;
const POLL_MS = 2000;

/** Address for address, one Lease; two names of one server are not seen to be one. */
export function lockName(url: string): string {
  const { origin } = new URL(url);
  return `qdrant-bench-target-${createHash('sha256').update(origin).digest('hex').slice(0, 16)}`;
}

/**
 * One measurement at a time on a Qdrant that several sweeps use, whatever their namespaces: a Lease each. It is held by
 * a sweep, not by a process, so that the operator that follows goes on with what runs. A lock whose holder went silent
 * is taken over once no Job of the holder is alive: those measure on without their operator.
 */
export class MeasurementLock {
  readonly #options: MeasurementLockOptions;
  readonly #clock: Clock;
  readonly #me: string;
  readonly #ref: ObjectRef;
  /** The lease as last seen, and since when it has not changed, by our own clock. */
  #known: Knowledge | undefined;

  constructor(options: MeasurementLockOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { namespace, name, uid } = options.sweep;
    this.#me = `${namespace}/${name}/${uid}`;
    this.#ref = { ...KINDS.Lease, namespace: options.namespace, name: lockName(options.url) };
  }

  /** Resolves when the target is ours alone, to what lets go of it. The sweep that holds it already has it at once. */
  async take(signal: AbortSignal): Promise<() => Promise<void>> {
    const { onWait = () => undefined } = this.#options;
    for (;;) {
      if (await this.#try(signal)) break;
      onWait('another sweep measures on this Qdrant; it begins when that one lets go');
      await sleep(this.#clock, POLL_MS, signal);
    }
    onWait(undefined);
    const stop = new AbortController();
    const renewing = this.#renew(stop.signal);
    return async () => {
      stop.abort(new Error('the target is let go of'));
      await renewing;
      await this.#release();
    };
  }

  async #try(signal: AbortSignal): Promise<boolean> {
    const { kube } = this.#options;
    const found = await kube.get(this.#ref, signal);
    this.#known = learn(this.#known, seenLease(found), this.#clock.now());
    const { lease, since } = this.#known;
    if (!found || !lease) return this.#won(() => kube.create(this.#lease(), signal));
    const { holder, transitions } = lease;
    const free = holder === '' || holder === this.#me || (await this.#isDead(holder, since, signal));
    if (!free) return false;
    const leaseTransitions = transitions + (holder === this.#me ? 0 : 1);
    return this.#won(() => this.#patch(found, { ...this.#holding(), leaseTransitions }, signal));
  }

  /** False when somebody else was quicker. */
  async #won(write: () => Promise<unknown>): Promise<boolean> {
    try {
      await write();
      return true;
    } catch (error) {
      if (alreadyExists(error) || isConflict(error) || isNotFound(error)) return false;
      throw error;
    }
  }

  async #isDead(holder: string, since: number, signal: AbortSignal): Promise<boolean> {
    if (this.#clock.now() - since < SILENT_MS) return false;
    const [namespace = '', , uid = ''] = holder.split('/', 3);
    const labelSelector = `${LABELS.sweepUid}=${uid},${LABELS.component}=loadgen`;
    const jobs = await this.#options.kube.list(KINDS.Job, { namespace, labelSelector }, signal);
    return jobs.every(jobEnd);
  }

  /** Shows that the holder is there, until `signal`. What fails is tried again in its turn. */
  async #renew(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await sleep(this.#clock, RENEW_MS, signal);
        const lease = await this.#options.kube.get(this.#ref, signal);
        if (lease && this.#isMine(lease)) await this.#patch(lease, this.#holding(), signal);
        else this.#options.log.warn({ lease: this.#ref.name }, 'the lock on the target was taken by another');
      } catch (error) {
        if (signal.aborted) return;
        this.#options.log.warn({ err: error, lease: this.#ref.name }, 'the lock on the target was not renewed');
      }
    }
  }

  /** Never throws: a lock that stays behind is taken over by whoever finds it silent. */
  async #release(): Promise<void> {
    try {
      const lease = await this.#options.kube.get(this.#ref);
      if (lease && this.#isMine(lease)) await this.#patch(lease, { holderIdentity: null });
    } catch (error) {
      this.#options.log.warn({ err: error, lease: this.#ref.name }, 'the lock on the target was not let go of');
    }
  }

  #isMine(lease: KubeObject): boolean {
    return seenLease(lease)?.holder === this.#me;
  }

  #lease(): KubeObject {
    const { apiVersion, kind } = KINDS.Lease;
    const { namespace = '', name } = this.#ref;
    return {
      apiVersion,
      kind,
      metadata: { name, namespace, labels: { [LABELS.managedBy]: MANAGER } },
      spec: { ...this.#holding(), leaseTransitions: 0 },
    };
  }

  #holding(): object {
    return { holderIdentity: this.#me, renewTime: microTime(this.#clock.now()) };
  }

  #patch({ metadata }: KubeObject, spec: object, signal?: AbortSignal): Promise<KubeObject> {
    const { resourceVersion } = metadata;
    return this.#options.kube.mergePatch(this.#ref, { metadata: { resourceVersion }, spec }, signal);
  }
}
