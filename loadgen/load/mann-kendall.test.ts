import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mannKendall, median, theilSen } from './mann-kendall.ts';

function orders(values: readonly number[]): number[][] {
  if (values.length < 2) return [[...values]];
  return values.flatMap((value, i) => orders(values.toSpliced(i, 1)).map((rest) => [value, ...rest]));
}

describe('mannKendall', () => {
  it('is exact: the share of all orders whose S is as far from 0', () => {
    const all = orders([1, 2, 3, 4, 5, 6]).map((order) => mannKendall(order));
    for (const { s, probability } of all.slice(0, 200)) {
      const share = all.filter((other) => Math.abs(other.s) >= Math.abs(s)).length / all.length;
      expect(probability).toBeCloseTo(Math.min(1, share), 9);
    }
  });

  it('gives a straight ascent what it is: one order of all, and its mirror', () => {
    const { s, probability } = mannKendall(Array.from({ length: 10 }, (_, i) => i));
    expect(s).toBe(45);
    expect(probability).toBeCloseTo(2 / 3_628_800, 12);
  });

  it('turns round with the order, and does not care for scale', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e3, noNaN: true }), { minLength: 2, maxLength: 12 }), (values) => {
        const [up, down] = [mannKendall(values), mannKendall(values.toReversed())];
        expect(down.s).toBe(-up.s + 0);
        expect(down.probability).toBe(up.probability);
        expect(mannKendall(values.map((value) => Math.round(value) * 4)).s).toBe(
          mannKendall(values.map((value) => Math.round(value))).s,
        );
      }),
    );
  });

  it('says nothing of equal values', () => {
    expect(mannKendall([3, 3, 3, 3, 3, 3])).toMatchObject({ s: 0, probability: 1 });
    expect(mannKendall([])).toMatchObject({ s: 0 });
  });
});

describe('theilSen', () => {
  it('is the slope of a line, also with wild values in it', () => {
    const line = Array.from({ length: 11 }, (_, i) => 2 + 3 * i);
    expect(theilSen(line)).toBeCloseTo(3, 9);
    expect(theilSen(line.with(4, 1000).with(8, -1000))).toBeCloseTo(3, 0);
    expect([median([]), median([5, 1, 3]), median([4, 1, 2, 3])]).toEqual([0, 3, 2.5]);
  });
});
