import type { RecallEstimate } from '../evaluate/recall.ts';
import type { LoadModel, LoadRules } from '../protocol.ts';
import type { WindowMeasurement } from './open-loop.ts';
import { meanShare } from './profile.ts';
import { nextStep, startSaturation, type Outcome, type SaturationOptions, type WindowKind } from './saturation.ts';
import { PeakMemory, type ProcessStats } from './server-stats.ts';
import { clientLimit } from './validity.ts';
import { playShare, type Means, type PlayWindow, type WindowOrder } from './window-order.ts';
import { judgeWindow, windowSeconds, type Breach } from './window-rules.ts';

export interface LoadPlan extends Means {
  /** Most connections the client may open. */
  connections: number;
  rules: LoadRules;
  saturation: SaturationOptions;
  /** Median time of an answer while little was asked for, ms. */
  unloadedService?: number;
  stats?: ProcessStats;
  /** Offers the windows where it is not this generator alone. */
  play?: PlayWindow;
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
  requests: number;
  errors: Record<string, number>;
  /** Largest resident memory of the server meanwhile. */
  peakMemory?: number;
  seconds: number;
}

/** Length of a steering window relative to a measuring one. */
const SCOUT_SHARE = 0.4;
/** Part of a window at its beginning that is loaded but not counted: the queue must have formed. */
const LEAD_SHARE = 0.1;
const MAX_LEAD_SECONDS = 1;
/** A backlog of this many seconds' arrivals, beyond what latency allows, is hopeless. */
const BACKLOG_SECONDS = 0.25;
/** A given rate is offered to its end, unless this many seconds' arrivals wait: then memory and the drain are at stake. */
const GIVEN_BACKLOG_SECONDS = 30;
const MIN_IN_FLIGHT = 64;
const DRAIN_SECONDS = 10;

/** Measures one search under load as the rules say: at the highest rate that meets them, or at the one that was given. */
export function loadSearch(plan: LoadPlan): Promise<LoadResult> {
  const load = loadModel(plan.rules);
  return load.kind === 'Saturation' ? saturate(plan, load.arrivals) : offer(plan, load);
}

/** How load is offered, by default the search for the highest rate. */
export function loadModel({ load }: Pick<LoadRules, 'load'>): LoadModel {
  return load ?? { kind: 'Saturation', arrivals: 'Poisson' };
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
        latency: breach?.kind === 'Latency',
      });
    }
    const { outcome } = state.step;
    const window = outcome.kind === 'Found' ? published.get(outcome.low) : undefined;
    return windows.result(outcome, { window, lastBreach, lastLimit });
  } finally {
    windows.stop();
  }
}

/** Offers the load that was asked for, once, for as long as was asked. */
async function offer(plan: LoadPlan, load: MeasuredOutcome['load']): Promise<LoadResult> {
  const windows = new Windows(plan);
  try {
    const order = load.kind === 'Open' ? openOrder(plan, load, 'Full', windows) : closedOrder(plan, load, windows);
    const { breach, limit, published } = await windows.run(order, 'Full');
    return windows.result(
      { kind: 'Measured', load, ...(breach ? { breach } : {}) },
      { window: published, lastBreach: breach, lastLimit: limit },
    );
  } finally {
    windows.stop();
  }
}

