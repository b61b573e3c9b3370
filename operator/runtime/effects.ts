import type { Logger } from 'pino';

/** A death to try, for tests of what is left behind. */
export interface Fault {
  /**
   * `kill-after`: the caller gets the answer of that write and begins no other one.
   * `kill-before-answer`: the write is carried out, and whoever asked for it never hears.
   */
  mode: 'kill-after' | 'kill-before-answer';
  /** Number of the write, from 1. */
  at: number;
}

export interface EffectsOptions {
  log?: Pick<Logger, 'debug'>;
  /** Told of each write when it is over. */
  onWrite?: (what: string, outcome: 'done' | 'failed') => void;
  /** Whether this process may write this now; a standby, or a leader that lost its lease, may not. */
  mayWrite?: (what: string) => boolean;
  fault?: Fault | undefined;
  /** Ends the process at once. */
  kill?: () => void;
}

/** A write was not begun: this process does not lead, or does so no more. */
export class NotLeading extends Error {
  override readonly name = 'NotLeading';
  readonly reason = 'NotLeading';
  constructor(what: string) {
    super(`${what}: not done, for this process is not the leader; the one that is carries on`);
  }
}

/** Come by the clock and not by the work, so that a number would mean another write in each run. */
const BY_THE_CLOCK = /^election |^bus in progress$/;

/** The writes by which a process becomes the leader, which nobody else may hold up. */
export const isElection = (what: string): boolean => what.startsWith('election ');

/**
 * Every write to the world outside this process, one after the other numbered. Adapters perform theirs here and nowhere
 * else (dev/house/effects.test.ts), so that writes are counted, that one place says whether there may be any, and that a
 * test can have the process die at each of them. Reads are no effects.
 */
export class Effects {
  #options: EffectsOptions = {};
  #count = 0;
  #dying = false;

  /** Replaces all that was set before, and begins to count anew. */
  configure(options: EffectsOptions): void {
    this.#options = options;
    this.#count = 0;
  }

  /** Writes begun, those that come by the clock apart. */
  get count(): number {
    return this.#count;
  }

  /**
   * Carries out one write and passes on its outcome.
   * @param what who writes what, from a small closed list: `kube create Job`; no names of objects
   * @throws {NotLeading} when this process may not write; nothing was begun
   */
  async perform<T>(what: string, write: () => Promise<T> | T): Promise<T> {
    const { log, onWrite, mayWrite, fault } = this.#options;
    if (this.#dying) return never();
    if (mayWrite && !mayWrite(what)) throw new NotLeading(what);
    const number = BY_THE_CLOCK.test(what) ? undefined : (this.#count += 1);
    const dies = fault !== undefined && fault.at === number ? fault.mode : undefined;
    let outcome: 'done' | 'failed' = 'failed';
    try {
      const answer = await write();
      outcome = 'done';
      return dies === 'kill-before-answer' ? this.#die() : answer;
    } catch (error) {
      if (dies === 'kill-before-answer') return this.#die();
      throw error;
    } finally {
      log?.debug({ number, what, outcome }, 'effect');
      onWrite?.(what, outcome);
      if (dies === 'kill-after') {
        this.#dying = true;
        setImmediate(() => this.#kill());
      }
    }
  }

  #die(): Promise<never> {
    this.#dying = true;
    this.#kill();
    return never();
  }

  #kill(): void {
    (this.#options.kill ?? killSelf)();
  }
}

/** Those of this process. */
export const effects = new Effects();

/** @throws {RangeError} for anything but `kill-after:N` and `kill-before-answer:N`. */
export function parseFault(text: string): Fault {
  const [, mode, at] = /^(kill-after|kill-before-answer):([1-9]\d{0,8})$/.exec(text) ?? [];
  if (!mode) throw new RangeError('expected kill-after:N or kill-before-answer:N, N from 1');
  return { mode: mode as Fault['mode'], at: Number(at) };
}

const never = (): Promise<never> => new Promise(() => undefined);

function killSelf(): void {
  process.kill(process.pid, 'SIGKILL');
  // The first process of a container cannot kill itself: the kernel does not deliver it.
  process.exit(137);
}
