import { type Clock, systemClock } from './clock.ts';

export interface HeartbeatOptions {
  /** Empty while all is well; else what has come to a halt. */
  checks: readonly (() => string)[];
  clock?: Clock;
}

const BEAT_MS = 1000;
/** Timers that come so late are no hiccup. */
const LATE_MS = 30_000;

/** Whether the process gets round to its work: its timers come, and no check says that something is stuck. */
export class Heartbeat {
  readonly #options: Required<HeartbeatOptions>;
  #last: number;
  #cancel: () => void = () => undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = { clock: systemClock, ...options };
    this.#last = this.#options.clock.now();
    this.#beat();
  }

  /** Empty while alive; else why this process should be ended and another one started. */
  get why(): string {
    const late = this.#options.clock.now() - this.#last;
    if (late > LATE_MS) return `the event loop has not come round for ${Math.round(late / 1000)} s`;
    return this.#options.checks.map((check) => check()).find((why) => why !== '') ?? '';
  }

  stop(): void {
    this.#cancel();
  }

  #beat(): void {
    this.#last = this.#options.clock.now();
    this.#cancel = this.#options.clock.after(BEAT_MS, () => this.#beat());
  }
}
