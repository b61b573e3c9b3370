import type { RecallEstimate } from '../evaluate/recall.ts';
import type { LoadRules } from '../protocol.ts';
import type { AnswerCounter, AnswerTally } from './answers.ts';
import type { QueryClient } from './client.ts';
import type { NamedQuestions } from './named-queries.ts';
import { runWindow, type WindowMeasurement } from './open-loop.ts';
import { nextStep, startSaturation, type Outcome, type SaturationOptions, type WindowKind } from './saturation.ts';
import { windowArrivals } from './schedule.ts';
import { PeakMemory, type ProcessStats } from './server-stats.ts';
import { clientLimit } from './validity.ts';
import { judgeWindow, windowSeconds, type Breach } from './window-rules.ts';
import { judgeWrites, writesLimit, type WindowWrites, type WritesPlan } from './writes.ts';

export interface LoadPlan {
  client: QueryClient;
  /** Most connections the client may open. */
  connections: number;
  bodies: readonly Buffer[];
  order: Uint32Array;
  named?: NamedQuestions | undefined;
  /** Makes the writes of each window, where there are any. */
  writes?:
    | ((window: Pick<WritesPlan, 'window' | 'leadSeconds' | 'seconds' | 'searchRate'>) => Promise<WindowWrites>)
    | undefined;
  limit: number;
  answers: AnswerCounter;
  rules: LoadRules;
  saturation: SaturationOptions;
  seed: number;
  /** Median time of an answer while little was asked for, ms. */
  unloadedService?: number;
  stats?: ProcessStats;
  signal?: AbortSignal;
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

export interface LoadResult {
  outcome: Outcome;
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
const MIN_IN_FLIGHT = 64;
const DRAIN_SECONDS = 10;

/** Finds the highest rate of one search that meets the rules, and what the server was like at it. */
export async function loadSearch(plan: LoadPlan): Promise<LoadResult> {
  const begin = performance.now();
  const memory = plan.stats ? new PeakMemory(plan.stats) : undefined;
  const errors: Record<string, number> = {};
  const published = new Map<number, PublishedWindow>();
  let requests = 0;
  let number = 0;
  let lastBreach: Breach | undefined;
  let lastLimit: string | undefined;

  const run = async (rate: number, kind: WindowKind | 'Warmup') => {
    const startedAt = (performance.now() - begin) / 1000;
    const tally = plan.answers.tally();
    const cpuBefore = plan.stats?.cpuSeconds();
    const measured = await oneWindow(plan, rate, kind, number, requests, tally);
    const cpuAfter = plan.stats?.cpuSeconds();
    if ((measured.errors.unanswered ?? 0) > 0) await plan.client.reset();
    number += 1;
    requests += measured.sentInAll;
    for (const [name, count] of Object.entries(measured.errors)) errors[name] = (errors[name] ?? 0) + count;
    const breach = judgeWindow(measured, plan.rules) ?? judgeWrites(measured.writes, plan.rules);
    const limit = writesLimit(measured.writes) ?? limitOf(measured, breach, plan);
    await plan.onWindow?.({
      number,
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
    return { measured, breach, limit, recall, recalls: tally.each(), serverCpu };
  };

  try {
    let state = startSaturation(plan.saturation);
    if (plan.rules.warmupSeconds > 0) await run(plan.saturation.startRate, 'Warmup');
    while (state.step.kind === 'Window') {
      const { rate, window } = state.step;
      const { measured, breach, limit, recall, recalls, serverCpu } = await run(rate, window);
      lastBreach = breach ?? lastBreach;
      lastLimit = limit ?? lastLimit;
      if (window === 'Full' && breach === undefined && limit === undefined) {
        published.set(rate, {
          measured,
          recalls,
          ...(recall ? { recall } : {}),
          ...(serverCpu === undefined ? {} : { serverCpu }),
        });
      }
      state = nextStep(state, {
        sustainable: breach === undefined,
        achieved: measured.achievedRate,
        void: limit !== undefined,
        latency: breach?.kind === 'Latency' || breach?.kind === 'Writes',
      });
    }
    const { outcome } = state.step;
    const window = outcome.kind === 'Found' ? published.get(outcome.low) : undefined;
    const peakMemory = memory?.stop();
    return {
      outcome,
      requests,
      errors,
      seconds: (performance.now() - begin) / 1000,
      ...(window ? { window } : {}),
      ...(lastBreach ? { lastBreach } : {}),
      ...(lastLimit === undefined ? {} : { lastLimit }),
      ...(peakMemory === undefined ? {} : { peakMemory }),
    };
  } finally {
    memory?.stop();
  }
}

async function oneWindow(
  plan: LoadPlan,
  rate: number,
  kind: WindowKind | 'Warmup',
  number: number,
  asked: number,
  tally: AnswerTally,
): Promise<WindowMeasurement> {
  const { rules } = plan;
  const full = windowSeconds(rules, rate);
  const counted = kind === 'Warmup' ? rules.warmupSeconds : kind === 'Scout' ? full * SCOUT_SHARE : full;
  const unloaded = (plan.unloadedService ?? 0) / 1000;
  // Until the first answers are back, requests under way only grow in number, however slow the server is not.
  const leadSeconds = Math.max(4 * unloaded, Math.min(MAX_LEAD_SECONDS, counted * LEAD_SHARE));
  const seconds = leadSeconds + counted;
  const slowest = Math.max(0, ...rules.latency.map(({ max }) => max)) / 1000;
  const patience = Math.max(BACKLOG_SECONDS, 2 * slowest) + 4 * unloaded;
  return await runWindow({
    sender: plan.client,
    bodies: plan.bodies,
    order: plan.order,
    named: plan.named,
    writes: await plan.writes?.({ window: number, leadSeconds, seconds, searchRate: rate }),
    // Windows go on where the last one ended, so that all queries get their turn.
    orderStart: asked % plan.order.length,
    arrivals: windowArrivals(rate, seconds, plan.seed, 16 + number),
    rate,
    leadSeconds,
    seconds,
    limit: plan.limit,
    maxInFlight: Math.min(plan.connections, Math.max(MIN_IN_FLIGHT, Math.ceil(2 * rate * unloaded))),
    maxBacklog: Math.max(100, rate * patience),
    latency: kind === 'Warmup' ? [] : rules.latency,
    drainSeconds: DRAIN_SECONDS,
    onAnswer: tally.add,
    ...(plan.signal ? { signal: plan.signal } : {}),
  });
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
