import type { Ending } from './client.ts';
import { LatencyHistogram } from './histogram.ts';
import type { WindowMeasurement, WindowPlan } from './open-loop.ts';
import { pace } from './pacer.ts';
import { Series } from './series.ts';
import { SubWindows } from './sub-windows.ts';

export interface ClosedWindowPlan extends Pick<
  WindowPlan,
  | 'sender'
  | 'bodies'
  | 'order'
  | 'orderStart'
  | 'leadSeconds'
  | 'seconds'
  | 'drainSeconds'
  | 'onAnswer'
  | 'signal'
  | 'shared'
> {
  /** Clients that each wait for their answer before they ask again. */
  concurrency: number;
  /** Answers expected of all generators that share the window: how finely it is looked at. */
  expected: number;
}

/**
 * Offers load as a number of clients would that wait for each answer: a slow answer delays the next question, so that what a
 * stall does to those who would have come meanwhile is never seen (coordinated omission). Response is service time here;
 * nothing is late. To compare with tools that measure so, and labelled wherever it is shown.
 */
export async function runClosedWindow(plan: ClosedWindowPlan): Promise<WindowMeasurement> {
  const { order, bodies, concurrency, sender } = plan;
  const leadMs = plan.leadSeconds * 1000;
  const endMs = plan.seconds * 1000;
  const started = new Float64Array(concurrency);
  const asked = new Uint32Array(concurrency);
  const response = new LatencyHistogram();
  const errors: Record<string, number> = {};
  const series = new Series(plan.seconds, () => 0, plan.shared);
  const parts = new SubWindows(leadMs, endMs, (plan.expected * (endMs - leadMs)) / endMs);
  let begin = 0;
  let sent = 0;
  let counted = 0;
  let finished = 0;
  let completed = 0;
  let errorCount = 0;
  let events = 0;
  let backlogEnd: number | undefined;
  let closed = false;

  const ask = (client: number, now: number): void => {
    const query = order[(plan.orderStart + sent) % order.length] as number;
    started[client] = now;
    asked[client] = query;
    sent += 1;
    if (now >= leadMs) counted += 1;
    sender.send(bodies[query] as Buffer, client, onEnd);
  };
  const onEnd = (client: number, ending: Ending, ids: Int32Array): void => {
    if (closed) return;
    const now = performance.now() - begin;
    events += 1;
    finished += 1;
    const since = started[client] as number;
    const latency = now - since;
    series.record(now, ending === 'ok' ? latency : undefined);
    if (ending === 'ok') {
      if (now >= leadMs && now <= endMs) completed += 1;
      parts.answered(now, latency);
      if (since >= leadMs) response.record(latency);
      plan.onAnswer?.(asked[client] as number, ids);
    } else if (since >= leadMs) {
      errorCount += 1;
      errors[ending] = (errors[ending] ?? 0) + 1;
    }
    if (now < endMs) ask(client, now);
  };

  const own = await pace((clock) => {
    plan.signal?.throwIfAborted();
    if (begin === 0) {
      begin = clock;
      for (let client = 0; client < concurrency; client += 1) ask(client, 0);
    }
    const now = clock - begin;
    const worked = events > 0;
    events = 0;
    parts.inFlight(now, sent - finished);
    const over = now >= endMs;
    if (over) backlogEnd ??= sent - finished;
    const done = over && (sent === finished || now > endMs + plan.drainSeconds * 1000);
    return { worked, inFlight: sent - finished, untilNext: over ? 1 : endMs - now, done };
  });
  closed = true;
  const unanswered = sent - finished;
  if (unanswered > 0) {
    errors.unanswered = unanswered;
    errorCount += unanswered;
  }
  const seconds = plan.seconds - plan.leadSeconds;
  return {
    rate: completed / seconds,
    seconds,
    startedAt: begin,
    scheduled: counted,
    sent: counted,
    sentInAll: sent,
    completed,
    achievedRate: completed / seconds,
    errors,
    errorCount,
    backlogStart: concurrency,
    backlogEnd: backlogEnd ?? 0,
    response,
    service: response,
    lateness: new LatencyHistogram(),
    ownLateness: new LatencyHistogram(),
    cappedShare: 0,
    own,
    meanInFlight: parts.meanInFlight(),
    parts: parts.parts(),
    series: series.points().map((point) => ({ ...point, offeredRate: point.achievedRate })),
  };
}
