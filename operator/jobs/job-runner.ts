import type { Job, Message } from '../../loadgen/protocol.ts';

/** How a job ended that said neither `done` nor `failed`: killed, crashed, or speaking nonsense. */
export class JobLost extends Error {
  override readonly name = 'JobLost';
}

/** What ends a job. */
export type FinalMessage = Extract<Message, { type: 'done' | 'failed' }>;

/** A key of a Secret in the sweep's namespace. */
export interface SecretKeyRef {
  name: string;
  key: string;
}

/** Something secret a job is given: its text, or where it is found by who runs the job. */
export type JobSecret = string | { secretKeyRef: SecretKeyRef };

/** Starts load generator jobs somewhere: a process here, a Job's pod in a cluster. */
export interface JobRunner {
  /**
   * Runs one job to its end. `onMessage` is awaited for each message, in order; a job is over once every message of it
   * was handled. `secrets` become environment variables of the job, by name.
   * @returns the last message, `done` or `failed`.
   * @throws {JobLost} when the job ended without one; the reason of `signal` when that was aborted.
   */
  run(
    job: Job,
    options: {
      onMessage: (message: Message) => Promise<void>;
      secrets?: Readonly<Record<string, JobSecret>>;
      signal: AbortSignal;
    },
  ): Promise<FinalMessage>;
  /**
   * A job that an earlier process started for this sweep and whose end nobody has heard; `run` with it listens on instead
   * of starting another. undefined where jobs die with the process that started them.
   */
  pending(signal: AbortSignal): Promise<Job | undefined>;
  /** Ends a job nobody waits for any more; resolves once nothing of it runs. Twice is harmless. */
  discard(job: Job, signal: AbortSignal): Promise<void>;
}
