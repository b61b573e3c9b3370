import type { Message } from '../../loadgen/protocol.ts';
import type { JobAddress } from './subjects.ts';

/** What ends a job's messages. */
export type FinalMessage = Extract<Message, { type: 'done' | 'failed' }>;

export interface ConsumeOptions {
  /** Awaited for each result, in order. What it resolves for is never delivered again, save after a crash. */
  onMessage: (message: Message) => Promise<void>;
  signal: AbortSignal;
  /** Told why `onMessage` rejected; a result comes again after a back-off, progress and series do not. */
  onError?: (error: unknown) => void;
}

/** Carries messages from the load generator's pods. */
export interface Bus {
  /** Streams and their limits exist and are as wanted. Tries until NATS answers. @throws {BusError} when the signal aborts first. */
  ready(signal: AbortSignal): Promise<void>;
  /**
   * Credentials for one job's pods (a creds file's text): they may publish the job's own subjects and hear the answers,
   * nothing else, until `expiresAt`. @throws {RangeError} for names that are no DNS labels.
   */
  credentials(job: JobAddress, expiresAt: Date): Promise<string>;
  /**
   * Delivers a job's messages. Results (`prepared`, `built`, `search`, `done`, `failed`) come in order, one at a time,
   * each acknowledged only after `onMessage` resolved: one whose `onMessage` rejected comes again after a back-off. After a
   * crash of this process the one in hand may come twice; after a crash of NATS, several of the last. `progress` and `series` come beside them, also one at a time; they
   * are never waited for and may be lost. What is no message of the protocol is dropped, counted and logged.
   *
   * Resolves once `done` or `failed` was handled, or at once when that had happened before. NATS may come and go meanwhile.
   * @throws the signal's reason when that aborts; a result being handled is finished and acknowledged first. {@link BusError}
   * when the bus was closed.
   */
  consume(job: JobAddress, options: ConsumeOptions): Promise<FinalMessage>;
  /** Whether the job's last result is `done` or `failed` and has not been consumed. @throws {BusError} */
  hasFinal(job: JobAddress): Promise<boolean>;
  /** Deletes all that is kept of a job: its consumer, its messages. Twice is harmless. @throws {BusError} */
  forget(job: JobAddress): Promise<void>;
  /** Does so for every job of a namespace whose name begins with `prefix`, whether anybody remembers it or not. @throws {BusError} */
  forgetAll(namespace: string, prefix: string): Promise<void>;
  close(): Promise<void>;
}

/** Why the bus could not do what was asked. */
export class BusError extends Error {
  override readonly name = 'BusError';
  /**
   * `BusUnreachable`: no answer; it may come. `BusRefused`: the server does not accept our credentials.
   * `BusMisconfigured`: it answers, but cannot do what is asked, or our keys are damaged.
   */
  readonly reason: 'BusUnreachable' | 'BusRefused' | 'BusMisconfigured';
  constructor(
    reason: BusError['reason'],
    /** What happened and what to do. */
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.reason = reason;
  }
}
