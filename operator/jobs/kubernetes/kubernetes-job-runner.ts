import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { jobSchema, type Job, type Message } from '../../../loadgen/protocol.ts';
import { BusError, type Bus } from '../../bus/bus.ts';
import type { JobAddress } from '../../bus/subjects.ts';
import { KINDS } from '../../runtime/kinds.ts';
import { alreadyExists, type Kube, type KubeKind, type KubeObject } from '../../runtime/kube.ts';
import { JobLost, type FinalMessage, type JobRunner, type JobSecret } from '../job-runner.ts';
import { DatasetClaim } from './dataset-claim.ts';
import { LABELS, type SweepRef } from '../../owned/sweep-ref.ts';
import { jobName, namePrefix } from './job-name.ts';
import { jobObject, jobSecret, type LoadgenPodSettings } from './job-objects.ts';
import { jobState, type JobState } from './job-state.ts';
import { OwnedObjects } from './owned-objects.ts';

/** How long things may take, ms. */
export interface JobTimes {
  /** Between two looks at a Job. */
  poll: number;
  /** Until its pod runs: large images are pulled in this. */
  start: number;
  /** A hopeless-looking start is given so long to turn out well: Secrets and volumes may come later than the pod. */
  hopeless: number;
  /** Silence on the bus after which a job that ended is taken to have said all it had to say. */
  silence: number;
  /** Until a deleted Job's pods are gone. */
  gone: number;
}

const TIMES: JobTimes = { poll: 1000, start: 15 * 60_000, hopeless: 60_000, silence: 6000, gone: 5 * 60_000 };
/** A result that could not be recorded so often in a row, redelivered each time, stops the sweep. */
const MAX_RECORD_ERRORS = 6;

/** What is said about a job's pod, for whoever follows the sweep. */
export interface PodNews {
  job: string;
  state: JobState;
}

/**
 * Runs a sweep's jobs as batch/v1 Jobs, whose messages come over the bus. Jobs outlive this process: one that is asked
 * for again is listened to, not started twice; what it says meanwhile waits on the bus. An aborted `run` leaves its Job
 * alone. A Job is deleted only by `discard`, when its end is in the record.
 */
export class KubernetesJobRunner implements JobRunner {
  readonly #kube: Kube;
  readonly #bus: Bus;
  readonly #sweep: SweepRef;
  readonly #owned: OwnedObjects;
  readonly #claim: DatasetClaim;
  readonly #settings: LoadgenPodSettings;
  readonly #log: Logger;
  readonly #times: JobTimes;
  readonly #onPod: (news: PodNews) => void;

  constructor(options: {
    kube: Kube;
    bus: Bus;
    sweep: SweepRef;
    settings: LoadgenPodSettings;
    log: Logger;
    times?: Partial<JobTimes>;
    onPod?: (news: PodNews) => void;
  }) {
    this.#kube = options.kube;
    this.#bus = options.bus;
    this.#sweep = options.sweep;
    this.#owned = new OwnedObjects(options.kube, options.sweep);
    this.#claim = new DatasetClaim(options.kube, options.sweep);
    this.#settings = options.settings;
    this.#log = options.log;
    this.#times = { ...TIMES, ...options.times };
    this.#onPod = options.onPod ?? (() => undefined);
  }

