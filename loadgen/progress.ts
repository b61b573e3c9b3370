import type { ProgressMessage, Publish } from './protocol.ts';

/** Says where the job is, at most five times a second; the first word of a phase and a finished one are always said. */
export class Progress {
  readonly #publish: Publish;
  readonly #now: () => number;
  #phase: ProgressMessage['phase'] | undefined;
  #phaseStart = 0;
  #said = -Infinity;
  #pending: Promise<void> = Promise.resolve();

  constructor(publish: Publish, now: () => number = () => performance.now()) {
    this.#publish = publish;
    this.#now = now;
  }

  /** `rate` is computed from the phase's beginning when not given as a number; `false` leaves it out. */
  say(phase: ProgressMessage['phase'], done: number, total: number, detail?: string, rate: number | false = NaN): void {
    const now = this.#now();
    const fresh = phase !== this.#phase;
    if (fresh) {
      this.#phase = phase;
      this.#phaseStart = now;
    }
    if (!fresh && now - this.#said < 200 && done < total) return;
    this.#said = now;
    const elapsed = (now - this.#phaseStart) / 1000;
    const computed =
      rate === false ? undefined : Number.isNaN(rate) ? (elapsed > 0 ? done / elapsed : undefined) : rate;
    // Progress may lag behind, but never holds up the work it tells of.
    this.#pending = this.#pending.then(() =>
      this.#publish({
        type: 'progress',
        phase,
        done,
        total,
        ...(computed === undefined ? {} : { rate: computed }),
        ...(detail === undefined ? {} : { detail: detail.slice(0, 256) }),
      }),
    );
    this.#pending.catch(() => undefined);
  }

  /** Until all that was said is handed over, so that nothing follows the end. */
  async flush(): Promise<void> {
    await this.#pending;
  }
}
