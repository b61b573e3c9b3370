import { z } from 'zod';
import type { AnswerTally } from '../load/answers.ts';
import { LatencyHistogram } from '../load/histogram.ts';
import type { NamedMeasurement } from '../load/named-queries.ts';
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

const errors = z.record(z.string().max(64), count);
/** What named queries showed, each beside its name. */
const namedSchema = z.array(
  z.tuple([
    z.string().max(64),
    z.strictObject({
      scheduled: count,
      completed: count,
      response: histogram,
      service: histogram,
      lateness: histogram,
      errors,
      errorCount: count,
    }),
  ]),
);

const windowSchema = z.strictObject({
  rate: figure,
  seconds: figure,
  startedAt: figure,
  scheduled: count,
  sent: count,
  sentInAll: count,
  completed: count,
  achievedRate: figure,
  errors,
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
  queries: namedSchema.max(16).optional(),
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
export const partSchema = windowSchema.transform(({ own, aborted, series, queries, ...rest }): WindowMeasurement => {
  return {
    ...rest,
    ...(aborted === undefined ? {} : { aborted }),
    ...(queries ? { queries: new Map(queries) } : {}),
    own: { ...own, waitedSeconds: own.waitedSeconds },
    series: series.map(({ latency, ...point }) => ({ ...point, ...(latency ? { latency } : {}) })),
  };
});

/** A measurement as plain data. Writes do not travel: the one who leads makes them. */
export function encodePart(measured: WindowMeasurement): z.input<typeof partSchema> {
  const { response, service, lateness, ownLateness, parts, series, own, queries, writes: _, ...figures } = measured;
  const { waitedSeconds, ...work } = own;
  return {
    ...figures,
    response: response.encode(),
    service: service.encode(),
    lateness: lateness.encode(),
    ownLateness: ownLateness.encode(),
    ...(queries ? { queries: [...queries].map(([name, query]) => [name, encodeNamed(query)]) } : {}),
    own: { ...work, ...(waitedSeconds === undefined ? {} : { waitedSeconds }) },
    parts: parts.map((part) => ({ ...part, response: part.response.encode() })),
    series: series.map(({ latency, ...point }) => ({ ...point, ...(latency ? { latency: latency.encode() } : {}) })),
  };
}

function encodeNamed({ response, service, lateness, ...figures }: NamedMeasurement) {
  return {
    ...figures,
    response: response.encode(),
    service: service.encode(),
    lateness: lateness.encode(),
  };
}

/** The recall of one's answers: of the questions asked number, answers and summed recall, in turn. */
export const tallySchema = z.strictObject({
  asked: z.array(z.tuple([count, count, z.number().min(0)])).max(10_000_000),
});

export function encodeTally(tally: AnswerTally): z.input<typeof tallySchema> {
  return { asked: tally.entries() };
}
