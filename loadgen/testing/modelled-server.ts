import { Random } from '../random.ts';
import { windowArrivals } from '../load/schedule.ts';
import {
  nextStep,
  startSaturation,
  type Outcome,
  type SaturationOptions,
  type WindowResult,
} from '../load/saturation.ts';

/** A server with `servers` places and exponential service, so that its capacity is servers / meanService. */
export interface Model {
  servers: number;
  meanService: number;
  /** Limit on p95 of the response time, seconds. */
  p95?: number;
  /** At this window (counted from 0) the server stops for so many seconds. */
  stall?: { window: number; seconds: number };
  /** Speed by window: 1 = normal. */
  speed?: (window: number) => number;
  /** Windows that say nothing, because of the load generator. */
  isVoid?: (window: number, rate: number) => boolean;
  windowSeconds?: number;
  windowRequests?: number;
}

/** One window against the model, judged by the same rules as a real one. */
export function simulate(model: Model, rate: number, full: boolean, window: number, seed: number): WindowResult {
  const length = Math.max(model.windowSeconds ?? 1, (model.windowRequests ?? 1000) / rate) * (full ? 1 : 0.4);
  const random = new Random(seed, 1000 + window);
  const free = new Float64Array(model.servers);
  const stallAt = model.stall?.window === window ? length / 2 : Infinity;
  const speed = model.speed?.(window) ?? 1;
  let completed = 0;
  const responses: number[] = [];
  const arrivals = windowArrivals(rate, length, seed, window);
  for (const arrival of arrivals) {
    const server = free.indexOf(Math.min(...free));
    let start = Math.max(arrival, free[server] as number);
    if (start >= stallAt && start < stallAt + (model.stall?.seconds ?? 0))
      start = stallAt + (model.stall?.seconds ?? 0);
    const end = start - Math.log(random.uniform()) * (model.meanService / speed);
    free[server] = end;
    responses.push(end - arrival);
    if (end <= length) completed += 1;
  }
  responses.sort((a, b) => a - b);
  const p95 = responses[Math.floor(responses.length * 0.95)] as number;
  const behind = arrivals.length - completed > Math.max(4, 0.02 * arrivals.length);
  const latency = !behind && model.p95 !== undefined && p95 > model.p95;
  return {
    sustainable: !behind && !latency,
    achieved: completed / length,
    void: model.isVoid?.(window, rate) ?? false,
    latency,
  };
}

/** The whole search against the model. */
export function search(
  model: Model,
  options: SaturationOptions,
  seed = 1,
): { outcome: Outcome; windows: number; rates: number[] } {
  let state = startSaturation(options);
  const rates: number[] = [];
  while (state.step.kind === 'Window') {
    const { rate, window } = state.step;
    rates.push(rate);
    state = nextStep(state, simulate(model, rate, window === 'Full', state.windows, seed));
  }
  return { outcome: state.step.outcome, windows: state.windows, rates };
}
