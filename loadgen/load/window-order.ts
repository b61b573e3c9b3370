import { z } from 'zod';
import { PROFILES } from '../../crds/common/profiles.ts';
import type { AnswerCounter, AnswerTally } from './answers.ts';
import { arrivalsOf } from './arrivals.ts';
import type { QueryClient } from './client.ts';
import { runClosedWindow } from './closed-window.ts';
import type { NamedQuestions } from './named-queries.ts';
import { runWindow, type WindowMeasurement } from './open-loop.ts';
import { profileRate } from './profile.ts';
import type { SeriesPoint } from './series.ts';
import type { WindowWrites, WritesPlan } from './writes.ts';

/** One window to be offered: plain data, so that it may travel to other generators that share it. */
export const windowOrderSchema = z.strictObject({
  load: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('Open'),
      arrivals: z.enum(['Poisson', 'Constant']),
      rate: z.number().positive(),
      profile: z.enum(PROFILES),
    }),
    z.strictObject({ kind: z.literal('Closed'), concurrency: z.int().min(1), expected: z.number().min(0) }),
  ]),
  /** At the beginning, loaded but not counted. */
  leadSeconds: z.number().min(0),
  /** Whole length, the lead included. */
  seconds: z.number().positive(),
  drainSeconds: z.number().min(0),
  /** Tells the random arrivals of a seed's windows apart. */
  stream: z.int().min(0).max(4095),
  /** Where in the order of queries it begins. */
  orderStart: z.int().min(0),
  maxInFlight: z.int().min(1),
  maxBacklog: z.number().positive(),
  latency: z.array(z.strictObject({ percentile: z.number(), max: z.number() })).max(4),
});
export type WindowOrder = z.output<typeof windowOrderSchema>;

/** A window that was offered. */
export interface PlayedWindow {
  /** As one: of all generators together. */
  measured: WindowMeasurement;
  tally: AnswerTally;
  /** What each generator went through, where there are several. */
  pods?: readonly WindowMeasurement[];
  /** How far their starts lay apart. */
  skew?: StartSkew;
}

/** ms between the first and the last start, as far as clocks can tell: to within `uncertainty`. */
export interface StartSkew {
  milliseconds: number;
  uncertainty: number;
}

/** Offers one window. */
export type PlayWindow = (order: WindowOrder) => Promise<PlayedWindow>;

/** What a generator offers windows with. */
export interface Means {
  client: QueryClient;
  bodies: readonly Buffer[];
  order: Uint32Array;
  named?: NamedQuestions | undefined;
  /** Makes the writes of each window, where there are any. */
  writes?:
    ((window: Pick<WritesPlan, 'window' | 'leadSeconds' | 'seconds' | 'searchRate'>) => WindowWrites) | undefined;
  limit: number;
  answers: AnswerCounter;
  seed: number;
  /** Told of each second of a window that is over. */
  onSecond?: ((point: SeriesPoint) => void) | undefined;
  signal?: AbortSignal;
}

/** Which of how many generators. */
export interface Share {
  pod: number;
  pods: number;
}

/**
 * This generator's share of a window: of n, pod i has independent Poisson arrivals at an n-th of the rate, or every n-th of
 * the equidistant ones, or an n-th of the clients.
 */
export async function playShare(
  order: WindowOrder,
  means: Means,
  { pod, pods }: Share = { pod: 0, pods: 1 },
): Promise<PlayedWindow> {
  const { client, signal } = means;
  const { load } = order;
  const tally = means.answers.tally();
  const writes = means.writes?.({
    window: order.stream,
    leadSeconds: order.leadSeconds,
    seconds: order.seconds,
    searchRate: load.kind === 'Open' ? load.rate / pods : load.expected / pods / order.seconds,
  });
  const common = {
    sender: client,
    bodies: means.bodies,
    order: means.order,
    // Generators begin in different places, so that together they still ask all queries alike.
    orderStart: (order.orderStart + Math.floor((pod * means.order.length) / pods)) % means.order.length,
    leadSeconds: order.leadSeconds,
    seconds: order.seconds,
    drainSeconds: order.drainSeconds,
    onAnswer: tally.add,
    onSecond: means.onSecond,
    named: means.named,
    writes,
    shared: pods > 1,
    ...(signal ? { signal } : {}),
  };
  let measured: WindowMeasurement;
  if (load.kind === 'Closed') {
    const concurrency = Math.max(0, Math.ceil((load.concurrency - pod) / pods));
    measured = await runClosedWindow({ ...common, concurrency, expected: load.expected });
  } else {
    const rates = profileRate(load.profile, load.rate, order.leadSeconds, order.seconds - order.leadSeconds);
    const arrivals = arrivalsOf({ kind: load.arrivals, rates, seed: means.seed, stream: order.stream, pod, pods });
    measured = await runWindow({
      ...common,
      arrivals,
      rate: load.rate / pods,
      rates: rates.scaled(1 / pods),
      limit: means.limit,
      expected: rates.total - rates.expected(order.leadSeconds),
      maxInFlight: Math.ceil(order.maxInFlight / pods),
      maxBacklog: order.maxBacklog / pods,
      // What one of several sees says nothing certain of all.
      latency: pods === 1 ? order.latency : [],
    });
  }
  if ((measured.errors.unanswered ?? 0) > 0) await client.reset();
  return { measured, tally };
}
