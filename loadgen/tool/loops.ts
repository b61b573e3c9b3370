import { setTimeout as sleep } from 'node:timers/promises';
import type { QueryClient } from '../load/client.ts';
import { runClosedLoop } from '../load/closed-loop.ts';
import { runClosedWindow } from '../load/closed-window.ts';
import type { LatencyHistogram } from '../load/histogram.ts';
import { runWindow, type WindowPlan } from '../load/open-loop.ts';
import { constantArrivals, windowArrivals } from '../load/schedule.ts';
import { clientLimit } from '../load/validity.ts';
import { judgeWindow } from '../load/window-rules.ts';
import type { LoadFacts } from './judge-load.ts';
import type { LoadReport } from './load-report.ts';
import type { LoadTask } from './run-load.ts';

/** The stream of seeded randomness arrivals are drawn from. */
const ARRIVALS = 16;
/** A backlog of so many seconds' arrivals, or of half of all there will be, is not waited for any longer. */
const HOPELESS_SECONDS = 10;
const PROBES = 200;
const PROBE_SECONDS = 0.5;

/** What both kinds of load come to. */
export interface Loaded {
  facts: LoadFacts;
  service: LatencyHistogram;
  response: LatencyHistogram | undefined;
  lateness: LatencyHistogram | undefined;
  /** Counted requests that were due and never sent. */
  unsent: number;
  sentInAll: number;
  cpuSeconds: number;
  client: LoadReport['client'];
}

/** What both kinds of load are given. */
export type Shared = Pick<WindowPlan, 'bodies' | 'order' | 'onSecond' | 'signal'> & {
  sender: QueryClient;
  onAnswer: (query: number, ids: Int32Array) => void;
};

/** A load at a rate. */
export async function openLoad(task: LoadTask, plan: Shared): Promise<Loaded> {
  if (task.load.arrivals === 'Closed') throw new Error('no open loop');
  const { arrivals, rate, maxInFlight } = task.load;
  const unloaded = await unloadedService(task, plan);
  const leadSeconds = task.warmupSeconds;
  const seconds = leadSeconds + task.durationSeconds;
  const measured = await runWindow({
    ...plan,
    orderStart: 0,
    arrivals:
      arrivals === 'Constant' ? constantArrivals(rate, seconds) : windowArrivals(rate, seconds, task.seed, ARRIVALS),
    rate,
    leadSeconds,
    seconds,
    maxInFlight,
    limit: task.limit,
    maxBacklog: Math.max(1000, rate * Math.min(HOPELESS_SECONDS, seconds / 2)),
    latency: [],
    drainSeconds: task.timeoutSeconds + 1,
  });
  const { own } = measured;
  const breach = judgeWindow(measured, { latency: task.limits.latency, errorRateMax: task.limits.maxErrorRate });
  const limit = clientLimit({
    breached: breach !== undefined && breach.kind !== 'Errors',
    wallSeconds: own.wallSeconds,
    idleShare: own.idleSeconds / own.wallSeconds,
    waitedShare: own.waitedSeconds === undefined ? undefined : own.waitedSeconds / own.wallSeconds,
    loopP99: own.loopP99,
    loopMax: own.loopMax,
    ownLateness: (percentile) => measured.ownLateness.percentile(percentile),
    service: (percentile) => measured.service.percentile(percentile),
    unloadedService: unloaded,
    cappedShare: measured.cappedShare,
    latency: task.limits.latency,
  });
  return {
    facts: {
      requests: measured.scheduled,
      completed: measured.completed,
      errors: measured.errorCount,
      errorKinds: measured.errors,
      // What was due within the counted time, which is the rate up to the last request.
      offeredRate: measured.aborted ? rate : measured.scheduled / measured.seconds,
      achievedRate: measured.achievedRate,
      recall: undefined,
      response: (percentile) => measured.response.percentile(percentile),
      breach,
      clientLimit: limit,
    },
    service: measured.service,
    response: measured.response,
    lateness: measured.lateness,
    unsent: measured.scheduled - measured.sent,
    sentInAll: measured.sentInAll,
    cpuSeconds: own.workCpuSeconds,
    client: {
      idleShare: round(own.idleSeconds / own.wallSeconds),
      waitedForCpuShare: own.waitedSeconds === undefined ? null : round(own.waitedSeconds / own.wallSeconds),
      cappedShare: round(measured.cappedShare),
      loopP99Ms: own.loopP99,
      loopMaxMs: own.loopMax,
    },
  };
}

/** A load by so many at a time. */
export async function closedLoad(task: LoadTask, plan: Shared): Promise<Loaded> {
  if (task.load.arrivals !== 'Closed') throw new Error('no closed loop');
  const unloaded = await unloadedService(task, plan);
  const { warmupSeconds: leadSeconds, durationSeconds, timeoutSeconds } = task;
  const { concurrency } = task.load;
  const measured = await runClosedWindow({
    ...plan,
    orderStart: 0,
    concurrency,
    leadSeconds,
    seconds: leadSeconds + durationSeconds,
    drainSeconds: timeoutSeconds + 1,
    expected: ((concurrency * durationSeconds) / Math.max(0.1, unloaded ?? 1)) * 1000,
  });
  const { own } = measured;
  const limit = clientLimit({
    // It always asks for more than there is.
    breached: true,
    wallSeconds: own.wallSeconds,
    idleShare: own.idleSeconds / own.wallSeconds,
    waitedShare: own.waitedSeconds === undefined ? undefined : own.waitedSeconds / own.wallSeconds,
    loopP99: own.loopP99,
    loopMax: own.loopMax,
    ownLateness: () => 0,
    service: (percentile) => measured.service.percentile(percentile),
    unloadedService: undefined,
    cappedShare: 0,
    latency: [],
  });
  return {
    facts: {
      requests: measured.scheduled,
      completed: measured.completed,
      errors: measured.errorCount,
      errorKinds: measured.errors,
      offeredRate: undefined,
      achievedRate: measured.achievedRate,
      recall: undefined,
      response: undefined,
      breach: undefined,
      clientLimit: limit,
    },
    service: measured.service,
    response: undefined,
    lateness: undefined,
    unsent: 0,
    sentInAll: measured.sentInAll,
    cpuSeconds: own.workCpuSeconds,
    client: {
      idleShare: round(own.idleSeconds / own.wallSeconds),
      waitedForCpuShare: own.waitedSeconds === undefined ? null : round(own.waitedSeconds / own.wallSeconds),
      cappedShare: null,
      loopP99Ms: own.loopP99,
      loopMaxMs: own.loopMax,
    },
  };
}

/** Median time of an answer while two are asked for, ms: what tells the generator's own cap from a slow server. */
async function unloadedService(task: LoadTask, { sender, bodies, order, signal }: Shared): Promise<number | undefined> {
  const probed = await runClosedLoop({
    sender,
    bodies,
    queries: order.subarray(0, PROBES),
    concurrency: 2,
    maxSeconds: PROBE_SECONDS,
    ...(signal ? { signal } : {}),
  });
  // What they left behind is not the load's.
  await sleep(Math.min(100, task.warmupSeconds * 100));
  return probed.answered === 0 ? undefined : probed.service.percentile(50);
}

/** To a thousandth: a µs of a ms. */
export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