/** Runs the windows of one search and keeps account of them. */
class Windows {
  readonly #plan: LoadPlan;
  readonly #begin = performance.now();
  readonly #memory: PeakMemory | undefined;
  readonly #errors: Record<string, number> = {};
  requests = 0;
  number = 0;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.#memory = plan.stats ? new PeakMemory(plan.stats) : undefined;
  }

  async run(order: WindowOrder, kind: WindowKind | 'Warmup') {
    const plan = this.#plan;
    const startedAt = (performance.now() - this.#begin) / 1000;
    const cpuBefore = plan.stats?.cpuSeconds();
    const played = await (plan.play ?? ((asked) => playShare(asked, plan)))(order);
    const cpuAfter = plan.stats?.cpuSeconds();
    const { measured, tally } = played;
    this.number += 1;
    this.requests += measured.sentInAll;
    for (const [name, count] of Object.entries(measured.errors)) this.#errors[name] = (this.#errors[name] ?? 0) + count;
    const breach = judgeWindow(measured, plan.rules);
    const limit = limitOf(measured, breach, plan);
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
      ...(recall ? { recall } : {}),
      ...(serverCpu === undefined ? {} : { serverCpu }),
    };
    return { measured, breach, limit, published };
  }

  result(
    outcome: LoadResult['outcome'],
    { window, lastBreach, lastLimit }: { [key in 'window' | 'lastBreach' | 'lastLimit']: LoadResult[key] | undefined },
  ): LoadResult {
    const peakMemory = this.#memory?.stop();
    return {
      outcome,
      requests: this.requests,
      errors: this.#errors,
      seconds: (performance.now() - this.#begin) / 1000,
      ...(window ? { window } : {}),
      ...(lastBreach ? { lastBreach } : {}),
      ...(lastLimit === undefined ? {} : { lastLimit }),
      ...(peakMemory === undefined ? {} : { peakMemory }),
    };
  }

  stop(): void {
    this.#memory?.stop();
  }
}

/** A window at a rate: of the search for the highest one, or the one that was asked for. */
function openOrder(
  plan: LoadPlan,
  load: Extract<WindowOrder['load'], { kind: 'Open' }>,
  kind: WindowKind | 'Warmup',
  { number, requests }: Windows,
): WindowOrder {
  const { rules } = plan;
  const { rate } = load;
  const given = loadModel(rules).kind === 'Open';
  const full = windowSeconds(rules, rate * meanShare(load.profile));
  const counted = kind === 'Warmup' ? rules.warmupSeconds : kind === 'Scout' ? full * SCOUT_SHARE : full;
  const unloaded = (plan.unloadedService ?? 0) / 1000;
  // Until the first answers are back, requests under way only grow in number, however slow the server is not.
  const leadSeconds = Math.max(
    4 * unloaded,
    // A search for the rate has warm-up windows of their own.
    given ? rules.warmupSeconds : Math.min(MAX_LEAD_SECONDS, counted * LEAD_SHARE),
  );
  const slowest = Math.max(0, ...rules.latency.map(({ max }) => max)) / 1000;
  const patience = (given ? GIVEN_BACKLOG_SECONDS : Math.max(BACKLOG_SECONDS, 2 * slowest)) + 4 * unloaded;
  return {
    load,
    leadSeconds,
    seconds: leadSeconds + counted,
    drainSeconds: DRAIN_SECONDS,
    stream: 16 + number,
    // Windows go on where the last one ended, so that all queries get their turn.
    orderStart: requests % plan.order.length,
    maxInFlight: Math.min(plan.connections, Math.max(MIN_IN_FLIGHT, Math.ceil(2 * rate * unloaded))),
    maxBacklog: Math.max(100, rate * patience),
    // A load that was asked for is offered to its end, that its figures are of all of it.
    latency: kind === 'Warmup' || given ? [] : rules.latency,
  };
}

/** A window of clients that wait. */
function closedOrder(
  plan: LoadPlan,
  { concurrency }: Extract<LoadModel, { kind: 'Closed' }>,
  { requests }: Windows,
): WindowOrder {
  const { rules } = plan;
  const unloaded = Math.max(1e-4, (plan.unloadedService ?? 1) / 1000);
  // How fast they will be is not known before: a server that is no quicker with more of them.
  const rate = 1 / unloaded;
  const counted = windowSeconds(rules, rate);
  const leadSeconds = Math.max(4 * unloaded, rules.warmupSeconds);
  const seconds = leadSeconds + counted;
  return {
    load: { kind: 'Closed', concurrency, expected: rate * seconds },
    leadSeconds,
    seconds,
    drainSeconds: DRAIN_SECONDS,
    stream: 16,
    orderStart: requests % plan.order.length,
    maxInFlight: concurrency,
    maxBacklog: concurrency,
    latency: [],
  };
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
