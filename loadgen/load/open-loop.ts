import type { SeriesMessage } from '../protocol.ts';
import type { Ending, OnEnd } from './client.ts';
import { LatencyHistogram } from './histogram.ts';
import { NamedMeasurements, type NamedMeasurement, type NamedQuestions } from './named-queries.ts';
import { pace, type OwnWork } from './pacer.ts';
import type { WindowWrites, WritesMeasurement } from './writes.ts';

/** Whoever sends one query. */
export interface Sender {
  send(body: Buffer, tag: number, onEnd: OnEnd): void;
}

export interface WindowPlan {
  sender: Sender;
  /** One body a question. */
  bodies: readonly Buffer[];
  /** The order in which questions are asked, over and over. */
  order: Uint32Array;
  /** Which named queries the questions are of, where they are to be told apart. */
  named?: NamedQuestions | undefined;
  /** What is written meanwhile. */
  writes?: WindowWrites | undefined;
  /** Where in the order this window begins. */
  orderStart: number;
  /** Scheduled starts, seconds from the window's beginning, ascending. */
  arrivals: Float64Array;
  /** The offered rate (1/s). */
  rate: number;
  /** At the beginning, loaded but not counted. */
  leadSeconds: number;
  /** Whole length, the lead included. */
  seconds: number;
  /** Most requests under way; more wait, and their clock runs. */
  maxInFlight: number;
  limit: number;
  /** Gives up as soon as so many requests have arrived and not been answered. */
  maxBacklog: number;
  /** Gives up as soon as more than `share` of the window's requests have surely taken longer than `max` ms. */
  latency: readonly { percentile: number; max: number }[];
  /** Longest wait for answers after the window's end. */
  drainSeconds: number;
  /** Takes the ids of an answered question. */
  onAnswer?: (question: number, ids: Int32Array) => void;
  signal?: AbortSignal;
}

/** What one window of open-loop load showed. Times in ms. */
export interface WindowMeasurement {
  rate: number;
  /** Seconds counted: without the lead. */
  seconds: number;
  /** Requests scheduled within the counted time, and those of them ever sent. */
  scheduled: number;
  sent: number;
  /** Requests sent in all, the lead's included. */
  sentInAll: number;
  /** Requests answered rightly within the counted time, whenever scheduled. */
  completed: number;
  achievedRate: number;
  /** Errors of counted requests by kind; `unanswered` = neither answer nor error until the drain's end. */
  errors: Record<string, number>;
  errorCount: number;
  backlogStart: number;
  backlogEnd: number;
  /** Why the window was given up early. */
  aborted?: 'Backlog' | 'Latency';
  /** From the scheduled start, successful requests. */
  response: LatencyHistogram;
  /** From the actual start, successful requests. */
  service: LatencyHistogram;
  /** Actual minus scheduled start, all requests. */
  lateness: LatencyHistogram;
  /** The part of lateness that was our own: waiting for a free slot excluded. */
  ownLateness: LatencyHistogram;
  /** Share of requests that had to wait for a free slot. */
  cappedShare: number;
  own: OwnWork;
  /** The same by named query. */
  queries?: Map<string, NamedMeasurement>;
  writes?: WritesMeasurement;
  series: Pick<
    SeriesMessage,
    'second' | 'offeredRate' | 'achievedRate' | 'latencyP50' | 'latencyP95' | 'latencyP99' | 'errors'
  >[];
}

/**
 * Offers load open-loop: requests start when they are scheduled, whether or not earlier ones have been answered, and
 * their latency counts from that moment. Above `maxInFlight` they wait for a slot, and still count.
 */