  run: JobRunner['run'] = async (job, { onMessage, secrets = {}, signal }) => {
    signal.throwIfAborted();
    const name = jobName(this.#sweep, job);
    if (job.kind === 'Prepare') {
      const known = await this.#claim.prepared(name, signal);
      if (known) {
        await onMessage(known);
        return { type: 'done' };
      }
      await this.#claim.ensure(this.#settings, signal);
    }
    await this.#ensure(job, name, secrets, signal);
    const end = await this.#attend(job, name, onMessage, signal).catch(async (error: unknown) => {
      // Asked for again under the same name, a lost preparation would be found lost again.
      if (job.kind === 'Prepare' && error instanceof JobLost) await this.discard(job, signal);
      throw error;
    });
    // What was prepared is remembered on the claim; nothing else asks for this Job again.
    if (job.kind === 'Prepare') await this.discard(job, signal);
    return end;
  };

  pending: JobRunner['pending'] = async (signal) => {
    for (const object of await this.#ofJobs(KINDS.Job, signal)) {
      const job = await this.#document(object.metadata.name, signal);
      if (job) return job;
      this.#log.warn({ job: object.metadata.name }, 'a Job without its document; deleting it');
      await this.#delete(object.metadata.name, signal);
    }
    return undefined;
  };

  discard: JobRunner['discard'] = async (job, signal) => this.#delete(jobName(this.#sweep, job), signal);

  /**
   * Ends every job of the sweep, whoever started it, and has the bus forget also those that others deleted. Resolves once
   * no pod of theirs is left.
   */
  async discardAll(signal: AbortSignal): Promise<void> {
    for (const { metadata } of await this.#ofJobs(KINDS.Job, signal)) await this.#delete(metadata.name, signal);
    await this.#gone('jobs', () => this.#ofJobs(KINDS.Pod, signal), signal);
    const { namespace } = this.#sweep;
    await this.#forgotten('all', this.#bus.forgetAll(namespace, `${namePrefix(this.#sweep)}-`));
  }

  forgetDataset(signal: AbortSignal): Promise<void> {
    return this.#claim.delete(signal);
  }

  #address(name: string): JobAddress {
    return { namespace: this.#sweep.namespace, job: name };
  }

  /** The sweep's Jobs, or what belongs to them. */
  #ofJobs(kind: KubeKind, signal: AbortSignal): Promise<KubeObject[]> {
    const labelSelector = `${LABELS.sweepUid}=${this.#sweep.uid},${LABELS.component}=loadgen`;
    return this.#kube.list(kind, { namespace: this.#sweep.namespace, labelSelector }, signal);
  }

  async #ensure(
    job: Job,
    name: string,
    secrets: Readonly<Record<string, JobSecret>>,
    signal: AbortSignal,
  ): Promise<void> {
    const known = await this.#owned.get(KINDS.Job, name, signal);
    if (known) return this.#bind(known, signal);
    if (job.kind !== 'Prepare') await this.#claim.check(signal);
    await this.#owned.get(KINDS.Secret, name, signal);
    await this.#forgetEarlier(name, signal);
    const expires = new Date(Date.now() + (this.#settings.deadlineSeconds + 3600) * 1000);
    const credentials = await this.#bus.credentials(this.#address(name), expires);
    await this.#kube.apply(jobSecret(this.#sweep, job, credentials, secrets), { force: true }, signal);
    let made: KubeObject | undefined;
    try {
      made = await this.#kube.create(jobObject(this.#sweep, job, this.#settings, secrets), signal);
      this.#log.info({ job: name }, 'Job made');
    } catch (error) {
      if (alreadyExists(error)) made = await this.#owned.get(KINDS.Job, name, signal);
      if (!made) throw error;
    }
    await this.#bind(made, signal);
  }

  /** Has a Job's Secret go with the Job, whoever deletes that: Secrets are never listed, so none could be found later. */
  async #bind(job: KubeObject, signal: AbortSignal): Promise<void> {
    const { name, uid = '' } = job.metadata;
    const secret = await this.#owned.get(KINDS.Secret, name, signal);
    if (!secret || secret.metadata.ownerReferences?.some((owner) => owner.uid === uid)) return;
    const { apiVersion, kind } = KINDS.Job;
    const { resourceVersion } = secret.metadata;
    const patch = {
      metadata: { resourceVersion, ownerReferences: [{ apiVersion, kind, name, uid, controller: true }] },
    };
    await this.#kube.mergePatch(this.#owned.ref(KINDS.Secret, name), patch, signal);
  }

  /** What an earlier Job of this name said must not be taken for this one's words. Waits while NATS is away. */
  async #forgetEarlier(name: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        return await this.#bus.forget(this.#address(name));
      } catch (error) {
        if (!(error instanceof BusError && error.reason === 'BusUnreachable')) throw error;
        this.#log.warn({ err: error, job: name }, 'waiting for NATS before a Job is made');
      }
      await sleep(this.#times.poll, undefined, { signal });
    }
  }

  async #attend(
    job: Job,
    name: string,
    onMessage: (message: Message) => Promise<void>,
    signal: AbortSignal,
  ): Promise<FinalMessage> {
    const over = new AbortController();
    const both = AbortSignal.any([signal, over.signal]);
    const broken = Promise.withResolvers<never>();
    /** Results refused in a row. */
    let errors = 0;
    let handling = false;
    let heardAt = Date.now();
    const heard = this.#bus.consume(this.#address(name), {
      signal: both,
      onMessage: async (message) => {
        heardAt = Date.now();
        // These come beside the results, and are not delivered again.
        if (message.type === 'progress' || message.type === 'series') return onMessage(message);
        handling = true;
        try {
          await onMessage(message);
          if (message.type === 'prepared' && job.kind === 'Prepare') await this.#claim.remember(name, message, signal);
          errors = 0;
        } catch (error) {
          errors += 1;
          if (errors >= MAX_RECORD_ERRORS) broken.reject(error as Error);
          throw error;
        } finally {
          handling = false;
          heardAt = Date.now();
        }
      },
    });
    const ended = this.#ended(name, both).then(async (how) => {
      // Nothing is silent while a result is in hand, or refused and to come again.
      await this.#silence(name, () => (handling || errors > 0 ? Date.now() : heardAt), both);
      throw new JobLost(`the load generator's pod ended without a last word: ${how}`);
    });
    // Whichever comes second is of no interest, also when it fails.
    for (const promise of [heard, ended, broken.promise]) promise.catch(() => undefined);
    try {
      return await Promise.race([heard, ended, broken.promise]);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      over.abort(new Error('the job is over'));
      await heard.catch(() => undefined);
    }
  }

  /** Waits until nothing of the Job runs. @throws {JobLost} when its pod will never run. */
  async #ended(name: string, signal: AbortSignal): Promise<string> {
    let startingSince = Date.now();
    let hopelessSince: number | undefined;
    let told = '';
    for (;;) {
      const state = await this.#state(name, signal).catch((error: unknown) => {
        signal.throwIfAborted();
        this.#log.warn({ err: error, job: name }, 'the Job could not be read');
        return undefined;
      });
      const text = JSON.stringify(state);
      if (state && text !== told) this.#onPod({ job: name, state });
      told = text ?? told;
      if (state?.kind === 'Ended') return state.how;
      if (state?.kind === 'Running') startingSince = Date.now();
      if (state?.kind === 'Starting') {
        hopelessSince = state.hopeless ? (hopelessSince ?? Date.now()) : undefined;
        const waited = Date.now() - startingSince;
        const hopeless = hopelessSince !== undefined && Date.now() - hopelessSince > this.#times.hopeless;
        if (hopeless || waited > this.#times.start) {
          throw new JobLost(`its pod did not start in ${Math.round(waited / 1000)} s: ${state.why}`);
        }
      }
      await sleep(this.#times.poll, undefined, { signal });
    }
  }

  async #state(name: string, signal: AbortSignal): Promise<JobState> {
    const job = await this.#kube.get(this.#owned.ref(KINDS.Job, name), signal);
    return jobState(job, await this.#pods(name, signal));
  }

  #pods(name: string, signal: AbortSignal): Promise<KubeObject[]> {
    const labelSelector = `batch.kubernetes.io/job-name=${name}`;
    return this.#kube.list(KINDS.Pod, { namespace: this.#sweep.namespace, labelSelector }, signal);
  }

  /** What a pod published before it died is handled first. NATS has to answer: while it is away, nothing is known. */
  async #silence(name: string, heardAt: () => number, signal: AbortSignal): Promise<void> {
    const since = Date.now();
    for (;;) {
      await sleep(this.#times.poll, undefined, { signal });
      const answered = await this.#bus.hasFinal(this.#address(name)).then(
        (final) => !final,
        () => false,
      );
      if (answered && Date.now() - Math.max(since, heardAt()) > this.#times.silence) return;
    }
  }

  async #delete(name: string, signal: AbortSignal): Promise<void> {
    if (!(await this.#owned.delete(KINDS.Job, name, signal))) return;
    await this.#gone(`Job ${this.#sweep.namespace}/${name}`, () => this.#pods(name, signal), signal);
    await this.#owned.delete(KINDS.Secret, name, signal);
    await this.#forgotten(name, this.#bus.forget(this.#address(name)));
  }

  async #gone(whose: string, pods: () => Promise<KubeObject[]>, signal: AbortSignal): Promise<void> {
    const until = Date.now() + this.#times.gone;
    while ((await pods()).length > 0) {
      if (Date.now() > until) {
        throw new Error(`pods of ${whose} are still there; look at its node, or delete them by force`);
      }
      await sleep(Math.min(500, this.#times.poll), undefined, { signal });
    }
  }

  /** Messages that stay behind age out; a bus that is away must not hold up a deletion. */
  async #forgotten(job: string, forgetting: Promise<void>): Promise<void> {
    await forgetting.catch((error: unknown) => this.#log.warn({ err: error, job }, 'its messages were not deleted'));
  }

  /** The job a Job's Secret holds; undefined when it is gone or not readable by this version. */
  async #document(name: string, signal: AbortSignal): Promise<Job | undefined> {
    const secret = await this.#kube.get(this.#owned.ref(KINDS.Secret, name), signal);
    const text = (secret?.['data'] as Record<string, string> | undefined)?.['job.json'];
    if (text === undefined) return undefined;
    try {
      return jobSchema.safeParse(JSON.parse(Buffer.from(text, 'base64').toString('utf8'))).data;
    } catch {
      return undefined;
    }
  }
}
