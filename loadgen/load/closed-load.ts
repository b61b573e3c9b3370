import { performance } from 'node:perf_hooks';
import type { Ending } from './client.ts';
import { LatencyHistogram } from './histogram.ts';
import type { Sender } from './open-loop.ts';
import { SecondSeries, type SeriesPoint } from './second-series.ts';
import { cpuWaitSeconds } from './server-stats.ts';

export interface ClosedLoadPlan {
  sender: Sender;
  /** One body a query. */
  bodies: readonly Buffer[];
  /** The order in which queries are asked, over and over. */
  order: Uint32Array;
  /** Requests under way at any time. */
  concurrency: number;
  /** At the beginning, loaded but not counted. */
  leadSeconds: number;
  /** Counted seconds. */
  seconds: number;
  /** Longest wait for answers after that. */
  drainSeconds: number;
  onAnswer?: (query: number, ids: Int32Array) => void;
  onSecond?: (point: SeriesPoint) => void;
  signal?: AbortSignal;
}

/** What a number of requests always under way came to. There is no schedule, so neither response time nor lateness. */
export interface ClosedLoadResult {
  /** Counted seconds. */
  seconds: number;
  /** Requests that began within the counted time. */
  requests: number;
  requestsInAll: number;
  /** Right answers within the counted time, whenever begun. */
  completed: number;
  achievedRate: number;
  errors: Record<string, number>;
  errorCount: number;
  /** From the actual start, ms: requests begun and answered rightly within the counted time and its drain. */
  service: LatencyHistogram;
  /** Shares of wall time, 0–1: this thread had nothing to do; it was ready but had no CPU (where the kernel tells). */
  idleShare: number;
  waitedShare: number | undefined;
  /** CPU seconds of this process. */
  cpuSeconds: number;
  series: SeriesPoint[];
}

/**
 * Keeps `concurrency` requests under way for a while: the next starts when one ends. A server that stalls is asked less
 * meanwhile, so the time of a stall counts once a connection instead of once for everybody who would have come: these
 * figures say how fast a server is with so many callers, and nothing about the latency at a rate.
 */
export function runClosedLoad(plan: ClosedLoadPlan): Promise<ClosedLoadResult> {
  const { bodies, order, sender, concurrency } = plan;
  const leadMs = plan.leadSeconds * 1000;
  const endMs = leadMs + plan.seconds * 1000;
  // A request is told apart by its place; the places are used again.
  const started = new Float64Array(concurrency);
  const asked = new Uint32Array(concurrency);
  const service = new LatencyHistogram();
  const series = new SecondSeries(0, plan.onSecond);
  const errors: Record<string, number> = {};
  const cpu = process.cpuUsage();
  const waited = cpuWaitSeconds();
  const loop = performance.eventLoopUtilization();
  const begin = performance.now();
  let inFlight = 0;
  let requests = 0;
  let requestsInAll = 0;
  let completed = 0;
  let errorCount = 0;

  return new Promise((resolve, reject) => {
    let closed = false;
    let late: NodeJS.Timeout | undefined;
    const failed = (kind: string, count: number): void => {
      errorCount += count;
      errors[kind] = (errors[kind] ?? 0) + count;
    };
    const settle = (): void => {
      closed = true;
      clearTimeout(late);
      plan.signal?.removeEventListener('abort', stop);
    };
    const finish = (): void => {
      if (closed) return;
      settle();
      const unanswered = started.reduce((sum, at) => sum + (at >= leadMs ? 1 : 0), 0);
      if (unanswered > 0) failed('unanswered', unanswered);
      const wall = (performance.now() - begin) / 1000;
      const used = process.cpuUsage(cpu);
      const waitedNow = cpuWaitSeconds();
      resolve({
        seconds: plan.seconds,
        requests,
        requestsInAll,
        completed,
        achievedRate: completed / plan.seconds,
        errors,
        errorCount,
        service,
        idleShare: 1 - performance.eventLoopUtilization(loop).utilization,
        waitedShare: waited === undefined || waitedNow === undefined ? undefined : (waitedNow - waited) / wall,
        cpuSeconds: (used.user + used.system) / 1e6,
        series: series.end(),
      });
    };
    const stop = (): void => {
      settle();
      reject(plan.signal?.reason as Error);
    };
    const onEnd = (place: number, ending: Ending, ids: Int32Array): void => {
      if (closed) return;
      const now = performance.now() - begin;
      const at = started[place] as number;
      started[place] = -1;
      inFlight -= 1;
      const counted = at >= leadMs;
      if (ending === 'ok') {
        if (now >= leadMs && now <= endMs) completed += 1;
        if (counted) service.record(now - at);
        series.completed(now, now - at);
        plan.onAnswer?.(asked[place] as number, ids);
      } else {
        if (counted) failed(ending, 1);
        series.failed(now);
      }
      if (now < endMs) start(place, now);
      else if (inFlight === 0) finish();
    };
    const start = (place: number, now: number): void => {
      started[place] = now;
      const query = order[requestsInAll % order.length] as number;
      asked[place] = query;
      inFlight += 1;
      requestsInAll += 1;
      if (now >= leadMs) requests += 1;
      sender.send(bodies[query] as Buffer, place, onEnd);
    };
    if (plan.signal?.aborted) {
      stop();
      return;
    }
    plan.signal?.addEventListener('abort', stop, { once: true });
    late = setTimeout(finish, endMs + plan.drainSeconds * 1000);
    started.fill(-1);
    for (let place = 0; place < concurrency; place += 1) start(place, performance.now() - begin);
  });
}
