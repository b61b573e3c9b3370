import { describe, expect, it } from 'vitest';
import { Random } from '../../loadgen/random.ts';
import { poissonArrivals } from '../../loadgen/load/schedule.ts';
import { percentileOf, responsesAroundPauses, sojournPercentile } from './expected.ts';

describe('responsesAroundPauses', () => {
  it('lets who arrives in a pause wait for its end', () => {
    const pauses = [
      [100, 600],
      [1000, 1020],
    ] as const;
    expect(responsesAroundPauses([0, 99, 100, 599, 600, 1010], pauses, 2)).toEqual([2, 2, 502, 3, 2, 12]);
  });
});

describe('sojournPercentile', () => {
  it('is what a simulated queue shows', () => {
    const [rate, service] = [100, 5];
    const random = new Random(3);
    let free = 0;
    let count = 0;
    const times: number[] = [];
    for (const at of poissonArrivals(rate, 1)) {
      free = Math.max(at, free) - (Math.log(random.uniform()) * service) / 1000;
      times.push((free - at) * 1000);
      count += 1;
      if (count === 200_000) break;
    }
    for (const percentile of [50, 95, 99]) {
      const expected = sojournPercentile(percentile, rate, service);
      expect(Math.abs(percentileOf(times, percentile) / expected - 1)).toBeLessThan(0.05);
    }
  });

  it('refuses a queue that grows', () => {
    expect(() => sojournPercentile(50, 200, 5)).toThrow('a queue that gets 200/s and serves 200/s grows');
  });
});

describe('percentileOf', () => {
  it('is a value of the sample', () => {
    expect(percentileOf([3, 1, 2, 4], 50)).toBe(2);
    expect(percentileOf([3, 1, 2, 4], 51)).toBe(3);
    expect(percentileOf([3, 1, 2, 4], 100)).toBe(4);
    expect(percentileOf([7], 0)).toBe(7);
    expect(percentileOf([], 50)).toBeNaN();
  });
});
