/** Seconds that count for the rate of the moment. */
const SPAN = 10;

/** How fast something goes right now: over the last ten seconds, or since it began. Times in seconds on one clock. */
export class RateMeter {
  readonly #marks: { at: number; done: number }[];

  constructor(at: number) {
    this.#marks = [{ at, done: 0 }];
  }

  /** That `done` are done in all. */
  mark(at: number, done: number): void {
    const last = this.#marks.at(-1) as { at: number; done: number };
    // Ten marks a second are enough.
    if (this.#marks.length > 1 && at - (this.#marks.at(-2) as { at: number }).at < 0.1) {
      last.at = at;
      last.done = done;
    } else this.#marks.push({ at, done });
    while (this.#marks.length > 2 && (this.#marks[1] as { at: number }).at <= at - SPAN) this.#marks.shift();
  }

  /** Units a second at second `at`; undefined before the first. */
  rate(at: number): number | undefined {
    const [first, last] = [this.#marks[0], this.#marks.at(-1)] as [{ at: number; done: number }, { done: number }];
    return last.done > first.done && at > first.at ? (last.done - first.done) / (at - first.at) : undefined;
  }
}
