import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { constantArrivals, poissonArrivals, queryOrder, windowArrivals } from './schedule.ts';

function take(arrivals: Generator<number>, until: number): number[] {
  const times: number[] = [];
  for (const time of arrivals) {
    if (time > until) return times;
    times.push(time);
  }
  return times;
}

function gaps(times: ArrayLike<number>): number[] {
  return Array.from({ length: times.length - 1 }, (_, i) => (times[i + 1] as number) - (times[i] as number));
}

/** Kolmogorov–Smirnov distance between gaps and the exponential distribution of a rate. */
function distanceToExponential(values: readonly number[], rate: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.max(
    ...sorted.map((gap, i) => {
      const expected = 1 - Math.exp(-rate * gap);
      return Math.max(Math.abs(expected - i / sorted.length), Math.abs(expected - (i + 1) / sorted.length));
    }),
  );
}

/** Critical value at 0.1 %: a right schedule fails one seed in a thousand; the seeds below are fixed. */
const critical = (n: number): number => 1.95 / Math.sqrt(n);

describe('poissonArrivals', () => {
  it.each([1, 2, 3])('has the mean, and exponential gaps, seed %d', (seed) => {
    const times = take(poissonArrivals(100, seed), 100);
    expect(Math.abs(times.length - 10_000)).toBeLessThan(4 * 100);
    expect(distanceToExponential(gaps(times), 100)).toBeLessThan(critical(times.length));
  });

  it('is the same for the same seed and stream, and only then', () => {
    const first = (seed: number, stream: number) => take(poissonArrivals(50, seed, stream), 1);
    expect(first(1, 0)).toEqual(first(1, 0));
    expect(first(1, 1)).not.toEqual(first(1, 0));
    expect(first(2, 0)).not.toEqual(first(1, 0));
  });

  it('splits: four generators at a quarter of the rate make one at the whole', () => {
    const parts = [0, 1, 2, 3].flatMap((stream) => take(poissonArrivals(50, 5, stream), 50)).sort((a, b) => a - b);
    expect(Math.abs(parts.length - 10_000)).toBeLessThan(4 * 100);
    expect(distanceToExponential(gaps(parts), 200)).toBeLessThan(critical(parts.length));
  });
});

describe('windowArrivals', () => {
  it('offers exactly the rate, in order, within the window', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.5, max: 3000, noNaN: true }),
        fc.double({ min: 0.1, max: 3, noNaN: true }),
        fc.nat(),
        (rate, seconds, seed) => {
          const times = windowArrivals(rate, seconds, seed);
          expect(times.length).toBe(Math.max(1, Math.round(rate * seconds)));
          for (let i = 0; i < times.length; i += 1) {
            expect(times[i]).toBeGreaterThanOrEqual(i === 0 ? 0 : (times[i - 1] as number));
            expect(times[i]).toBeLessThan(seconds);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('has exponential gaps', () => {
    expect(distanceToExponential(gaps(windowArrivals(5000, 1, 1)), 5000)).toBeLessThan(critical(5000));
  });

  it('is the same pattern at any rate, which pairs windows', () => {
    const [slow, fast] = [windowArrivals(100, 10, 3), windowArrivals(1000, 1, 3)];
    slow.forEach((time, i) => expect(time / 10).toBeCloseTo(fast[i] as number, 12));
  });
});

describe('constantArrivals', () => {
  it('is equidistant, however many pods share it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 9 }), (rate, pods) => {
        const parts = Array.from({ length: pods }, (_, pod) => [...constantArrivals(rate, 2, pod, pods)]);
        const all = parts.flat().sort((a, b) => a - b);
        expect(all).toEqual([...constantArrivals(rate, 2)]);
        expect(all).toHaveLength(2 * rate);
        all.forEach((time, i) => expect(time).toBeCloseTo(i / rate, 9));
      }),
    );
  });
});

describe('queryOrder', () => {
  it('is a seeded permutation', () => {
    const order = queryOrder(100, 1);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(queryOrder(100, 1)).toEqual(order);
    expect(queryOrder(100, 2)).not.toEqual(order);
  });
});
