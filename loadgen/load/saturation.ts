/** What one window at one rate showed, as far as the search for the highest sustainable rate is concerned. */
export interface WindowResult {
  /** Was every rule met? */
  sustainable: boolean;
  /** Answers a second. Above capacity this is an estimate of it. */
  achieved: number;
  /** The window says nothing about the server: the load generator was the limit. */
  void: boolean;
  /** Rules about latency were broken, not capacity: `achieved` then says nothing about the limit. */
  latency: boolean;
}

/** `Full` windows are measured by all rules; `Scout` windows are shorter and only steer. */
export type WindowKind = 'Scout' | 'Full';

export type Step = { kind: 'Window'; rate: number; window: WindowKind } | { kind: 'Finished'; outcome: Outcome };

export type Outcome =
  /** `low` was sustained, `high` was not. `converged`: high/low ≤ the wanted ratio and both are confirmed. */
  | { kind: 'Found'; low: number; high: number; converged: boolean }
  /** Not even the lowest rate tried was sustained. */
  | { kind: 'NoSustainableRate'; lowest: number }
  /** Windows at the same rates kept contradicting each other. */
  | { kind: 'Unstable'; low: number | undefined; high: number | undefined }
  | { kind: 'ClientLimited'; rate: number };

export interface SaturationOptions {
  startRate: number;
  /** Wanted high/low. Default 1.05. */
  ratio?: number;
  /** Factor of the first climbing step; each further one is twice as large (in logarithms), up to 1.4. Default 1.4. */
  climb?: number;
  /** Windows that must agree on each end of the bracket. Default 2: two of three. */
  confirmations?: number;
  /** Steer with short windows. Default true. */
  scouts?: boolean;
  /** Most windows in all. Default 24. */
  maxWindows?: number;
}

interface Votes {
  good: number;
  bad: number;
  fullGood: number;
}

export interface SaturationState {
  readonly options: Required<SaturationOptions>;
  readonly votes: ReadonlyMap<number, Votes>;
  /** Highest rate believed sustainable, lowest believed not; low < high. */
  readonly low: number | undefined;
  readonly high: number | undefined;
  /** Lowest rate achieved beyond capacity. */
  readonly capacity: number | undefined;
  readonly windows: number;
  /** Windows in which the load generator was the limit: in all, and in a row. */
  readonly voids: number;
  readonly voidsInRow: number;
  /** Informed probes so far: their number is limited, bisection surely ends. */
  readonly informed: number;
  readonly step: Step;
}

const MAX_CLIMB = 1.4;
/** Different rates tried before giving up on one that can be sustained. */
const MAX_DESCENTS = 7;
const MAX_INFORMED = 3;
const MAX_VOIDS = 8;
const MAX_VOIDS_IN_ROW = 3;

/** Begins a search at `startRate`, by experience somewhat below what will be found. */
export function startSaturation(options: SaturationOptions): SaturationState {
  const all = { ratio: 1.05, climb: MAX_CLIMB, confirmations: 2, scouts: true, maxWindows: 24, ...options };
  return {
    options: all,
    votes: new Map(),
    low: undefined,
    high: undefined,
    capacity: undefined,
    windows: 0,
    voids: 0,
    voidsInRow: 0,
    informed: 0,
    step: { kind: 'Window', rate: all.startRate, window: all.scouts ? 'Scout' : 'Full' },
  };
}

/**
 * The next step of the search for the highest sustainable rate; a pure state machine. It climbs until a rate is too high,
 * closes in between the highest good and the lowest bad rate, first by what the overload itself revealed of the
 * capacity, then by bisection, until they differ by 5 % at most, and confirms. Near the limit single windows are not
 * repeatable: each end of the bracket needs the majority of its windows, two at least, the lower end a full one. So a
 * transient stall of the server costs a window or two, not the result.
 */
