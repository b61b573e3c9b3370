import type { Ending } from './client.ts';
import { LatencyHistogram } from './histogram.ts';
import { NamedMeasurements } from './named-queries.ts';
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
  | 'named'
  | 'writes'
  | 'leadSeconds'
  | 'seconds'
  | 'drainSeconds'
  | 'onAnswer'
  | 'onSecond'
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
  const { order, bodies, concurrency, sender, writes } = plan;
  const named = plan.named && new NamedMeasurements(plan.named);
  const leadMs = plan.leadSeconds * 1000;
  const endMs = plan.seconds * 1000;
  const started = new Float64Array(concurrency);
  const asked = new Uint32Array(concurrency);
  const response = new LatencyHistogram();
  const errors: Record<string, number> = {};
  const series = new Series(plan.seconds, () => 0, { keep: plan.shared, onPoint: plan.onSecond });
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
    if (now >= leadMs) {
      counted += 1;
      named?.scheduled(query);
      named?.sent(query, 0);
    }
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
    const question = asked[client] as number;
    if (ending === 'ok') {
      if (now >= leadMs && now <= endMs) {
        completed += 1;
        named?.completed(question);
      }
      parts.answered(now, latency);
      if (since >= leadMs) {
        response.record(latency);
        named?.answered(question, latency, latency);
      }
      plan.onAnswer?.(question, ids);
    } else if (since >= leadMs) {
      named?.failed(question, ending);
      errorCount += 1;
      errors[ending] = (errors[ending] ?? 0) + 1;
    }
    if (now < endMs) ask(client, now);
  };

  const pacing = pace((clock) => {
    plan.signal?.throwIfAborted();
    if (begin === 0) {
      begin = clock;
      for (let client = 0; client < concurrency; client += 1) ask(client, 0);
    }
    const now = clock - begin;
    let worked = events > 0;
    events = 0;
    if (writes?.turn(now, begin, false)) worked = true;
    parts.inFlight(now, sent - finished);
    const over = now >= endMs;
    if (over) backlogEnd ??= sent - finished;
    const nothingLeft = sent === finished && !writes?.pending;
    const done = over && (nothingLeft || now > endMs + plan.drainSeconds * 1000);
    const untilNext = Math.min(over ? 1 : endMs - now, writes?.untilNext ?? Infinity);
    return { worked, inFlight: sent - finished + (writes?.inFlight ?? 0), untilNext, done };
  });
  // Whoever is answered after that, or breaks off because it is over, does not ask again.
  const own = await pacing.finally(() => {
    closed = true;
  });
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
    ...(named ? { queries: named.result() } : {}),
    ...(writes ? { writes: writes.finish(endMs) } : {}),
    meanInFlight: parts.meanInFlight(),
    parts: parts.parts(),
    series: series.points().map((point) => ({ ...point, offeredRate: point.achievedRate })),
  };
}
