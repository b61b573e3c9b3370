import type { Metric } from '../../operator/judge/metrics.ts';
import type { RecallEstimate } from '../evaluate/recall.ts';
import type { LoadModel } from '../protocol.ts';
import type { WindowMeasurement } from './open-loop.ts';
import { closedOrder, loadModel, openOrder, type OrderPlan } from './orders.ts';
import { nextStep, startSaturation, type Outcome, type SaturationOptions, type WindowKind } from './saturation.ts';
import { PeakMemory, type ProcessStats } from './server-stats.ts';
import { SOAK_TOLERANCE, TOLERANCE, unsteadiness } from './stationarity.ts';
import { clientLimit } from './validity.ts';
import {
  playShare,
  type Means,
  type PlayedWindow,
  type PlayWindow,
  type StartSkew,
  type WindowOrder,
} from './window-order.ts';
import { judgeWindow, type Breach } from './window-rules.ts';
import { judgeWrites, writesLimit } from './writes.ts';

export interface LoadPlan extends Means, OrderPlan {
  saturation: SaturationOptions;
  stats?: ProcessStats;
  /** Offers the windows where it is not this generator alone. */
  play?: PlayWindow;
  /** Has everything ready for a window: before generators meet, and before anything is measured. */
  beforeWindow?: () => Promise<void>;
  /** Told after each window. */
  onWindow?: (report: WindowReport) => void | Promise<void>;
}

export interface WindowReport {
  number: number;
  kind: WindowKind | 'Warmup';
  measured: WindowMeasurement;
  breach?: Breach;
  limit?: string;
  /** Seconds since the search's load began, at the window's start. */
  startedAt: number;
}

/** The window that is published: the last full one at the highest sustainable rate. */
export interface PublishedWindow {
  measured: WindowMeasurement;
  recall?: RecallEstimate;
  /** By named query, in the workload's order. */
  recalls?: (RecallEstimate | undefined)[];
  /** Server CPU seconds a request, where they can be read. */
  serverCpu?: number;
}

/** A given load was offered as asked: whether that was borne is in `breach`. */
export interface MeasuredOutcome {
  kind: 'Measured';
  load: Exclude<LoadModel, { kind: 'Saturation' }>;
  breach?: Breach;
}

export interface LoadResult {
  outcome: Outcome | MeasuredOutcome;
  window?: PublishedWindow;
  /** The last window's breach and client limit: why it ended as it did. */
  lastBreach?: Breach;
  lastLimit?: string;
  /** The limit was that the generators did not start together. */
  skewed?: true;
  /** Why the published window must not be: it did not stand still. */
  unsteady?: string;
  /** The published window, or the last one: what the load generator itself went through. */
  last?: WindowMeasurement;
  requests: number;
  errors: Record<string, number>;
  /** Largest resident memory of the server meanwhile. */
  peakMemory?: number;
  /** What the server said of itself meanwhile. */
  signals?: readonly Metric[];
  seconds: number;
}

/** A given load whose generators did not start together is offered again, up to so many times in all. */
const MAX_STARTS = 3;
/** Windows of twice and four times the length in which a trend must last to be one. */
const LONGER_WINDOWS = 2;

/** Measures one search under load as the rules say: at the highest rate that meets them, or at the one that was given. */
export function loadSearch(plan: LoadPlan): Promise<LoadResult> {
  const load = loadModel(plan.rules);
  return load.kind === 'Saturation' ? saturate(plan, load.arrivals) : offer(plan, load);
}

