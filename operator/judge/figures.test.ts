import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withCosts } from './costs.ts';
import { metricLabel, metricUnit, showBeside, showNumber } from './format.ts';
import { compareByObjectives, dominates, fromLogit, logit, valueOfWorth, worth } from './objective.ts';
import { seededRandom, normal } from './prng.ts';
import { expectedImprovement, meanInterval, normalCdf, tQuantile975 } from './statistics.ts';
import type { Objective } from './study.ts';

describe('showNumber', () => {
  it.each([
    [812.4, '812.4'],
    [6304.93, '6305'],
    [0.96234, '0.9623'],
    [123456, '123456'],
    [1234567.8, '1235000'],
    [0.0000001234, '0.0000001234'],
    [0, '0'],
    [Number.NaN, 'NaN'],
  ])('%d is %s', (value, text) => expect(showNumber(value)).toBe(text));

  it('prints beside a bound what tells them apart', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
        fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
        (value, bound) => {
          if (value !== bound) expect(showBeside(value, bound)).not.toBe(String(bound));
        },
      ),
    );
    expect(showBeside(0.95, 0.95)).toBe('0.95');
    expect(showBeside(0.1 + 0.2, 0.3)).toBe('0.30000000000000004');
  });
});

it('names and units of metrics', () => {
  expect(['latencyP95', 'latencyP999', 'errorRate', 'throughput'].map(metricLabel)).toEqual([
    'p95',
    'p99.9',
    'error rate',
    'throughput',
  ]);
  expect(
    ['latencyP95', 'serviceMax', 'throughput', 'serverCpuPerQuery', 'indexedSeconds', 'memory', 'recall'].map(
      metricUnit,
    ),
  ).toEqual([' ms', ' ms', '/s', ' µs', ' s', ' bytes', '']);
});

describe('statistics', () => {
  it.each([
    [1, 12.7062],
    [2, 4.30265],
    [10, 2.22814],
    [30, 2.04227],
    [31, 2.03951],
    [60, 2.0003],
    [1000, 1.96234],
  ])('t(0.975, %i) is %d', (df, expected) => expect(tQuantile975(df)).toBeCloseTo(expected, 4));

  it('mean and interval of known numbers', () => {
    expect(meanInterval([5])).toEqual({ mean: 5 });
    const { mean, low, high } = meanInterval([1, 2, 3, 4, 5]);
    expect(mean).toBe(3);
    expect(low).toBeCloseTo(3 - 2.776445 * Math.sqrt(2.5 / 5), 6);
    expect(high).toBeCloseTo(3 + 2.776445 * Math.sqrt(2.5 / 5), 6);
  });

  it('covers the truth about 95 times in 100', () => {
    const random = seededRandom(11);
    let covered = 0;
    for (let i = 0; i < 4000; i += 1) {
      const { low, high } = meanInterval([0, 0, 0].map(() => normal(random)));
      if ((low as number) <= 0 && (high as number) >= 0) covered += 1;
    }
    expect(covered / 4000).toBeGreaterThan(0.94);
    expect(covered / 4000).toBeLessThan(0.96);
  });

  it.each([
    [0, 0.5],
    [1.96, 0.9750021],
    [-1, 0.1586553],
    [Infinity, 1],
    [-Infinity, 0],
  ])('Φ(%d) is %d', (z, expected) => expect(normalCdf(z)).toBeCloseTo(expected, 6));

  it('expected improvement is that of simulation', () => {
    const random = seededRandom(5);
    let sum = 0;
    for (let i = 0; i < 50_000; i += 1) sum += Math.max(0, 0.2 + 0.5 * normal(random) - 0.4);
    expect(expectedImprovement(0.2, 0.5, 0.4)).toBeCloseTo(sum / 50_000, 2);
    expect(expectedImprovement(1, 0, 0.4)).toBeCloseTo(0.6);
    expect(expectedImprovement(0, 0, 0.4)).toBe(0);
  });
});

describe('objectives', () => {
  const throughput: Objective = { metric: 'throughput', goal: 'Maximize' };
  const p95: Objective = { metric: 'latencyP95', goal: 'Minimize' };
  const recall: Objective = { metric: 'recall', goal: 'Maximize' };
  const metrics = (rate: number, latency?: number) => [
    { name: 'throughput' as const, value: rate },
    ...(latency === undefined ? [] : [{ name: 'latencyP95' as const, value: latency }]),
  ];

  it('worth rises with what is wanted and can be taken back', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        fc.constantFrom(throughput, p95, recall),
        (value, objective) => {
          expect(valueOfWorth(worth(value, objective), objective)).toBeCloseTo(value, 9);
          const better = objective.goal === 'Maximize' ? value * 1.005 : value * 0.995;
          expect(worth(better, objective)).toBeGreaterThan(worth(value, objective));
        },
      ),
    );
    expect(fromLogit(logit(1))).toBeLessThan(1);
    expect(Number.isFinite(worth(0, throughput))).toBe(true);
  });

  it('orders by the first that differs, unmeasured last', () => {
    expect(compareByObjectives(metrics(2, 9), metrics(1, 1), [throughput, p95])).toBeLessThan(0);
    expect(compareByObjectives(metrics(1, 9), metrics(1, 1), [throughput, p95])).toBeGreaterThan(0);
    expect(compareByObjectives(metrics(1), metrics(1, 1), [p95])).toBe(1);
    expect(compareByObjectives(metrics(1, 1), metrics(1), [p95])).toBe(-1);
    expect(compareByObjectives(metrics(1), metrics(1), [p95])).toBe(0);
  });

  it('dominates by being nowhere worse and somewhere better', () => {
    expect(dominates(metrics(2, 5), metrics(1, 5), [throughput, p95])).toBe(true);
    expect(dominates(metrics(2, 6), metrics(1, 5), [throughput, p95])).toBe(false);
    expect(dominates(metrics(1, 5), metrics(1, 5), [throughput, p95])).toBe(false);
  });
});

describe('withCosts', () => {
  it('costs an hour and a million queries', () => {
    const costs = withCosts([{ name: 'throughput', value: 1000, low: 900, high: 1100 }], 3.6);
    expect(costs.slice(1)).toEqual([
      { name: 'costPerHour', value: 3.6 },
      { name: 'costPerMillionQueries', value: 1, low: expect.closeTo(0.909, 3), high: expect.closeTo(1.111, 3) },
    ]);
    expect(withCosts(costs, 3.6)).toEqual(costs);
  });

  it('makes up nothing', () => {
    expect(withCosts([{ name: 'recall', value: 1 }], undefined)).toEqual([{ name: 'recall', value: 1 }]);
    expect(withCosts([{ name: 'throughput', value: 0 }], 1)).toHaveLength(2);
    expect(withCosts([], 1)).toEqual([{ name: 'costPerHour', value: 1 }]);
    expect(withCosts([{ name: 'throughput', value: 10 }], 1)[2]).not.toHaveProperty('low');
  });
});