export async function runWindow(plan: WindowPlan): Promise<WindowMeasurement> {
  const { arrivals, order, bodies, maxInFlight, writes } = plan;
  const named = plan.named && new NamedMeasurements(plan.named);
  const total = arrivals.length;
  const leadMs = plan.leadSeconds * 1000;
  const endMs = plan.seconds * 1000;
  const started = new Float64Array(total);
  const firstCounted = lowerBound(arrivals, plan.leadSeconds);
  const counted = total - firstCounted;
  const slow = plan.latency.map(({ percentile, max }) => ({
    max,
    left: Math.floor(counted * (1 - percentile / 100)),
  }));

  const histograms = () => new LatencyHistogram();
  const measurement = {
    response: histograms(),
    service: histograms(),
    lateness: histograms(),
    ownLateness: histograms(),
    errors: {} as Record<string, number>,
  };
  const seconds: { completed: number; errors: number; latency: LatencyHistogram }[] = [];
  let begin = 0;
  let due = 0;
  let sent = 0;
  let finished = 0;
  let completed = 0;
  let errorCount = 0;
  let capped = 0;
  /** Until when all slots were taken, ms. */
  let fullUntil = 0;
  let events = 0;
  let backlogStart: number | undefined;
  let backlogEnd: number | undefined;
  let aborted: WindowMeasurement['aborted'];
  /** When the window was given up, ms. */
  let measured: number | undefined;
  let closed = false;

  const onEnd = (tag: number, ending: Ending, ids: Int32Array): void => {
    if (closed) return;
    const now = performance.now() - begin;
    events += 1;
    if (sent - finished >= maxInFlight) fullUntil = now;
    finished += 1;
    const scheduledAt = (arrivals[tag] as number) * 1000;
    const latency = now - scheduledAt;
    const second = (seconds[Math.floor(now / 1000)] ??= { completed: 0, errors: 0, latency: histograms() });
    const question = order[(plan.orderStart + tag) % order.length] as number;
    if (ending === 'ok') {
      if (now >= leadMs && now <= (measured ?? endMs)) {
        completed += 1;
        named?.completed(question);
      }
      second.completed += 1;
      second.latency.record(latency);
      plan.onAnswer?.(question, ids);
    } else second.errors += 1;
    if (tag < firstCounted) return;
    if (ending === 'ok') {
      const service = now - (started[tag] as number);
      measurement.response.record(latency);
      measurement.service.record(service);
      named?.answered(question, latency, service);
      for (const bound of slow) if (latency > bound.max) bound.left -= 1;
    } else {
      errorCount += 1;
      measurement.errors[ending] = (measurement.errors[ending] ?? 0) + 1;
      named?.failed(question, ending);
    }
  };

  const own = await pace((clock) => {
    if (begin === 0) begin = clock;
    plan.signal?.throwIfAborted();
    const now = clock - begin;
    let worked = events > 0;
    events = 0;
    while (due < total && (arrivals[due] as number) * 1000 <= now) due += 1;
    if (backlogStart === undefined && now >= leadMs) backlogStart = due - finished;
    if (backlogEnd === undefined && now >= endMs) backlogEnd = total - finished;
    const giveUp =
      due - finished > plan.maxBacklog ? 'Backlog' : slow.some(({ left }) => left < 0) ? 'Latency' : undefined;
    if (aborted === undefined && backlogEnd === undefined && giveUp !== undefined) {
      aborted = giveUp;
      backlogEnd = due - finished;
      measured = now;
    }
    if (aborted === undefined) {
      while (sent < due && sent - finished < maxInFlight) {
        const at = performance.now() - begin;
        const scheduledAt = (arrivals[sent] as number) * 1000;
        const question = order[(plan.orderStart + sent) % order.length] as number;
        started[sent] = at;
        if (sent >= firstCounted) {
          // Requests start in order: one that was due while all slots were taken could start only when one was freed.
          if (fullUntil > scheduledAt) capped += 1;
          measurement.lateness.record(at - scheduledAt);
          measurement.ownLateness.record(at - Math.max(scheduledAt, fullUntil));
          named?.sent(question, at - scheduledAt);
        }
        sent += 1;
        worked = true;
        plan.sender.send(bodies[question] as Buffer, sent - 1, onEnd);
      }
    }
    let inFlight = sent - finished;
    const over = aborted !== undefined || now >= endMs;
    let nothingLeft = inFlight === 0 && (aborted !== undefined || sent === total);
    const tooLong = over && now > (measured ?? endMs) + plan.drainSeconds * 1000;
    let next = sent < total && sent === due ? (arrivals[sent] as number) * 1000 - now : over ? 1 : endMs - now;
    if (writes) {
      if (writes.turn(now, begin, aborted !== undefined)) worked = true;
      inFlight += writes.inFlight;
      nothingLeft &&= !writes.pending;
      next = Math.min(next, writes.untilNext);
    }
    return { worked, inFlight, untilNext: next, done: over && (nothingLeft || tooLong) };
  });
  closed = true;

  const span = Math.max(1e-9, ((measured ?? endMs) - leadMs) / 1000);
  const scheduled = Math.max(0, due - firstCounted);
  const unanswered = Math.max(0, Math.max(sent, firstCounted) - firstCounted - measurement.response.count - errorCount);
  if (unanswered > 0) {
    measurement.errors.unanswered = unanswered;
    errorCount += unanswered;
  }
  if (named) {
    for (let i = firstCounted; i < due; i += 1) {
      named.scheduled(order[(plan.orderStart + i) % order.length] as number);
    }
  }
  return {
    rate: plan.rate,
    seconds: span,
    scheduled,
    sent: Math.max(0, sent - firstCounted),
    sentInAll: sent,
    completed,
    achievedRate: completed / span,
    errorCount,
    backlogStart: backlogStart ?? 0,
    backlogEnd: backlogEnd ?? 0,
    ...(aborted === undefined ? {} : { aborted }),
    cappedShare: scheduled === 0 ? 0 : capped / scheduled,
    own,
    ...measurement,
    ...(named ? { queries: named.result() } : {}),
    ...(writes ? { writes: writes.finish(measured ?? endMs) } : {}),
    series: series(seconds, plan.rate),
  };
}

function series(
  seconds: readonly ({ completed: number; errors: number; latency: LatencyHistogram } | undefined)[],
  rate: number,
): WindowMeasurement['series'] {
  const points: WindowMeasurement['series'] = [];
  seconds.forEach((entry, second) => {
    if (entry === undefined) return;
    points.push({
      second,
      offeredRate: rate,
      achievedRate: entry.completed,
      latencyP50: entry.latency.percentile(50),
      latencyP95: entry.latency.percentile(95),
      latencyP99: entry.latency.percentile(99),
      errors: entry.errors,
    });
  });
  return points;
}

/** Index of the first value that is not below `bound`. */
function lowerBound(values: Float64Array, bound: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] as number) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