/** Finds the highest rate that meets the rules, and what the server was like at it. */
async function saturate(plan: LoadPlan, arrivals: 'Poisson' | 'Constant'): Promise<LoadResult> {
  const windows = new Windows(plan);
  const published = new Map<number, PublishedWindow>();
  let lastBreach: Breach | undefined;
  let lastLimit: string | undefined;
  const run = (rate: number, kind: WindowKind | 'Warmup') =>
    windows.run(openOrder(plan, { kind: 'Open', arrivals, rate, profile: 'Constant' }, kind, windows), kind);
  try {
    let state = startSaturation(plan.saturation);
    if (plan.rules.warmupSeconds > 0) await run(plan.saturation.startRate, 'Warmup');
    while (state.step.kind === 'Window') {
      const { rate, window } = state.step;
      const { measured, breach, limit, published: shown } = await run(rate, window);
      lastBreach = breach ?? lastBreach;
      lastLimit = limit ?? lastLimit;
      if (window === 'Full' && breach === undefined && limit === undefined) published.set(rate, shown);
      state = nextStep(state, {
        sustainable: breach === undefined,
        achieved: measured.achievedRate,
        void: limit !== undefined,
        latency: breach?.kind === 'Latency' || breach?.kind === 'Writes',
      });
    }
    const { outcome } = state.step;
    let window = outcome.kind === 'Found' ? published.get(outcome.low) : undefined;
    let unsteady = window && unsteadiness(window.measured);
    // Close to the limit a queue takes long to settle: what seems a trend in one window is none in a longer one, or lasts.
    for (let again = 1; outcome.kind === 'Found' && unsteady !== undefined && again <= LONGER_WINDOWS; again += 1) {
      const load = { kind: 'Open', arrivals, rate: outcome.low, profile: 'Constant' } as const;
      const {
        breach,
        limit,
        published: shown,
      } = await windows.run(openOrder(plan, load, 'Full', windows, 2 ** again), 'Full');
      if (limit !== undefined) continue;
      unsteady = breach
        ? `${unsteady}; in a window ${2 ** again} times as long ${breach.message}`
        : unsteadiness(shown.measured);
      if (unsteady === undefined) window = shown;
    }
    return windows.result(outcome, { window, lastBreach, lastLimit, unsteady });
  } finally {
    windows.stop();
  }
}

/** Offers the load that was asked for, once, for as long as was asked. */
async function offer(plan: LoadPlan, load: MeasuredOutcome['load']): Promise<LoadResult> {
  const windows = new Windows(plan);
  try {
    const order = load.kind === 'Open' ? openOrder(plan, load, 'Full', windows) : closedOrder(plan, load, windows);
    let { breach, limit, published } = await windows.run(order, 'Full');
    for (let again = 1; windows.skewed && again < MAX_STARTS; again += 1) {
      ({ breach, limit, published } = await windows.run(order, 'Full'));
    }
    return windows.result(
      { kind: 'Measured', load, ...(breach ? { breach } : {}) },
      { window: published, lastBreach: breach, lastLimit: limit, unsteady: unsteadyUnder(load, published.measured) },
    );
  } finally {
    windows.stop();
  }
}

/** A profile that rises and falls is no steady state, nor meant to be. */
function unsteadyUnder(load: MeasuredOutcome['load'], measured: WindowMeasurement): string | undefined {
  if (load.kind === 'Open' && load.profile === 'Soak') return unsteadiness(measured, SOAK_TOLERANCE);
  const steady = load.kind === 'Closed' || load.profile === 'Constant';
  return steady ? unsteadiness(measured, TOLERANCE) : undefined;
}

