import type { Profile } from '../../crds/common/profiles.ts';

/** A stretch of time in which the rate goes in a straight line. */
export interface Stretch {
  seconds: number;
  /** 1/s at its beginning and at its end. */
  from: number;
  to: number;
}

/**
 * Each profile as stretches: [share of the window, share of the rate at its beginning, at its end]. The rate asked for is
 * the highest of the profile, so that it is what the server must bear.
 *
 * - `Constant`: the rate.
 * - `Ramp`: from a tenth of the rate to the rate, in a straight line.
 * - `Steps`: a quarter, half, three quarters and the whole of the rate, a quarter of the window each.
 * - `Spike`: a quarter of the rate; from two to three fifths of the window the whole.
 * - `Soak`: the rate, for a long window: what is looked for is change.
 */
const SHAPES: Readonly<Record<Profile, readonly (readonly [number, number, number])[]>> = {
  Constant: [[1, 1, 1]],
  Ramp: [[1, 0.1, 1]],
  Steps: [
    [0.25, 0.25, 0.25],
    [0.25, 0.5, 0.5],
    [0.25, 0.75, 0.75],
    [0.25, 1, 1],
  ],
  Spike: [
    [0.4, 0.25, 0.25],
    [0.2, 1, 1],
    [0.4, 0.25, 0.25],
  ],
  Soak: [[1, 1, 1]],
};

/** Mean of a profile's rate over its window, as a share of the rate asked for. */
export function meanShare(profile: Profile): number {
  return SHAPES[profile].reduce((sum, [share, from, to]) => sum + (share * (from + to)) / 2, 0);
}

/** A window's rate: the lead at the rate the profile begins with, then the profile over the counted seconds. */
export function profileRate(profile: Profile, rate: number, leadSeconds: number, seconds: number): RateFunction {
  const shape = SHAPES[profile];
  const first = rate * (shape[0]?.[1] ?? 1);
  const lead = leadSeconds > 0 ? [{ seconds: leadSeconds, from: first, to: first }] : [];
  return new RateFunction([
    ...lead,
    ...shape.map(([share, from, to]) => ({ seconds: share * seconds, from: rate * from, to: rate * to })),
  ]);
}

interface Placed extends Stretch {
  /** Seconds and expected arrivals before it. */
  start: number;
  before: number;
}

/** A rate over time, with its integral and the inverse of that: the time by which so many arrivals are expected. */
export class RateFunction {
  readonly #stretches: Placed[] = [];
  readonly seconds: number;
  /** Arrivals expected in all. */
  readonly total: number;

  constructor(stretches: readonly Stretch[]) {
    let [start, before] = [0, 0];
    for (const stretch of stretches) {
      this.#stretches.push({ ...stretch, start, before });
      start += stretch.seconds;
      before += ((stretch.from + stretch.to) / 2) * stretch.seconds;
    }
    this.seconds = start;
    this.total = before;
  }

  /** The same course at a share of the rate. */
  scaled(share: number): RateFunction {
    return new RateFunction(
      this.#stretches.map(({ seconds, from, to }) => ({ seconds, from: from * share, to: to * share })),
    );
  }

  /** The rate (1/s) at a time. */
  at(time: number): number {
    const { start, seconds, from, to } = this.#last((stretch) => stretch.start <= time);
    return from + (to - from) * Math.min(1, (time - start) / seconds);
  }

  /** Arrivals expected until a time: the rate's integral. */
  expected(time: number): number {
    const { start, before, seconds, from, to } = this.#last((stretch) => stretch.start <= time);
    const passed = Math.min(seconds, time - start);
    return before + from * passed + ((to - from) / (2 * seconds)) * passed * passed;
  }

  /** The time by which `arrivals` are expected: where the integral reaches it. */
  timeOf(arrivals: number): number {
    const { start, before, seconds, from, to } = this.#last((stretch) => stretch.before <= arrivals);
    const rest = arrivals - before;
    // The smaller root of slope/2·x² + from·x = rest, in the form that does not cancel.
    const slope = (to - from) / seconds;
    const x = (2 * rest) / (from + Math.sqrt(Math.max(0, from * from + 2 * slope * rest)));
    return start + Math.min(seconds, x);
  }

  #last(holds: (stretch: Placed) => boolean): Placed {
    for (let i = this.#stretches.length - 1; i > 0; i -= 1) {
      const stretch = this.#stretches[i] as Placed;
      if (holds(stretch)) return stretch;
    }
    return this.#stretches[0] as Placed;
  }
}
