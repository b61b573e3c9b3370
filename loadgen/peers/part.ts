import { z } from 'zod';
import { RecallTally } from '../evaluate/recall.ts';
import { LatencyHistogram } from '../load/histogram.ts';
import type { WindowMeasurement } from '../load/open-loop.ts';

/** What one load generator measured of a window, as it travels. Histograms are HdrHistogram's own V2, compressed, base64. */
const histogram = z
  .string()
  .max(1_000_000)
  .transform((text, context) => {
    try {
      return LatencyHistogram.decode(text);
    } catch {
      context.addIssue('no HdrHistogram');
      return z.NEVER;
    }
  });
const count = z.int().min(0);
const figure = z.number();

const windowSchema = z.strictObject({
  rate: figure,
  seconds: figure,
  startedAt: figure,
  scheduled: count,
  sent: count,
  sentInAll: count,
  completed: count,
  achievedRate: figure,
  errors: z.record(z.string().max(64), count),
  errorCount: count,
  backlogStart: z.int(),
  backlogEnd: z.int(),
  aborted: z.enum(['Backlog', 'Latency']).optional(),
  response: histogram,
  service: histogram,
  lateness: histogram,
  ownLateness: histogram,
  cappedShare: figure,
  own: z.strictObject({
    wallSeconds: figure,
    idleSeconds: figure,
    workCpuSeconds: figure,
    cpuSeconds: figure,
    waitedSeconds: figure.optional(),
    loopP99: figure,
    loopMax: figure,
  }),
  meanInFlight: figure,
  parts: z.array(z.strictObject({ response: histogram, inFlight: figure })).max(64),
  series: z
    .array(
      z.strictObject({
        second: figure,
        offeredRate: figure,
        achievedRate: figure,
        latencyP50: figure,
        latencyP95: figure,
        latencyP99: figure,
        errors: count,
        latency: histogram.optional(),
      }),
    )
    .max(2000),
});

/** A measurement, read from plain data. */
export const partSchema = windowSchema.transform(({ own, aborted, series, ...rest }): WindowMeasurement => {
  return {
    ...rest,
    ...(aborted === undefined ? {} : { aborted }),
    own: { ...own, waitedSeconds: own.waitedSeconds },
    series: series.map(({ latency, ...point }) => ({ ...point, ...(latency ? { latency } : {}) })),
  };
});

/** A measurement as plain data. */
export function encodePart(measured: WindowMeasurement): z.input<typeof partSchema> {
  const { response, service, lateness, ownLateness, parts, series, own, ...figures } = measured;
  const { waitedSeconds, ...work } = own;
  return {
    ...figures,
    response: response.encode(),
    service: service.encode(),
    lateness: lateness.encode(),
    ownLateness: ownLateness.encode(),
    own: { ...work, ...(waitedSeconds === undefined ? {} : { waitedSeconds }) },
    parts: parts.map((part) => ({ ...part, response: part.response.encode() })),
    series: series.map(({ latency, ...point }) => ({ ...point, ...(latency ? { latency: latency.encode() } : {}) })),
  };
}

/** The recall of one's answers: of the queries asked number, answers and summed recall, in turn. */
export const tallySchema = z
  .strictObject({
    queries: count,
    asked: z.array(z.tuple([count, count, z.number().min(0)])).max(10_000_000),
  })
  .transform(({ queries, asked }) => {
    const tally = new RecallTally(queries);
    for (const [query, times, sum] of asked) tally.add(query, sum, times);
    return tally;
  });

export function encodeTally(tally: RecallTally): z.input<typeof tallySchema> {
  return { queries: tally.queries, asked: tally.entries() };
}

/** What all of them were answered; the query stays the unit. */
export function mergeTallies(tallies: readonly RecallTally[]): RecallTally {
  const merged = new RecallTally(tallies[0]?.queries ?? 0);
  for (const tally of tallies) for (const [query, times, sum] of tally.entries()) merged.add(query, sum, times);
  return merged;
}
