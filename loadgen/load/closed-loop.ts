import type { Ending } from './client.ts';
import { LatencyHistogram } from './histogram.ts';
import { NamedMeasurements, type NamedMeasurement, type NamedQuestions } from './named-queries.ts';
import type { Sender } from './open-loop.ts';

export interface ClosedLoopPlan {
  sender: Sender;
  bodies: readonly Buffer[];
  /** The queries to ask, each once. */
  queries: ArrayLike<number>;
  /** Requests under way at any time. */
  concurrency: number;
  /** Which named queries they are of, where those are to be told apart. */
  named?: NamedQuestions | undefined;
  /** Gives up after so many seconds; what has been answered by then counts. */
  maxSeconds: number;
  onAnswer?: (query: number, ids: Int32Array) => void;
  signal?: AbortSignal;
}

export interface ClosedLoopResult {
  seconds: number;
  answered: number;
  /** Answers a second: how fast the server is with this many requests under way. Says nothing of latency under load. */
  rate: number;
  /** From the actual start, ms. */
  service: LatencyHistogram;
  errors: Record<string, number>;
  errorCount: number;
  /** By named query; response is service here. */
  queries?: Map<string, NamedMeasurement>;
  /** CPU seconds of this process. */
  cpuSeconds: number;
}

/** Asks each query once with a fixed number under way: the next starts when one ends. For recall, not for latency. */
export function runClosedLoop(plan: ClosedLoopPlan): Promise<ClosedLoopResult> {
  const { queries, bodies, sender } = plan;
  const started = new Float64Array(queries.length);
  const service = new LatencyHistogram();
  const errors: Record<string, number> = {};
  const named = plan.named && new NamedMeasurements(plan.named);
  const cpu = process.cpuUsage();
  const begin = performance.now();
  let next = 0;
  let inFlight = 0;
  let answered = 0;
  let errorCount = 0;

  return new Promise((resolve, reject) => {
    const finish = (): void => {
      const seconds = (performance.now() - begin) / 1000;
      const used = process.cpuUsage(cpu);
      plan.signal?.removeEventListener('abort', stop);
      const cpuSeconds = (used.user + used.system) / 1e6;
      const apart = named ? { queries: named.result() } : {};
      resolve({ seconds, answered, rate: answered / seconds, service, errors, errorCount, cpuSeconds, ...apart });
    };
    const stop = (): void => reject(plan.signal?.reason as Error);
    const onEnd = (tag: number, ending: Ending, ids: Int32Array): void => {
      inFlight -= 1;
      if (ending === 'ok') {
        const took = performance.now() - (started[tag] as number);
        answered += 1;
        service.record(took);
        named?.answered(queries[tag] as number, took, took);
        plan.onAnswer?.(queries[tag] as number, ids);
      } else {
        errorCount += 1;
        errors[ending] = (errors[ending] ?? 0) + 1;
        named?.failed(queries[tag] as number, ending);
      }
      if (performance.now() - begin > plan.maxSeconds * 1000) next = queries.length;
      if (next < queries.length) start();
      else if (inFlight === 0) finish();
    };
    const start = (): void => {
      const tag = next;
      next += 1;
      inFlight += 1;
      started[tag] = performance.now();
      sender.send(bodies[queries[tag] as number] as Buffer, tag, onEnd);
    };
    if (plan.signal?.aborted) {
      stop();
      return;
    }
    plan.signal?.addEventListener('abort', stop, { once: true });
    if (queries.length === 0) finish();
    while (inFlight < plan.concurrency && next < queries.length) start();
  });
}
