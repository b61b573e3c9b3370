import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from '../load/histogram.ts';
import type { WindowMeasurement } from '../load/open-loop.ts';
import { mergeHistograms, mergeWindows } from './merge.ts';
import { tallyOf } from '../testing/answers.ts';
import { encodePart, encodeTally, partSchema, tallySchema } from './part.ts';

const histogramOf = (values: readonly number[]): LatencyHistogram => {
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.record(value);
  return histogram;
};

const latency = fc.double({ min: 0, max: 70_000, noNaN: true });
/** Figures whose sums are exact, so that order cannot show. */
const share = fc.nat({ max: 1024 }).map((value) => value / 1024);

/** What a generator measured: from its answers, so that sums and histograms belong together. */
const windows = fc
  .record({
    answers: fc.array(latency, { maxLength: 60 }),
    waits: fc.array(latency, { maxLength: 20 }),
    errors: fc.dictionary(fc.constantFrom('http503', 'timeout', 'unanswered'), fc.nat({ max: 50 })),
    inFlight: fc.array(share, { minLength: 6, maxLength: 10 }),
    seconds: fc.constant(2),
    idle: share,
    waited: fc.option(share, { nil: undefined }),
    loop: share,
    aborted: fc.constantFrom(undefined, 'Backlog' as const, 'Latency' as const),
    named: fc.dictionary(fc.constantFrom('plain', 'tenant'), fc.array(latency, { maxLength: 9 })),
    points: fc.uniqueArray(fc.nat({ max: 9 }), { maxLength: 6 }),
    startedAt: fc.nat({ max: 1000 }),
  })
  .map(
    ({
      answers,
      waits,
      errors,
      inFlight,
      idle,
      waited,
      loop,
      aborted,
      points,
      seconds,
      startedAt,
      named,
    }): WindowMeasurement => {
      const errorCount = Object.values(errors).reduce((sum, count) => sum + count, 0);
      const scheduled = answers.length + errorCount;
      return {
        rate: scheduled / seconds,
        seconds,
        startedAt,
        scheduled,
        sent: scheduled,
        sentInAll: scheduled + 4,
        completed: answers.length,
        achievedRate: answers.length / seconds,
        errors,
        errorCount,
        backlogStart: 1,
        backlogEnd: 2,
        ...(aborted ? { aborted } : {}),
        response: histogramOf(answers),
        service: histogramOf(answers.map((value) => value / 2)),
        lateness: histogramOf(waits),
        ownLateness: histogramOf(waits),
        cappedShare: 0,
        queries: new Map(
          ['plain', 'tenant'].map((name) => {
            const of = histogramOf(named[name] ?? []);
            const [scheduled, failed] = [of.count + 1, { http503: 1 }];
            const figures = { scheduled, completed: of.count, errors: failed, errorCount: 1 };
            return [name, { ...figures, response: of, service: of, lateness: of }];
          }),
        ),
        own: {
          wallSeconds: 2,
          idleSeconds: idle,
          workCpuSeconds: idle,
          cpuSeconds: 1,
          waitedSeconds: waited,
          loopP99: loop,
          loopMax: loop * 2,
        },
        meanInFlight: idle,
        parts: inFlight.map((value) => ({ response: histogramOf(answers), inFlight: value })),
        series: points
          .toSorted((a, b) => a - b)
          .map((second) => {
            const of = histogramOf(answers);
            return {
              second,
              offeredRate: 4,
              achievedRate: answers.length,
              latencyP50: of.percentile(50),
              latencyP95: of.percentile(95),
              latencyP99: of.percentile(99),
              errors: 1,
              latency: of,
            };
          }),
      };
    },
  );

/** All that a measurement says, comparable. */
const plain = (measured: WindowMeasurement) => encodePart(measured);