export function nextStep(state: SaturationState, result: WindowResult): SaturationState {
  const { step } = state;
  if (step.kind === 'Finished') return state;
  const { rate } = step;
  const counted: SaturationState = { ...state, windows: state.windows + 1 };
  if (result.void) {
    const voids = { ...counted, voids: state.voids + 1, voidsInRow: state.voidsInRow + 1 };
    const over = voids.voids >= MAX_VOIDS || voids.voidsInRow >= MAX_VOIDS_IN_ROW;
    return over ? finished(voids, { kind: 'ClientLimited', rate }) : voids;
  }
  const votes = new Map(state.votes);
  const { good, bad, fullGood } = votes.get(rate) ?? { good: 0, bad: 0, fullGood: 0 };
  votes.set(
    rate,
    result.sustainable
      ? { good: good + 1, bad, fullGood: fullGood + (step.window === 'Full' ? 1 : 0) }
      : { good, bad: bad + 1, fullGood },
  );
  const overloaded = !result.sustainable && !result.latency;
  const capacity = overloaded ? Math.min(result.achieved, state.capacity ?? Infinity) : state.capacity;
  return decide({ ...counted, votes, ...bracket(votes), capacity, voidsInRow: 0 }, rate);
}

/** The majority at each rate, and from it the lowest bad rate and the highest good one below it. */
function bracket(votes: ReadonlyMap<number, Votes>): { low: number | undefined; high: number | undefined } {
  let low: number | undefined;
  for (const rate of [...votes.keys()].sort((a, b) => a - b)) {
    const { good, bad } = votes.get(rate) as Votes;
    if (bad >= good) return { low, high: rate };
    low = rate;
  }
  return { low, high: undefined };
}

function decide(state: SaturationState, last: number): SaturationState {
  const { low, high, options, votes, windows } = state;
  if (windows >= options.maxWindows) return finished(state, atLimit(state));

  // A rate whose windows disagree is decided before anything is built on it.
  const { good, bad } = votes.get(last) as Votes;
  if (good === bad) return window(state, last, 'Full');

  if (low === undefined) {
    const lowest = high as number;
    if (votes.size >= MAX_DESCENTS) return finished(state, { kind: 'NoSustainableRate', lowest });
    const step = Math.min(1.3, options.climb);
    const next = state.capacity === undefined ? lowest / 2 : Math.min(lowest / step, state.capacity * 0.97);
    return window(state, Math.max(lowest / 4, next), 'Scout');
  }
  if (high === undefined) {
    const factor = Math.min(MAX_CLIMB, options.climb ** (2 ** Math.min(8, votes.size - 1)));
    return window(state, low * factor, 'Scout');
  }
  // Rounding must not cost another window.
  if (high / low > options.ratio * 1.0001) {
    return window({ ...state, informed: state.informed + 1 }, between(state, low, high), 'Scout');
  }

  const lowVotes = votes.get(low) as Votes;
  if (lowVotes.fullGood === 0 || lowVotes.good < options.confirmations) return window(state, low, 'Full');
  const highVotes = votes.get(high) as Votes;
  if (highVotes.bad < options.confirmations) return window(state, high, 'Full');
  return finished(state, { kind: 'Found', low, high, converged: true });
}

/** Where to look within the bracket. */
function between(state: SaturationState, low: number, high: number): number {
  const { capacity, informed, options } = state;
  if (capacity !== undefined && informed < MAX_INFORMED) {
    // Just below the estimated capacity, to become the lower end; or just above it, to become the upper one.
    const below = capacity * 0.98;
    if (below > low * 1.01 && below < high / 1.01) return below;
    const above = low * options.ratio;
    if (capacity < above && above < high / 1.005) return above;
  }
  return Math.sqrt(low * high);
}

function atLimit(state: SaturationState): Outcome {
  const { low, high, votes, options } = state;
  if (low !== undefined && high !== undefined && (votes.get(low) as Votes).fullGood > 0) {
    return { kind: 'Found', low, high, converged: high / low <= options.ratio * 1.0001 };
  }
  return { kind: 'Unstable', low, high };
}

function window(state: SaturationState, rate: number, kind: WindowKind): SaturationState {
  return { ...state, step: { kind: 'Window', rate, window: state.options.scouts ? kind : 'Full' } };
}

function finished(state: SaturationState, outcome: Outcome): SaturationState {
  return { ...state, step: { kind: 'Finished', outcome } };
}
