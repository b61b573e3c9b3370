import type { LoadModel, LoadRules } from '../protocol.ts';
import { meanShare } from './profile.ts';
import type { WindowKind } from './saturation.ts';
import type { WindowOrder } from './window-order.ts';
import { windowSeconds } from './window-rules.ts';

/** What the length and the bounds of windows depend on. */
export interface OrderPlan {
  rules: LoadRules;
  order: Uint32Array;
  /** Most connections the client may open. */
  connections: number;
  /** Median time of an answer while little was asked for, ms. */
  unloadedService?: number;
}

/** Windows and requests of this search so far. */
interface Account {
  number: number;
  requests: number;
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

/** How load is offered, by default the search for the highest rate. */
export function loadModel({ load }: Pick<LoadRules, 'load'>): LoadModel {
  return load ?? { kind: 'Saturation', arrivals: 'Poisson' };
}

/** A window at a rate: of the search for the highest one, or the one that was asked for; `longer` than usual by a factor. */
export function openOrder(
  plan: OrderPlan,
  load: Extract<WindowOrder['load'], { kind: 'Open' }>,
  kind: WindowKind | 'Warmup',
  { number, requests }: Account,
  longer = 1,
): WindowOrder {
  const { rules } = plan;
  const { rate } = load;
  const given = loadModel(rules).kind === 'Open';
  const full = longer * windowSeconds(rules, rate * meanShare(load.profile));
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
export function closedOrder(
  plan: OrderPlan,
  { concurrency }: Extract<LoadModel, { kind: 'Closed' }>,
  { requests }: Account,
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