/** Runs the windows of one search and keeps account of them. */
class Windows {
  readonly #plan: LoadPlan;
  readonly #begin = performance.now();
  readonly #memory: PeakMemory | undefined;
  readonly #errors: Record<string, number> = {};
  #last: WindowMeasurement | undefined;
  /** Whether the last window's limit was that generators did not start together. */
  skewed = false;
  requests = 0;
  number = 0;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.#memory = plan.stats ? new PeakMemory(plan.stats) : undefined;
  }

  async run(order: WindowOrder, kind: WindowKind | 'Warmup') {
    const plan = this.#plan;
    await plan.beforeWindow?.();
    const startedAt = (performance.now() - this.#begin) / 1000;
    const cpuBefore = plan.stats?.cpuSeconds();
    const played = await (plan.play ?? ((asked) => playShare(asked, plan)))(order);
    const cpuAfter = plan.stats?.cpuSeconds();
    const { measured, tally } = played;
    this.#last = measured;
    this.number += 1;
    this.requests += measured.sentInAll;
    for (const [name, count] of Object.entries(measured.errors)) this.#errors[name] = (this.#errors[name] ?? 0) + count;
    const breach = judgeWindow(measured, plan.rules) ?? judgeWrites(measured.writes, plan.rules);
    const apart = skewLimit(played.skew, measured.seconds);
    const limit = apart ?? writesLimit(measured.writes) ?? limitOfAny(played, breach, plan);
    this.skewed = apart !== undefined;
    await plan.onWindow?.({
      number: this.number,
      kind,
      measured,
      startedAt,
      ...(breach ? { breach } : {}),
      ...(limit === undefined ? {} : { limit }),
    });
    plan.signal?.throwIfAborted();
    const recall = tally.estimate();
    const serverCpu =
      cpuBefore === undefined || cpuAfter === undefined || measured.sentInAll === 0
        ? undefined
        : (cpuAfter - cpuBefore) / measured.sentInAll;
    const published: PublishedWindow = {
      measured,
      recalls: tally.each(),
      ...(recall ? { recall } : {}),
      ...(serverCpu === undefined ? {} : { serverCpu }),
    };
    return { measured, breach, limit, published };
  }

  result(
    outcome: LoadResult['outcome'],
    {
      window,
      lastBreach,
      lastLimit,
      unsteady,
    }: { [key in 'window' | 'lastBreach' | 'lastLimit' | 'unsteady']: LoadResult[key] | undefined },
  ): LoadResult {
    const peakMemory = this.#memory?.stop();
    const last = window?.measured ?? this.#last;
    return {
      outcome,
      requests: this.requests,
      errors: this.#errors,
      seconds: (performance.now() - this.#begin) / 1000,
      ...(window ? { window } : {}),
      ...(lastBreach ? { lastBreach } : {}),
      ...(lastLimit === undefined ? {} : { lastLimit }),
      ...(this.skewed ? { skewed: true as const } : {}),
      ...(unsteady === undefined ? {} : { unsteady }),
      ...(last ? { last } : {}),
      ...(peakMemory === undefined ? {} : { peakMemory }),
    };
  }

  stop(): void {
    this.#memory?.stop();
  }
}

/** Starts that lie further apart than this share of the counted time, and than a timer's grain, spoil a window. */
const MAX_SKEW_SHARE = 0.05;
const SKEW_GRAIN = 10;

/** Why a window was not offered by all generators at once, if so: apart by their clocks, or too unsure to tell. */
export function skewLimit(skew: StartSkew | undefined, seconds: number): string | undefined {
  if (!skew) return undefined;
  const bound = Math.max(SKEW_GRAIN, MAX_SKEW_SHARE * seconds * 1000);
  const { milliseconds, uncertainty } = skew;
  if (milliseconds <= bound && uncertainty <= bound) return undefined;
  const shown = `${milliseconds.toFixed(1)} ms apart (± ${uncertainty.toFixed(1)} ms)`;
  return `the load generators started ${shown}, where ${bound.toFixed(0)} ms are allowed`;
}

/** Of several generators any one may have been the limit: theirs is no mean. */
function limitOfAny(played: PlayedWindow, breach: Breach | undefined, plan: LoadPlan): string | undefined {
  if (!played.pods) return limitOf(played.measured, breach, plan);
  for (const [pod, measured] of played.pods.entries()) {
    const limit = limitOf(measured, breach, plan);
    if (limit !== undefined) return `of ${played.pods.length} load generators, number ${pod}: ${limit}`;
  }
  return undefined;
}

function limitOf(measured: WindowMeasurement, breach: Breach | undefined, plan: LoadPlan): string | undefined {
  const { own } = measured;
  return clientLimit({
    breached: breach !== undefined && breach.kind !== 'Errors',
    wallSeconds: own.wallSeconds,
    idleShare: own.idleSeconds / own.wallSeconds,
    waitedShare: own.waitedSeconds === undefined ? undefined : own.waitedSeconds / own.wallSeconds,
    loopP99: own.loopP99,
    loopMax: own.loopMax,
    ownLateness: (percentile) => measured.ownLateness.percentile(percentile),
    service: (percentile) => measured.service.percentile(percentile),
    unloadedService: plan.unloadedService,
    cappedShare: measured.cappedShare,
    latency: plan.rules.latency,
  });
}