describe('merging windows', () => {
  it('gives the histogram that one generator with all the samples would have', () => {
    fc.assert(
      fc.property(fc.array(fc.array(latency, { maxLength: 80 }), { minLength: 1, maxLength: 8 }), (samples) => {
        const merged = mergeHistograms(samples.map(histogramOf));
        const one = histogramOf(samples.flat());
        expect(merged.encode()).toBe(one.encode());
        expect(merged.count).toBe(samples.flat().length);
        expect([merged.max, merged.mean]).toEqual([one.max, one.mean]);
        for (const percentile of [0, 50, 95, 99, 99.9, 100]) {
          expect(merged.percentile(percentile)).toBe(one.percentile(percentile));
        }
      }),
    );
  });

  it('does not care for order', () => {
    fc.assert(
      fc.property(
        fc
          .array(windows, { minLength: 1, maxLength: 6 })
          .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, shuffled]) => {
          expect(plain(mergeWindows(shuffled))).toEqual(plain(mergeWindows(all)));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('does not care for grouping: merging what was merged changes nothing', () => {
    fc.assert(
      fc.property(windows, windows, windows, (a, b, c) => {
        const left = mergeWindows([mergeWindows([a, b]), c]);
        const right = mergeWindows([a, mergeWindows([b, c])]);
        expect(plain(left)).toEqual(plain(right));
        expect(plain(left)).toEqual(plain(mergeWindows([a, b, c])));
      }),
      { numRuns: 60 },
    );
  });

  it('sums what is counted, and leaves one alone as it is', () => {
    fc.assert(
      fc.property(fc.array(windows, { minLength: 1, maxLength: 5 }), (all) => {
        const merged = mergeWindows(all);
        const sum = (of: (window: WindowMeasurement) => number) => all.reduce((total, window) => total + of(window), 0);
        for (const name of ['scheduled', 'sent', 'sentInAll', 'completed', 'errorCount', 'achievedRate'] as const) {
          expect(merged[name]).toBe(sum((window) => window[name]));
        }
        expect(Object.values(merged.errors).reduce((total, count) => total + count, 0)).toBe(merged.errorCount);
        const only = all[0] as WindowMeasurement;
        expect(plain(mergeWindows([only]))).toEqual(plain(only));
      }),
      { numRuns: 60 },
    );
  });

  it('weighs the share of requests that waited for a slot by their number', () => {
    const [few, many] = fc.sample(windows, { numRuns: 2, seed: 1 }) as [WindowMeasurement, WindowMeasurement];
    const merged = mergeWindows([
      { ...few, scheduled: 10, cappedShare: 1 },
      { ...many, scheduled: 30, cappedShare: 0 },
    ]);
    expect(merged.cappedShare).toBe(0.25);
    expect(mergeWindows([{ ...few, scheduled: 0 }]).cappedShare).toBe(0);
  });
});

describe('a part on its way', () => {
  it('comes as it went', () => {
    fc.assert(
      fc.property(windows, (measured) => {
        const there = partSchema.parse(JSON.parse(JSON.stringify(encodePart(measured))));
        expect(plain(there)).toEqual(plain(measured));
        expect(there.own).toEqual(measured.own);
      }),
      { numRuns: 60 },
    );
  });

  it('is refused when it is none', () => {
    const [measured] = fc.sample(windows, 1) as [WindowMeasurement];
    const part = encodePart(measured);
    expect(partSchema.safeParse({ ...part, response: 'no histogram' }).error?.issues[0]?.message).toBe(
      'no HdrHistogram',
    );
    expect(partSchema.safeParse({ ...part, scheduled: -1 }).success).toBe(false);
    expect(tallySchema.safeParse({ asked: [[0, 1]] }).success).toBe(false);
  });
});

describe('merging recall', () => {
  it('is the recall of all answers, by query', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.array(
            fc.tuple(
              fc.nat({ max: 9 }),
              fc.nat({ max: 16 }).map((hits) => hits / 16),
            ),
            { maxLength: 40 },
          ),
          { minLength: 1, maxLength: 6 },
        ),
        (parts) => {
          const sent = parts.map((answers) =>
            tallySchema.parse(JSON.parse(JSON.stringify(encodeTally(tallyOf(10, answers))))),
          );
          const merged = (all: typeof sent) => {
            const tally = tallyOf(10);
            for (const { asked } of all) tally.absorb(asked);
            return tally;
          };
          expect(merged(sent).estimate()).toEqual(tallyOf(10, parts.flat()).estimate());
          expect(merged(sent.toReversed()).estimate()).toEqual(merged(sent).estimate());
        },
      ),
    );
    expect(tallyOf(10).estimate()).toBeUndefined();
    expect(() => tallyOf(3, [[3, 1]])).toThrow('question 3 is none of 3');
  });
});
