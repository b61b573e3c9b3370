import fc from 'fast-check';
import { expect, it } from 'vitest';
import { spread } from './spread.ts';

it('takes percentiles by nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(spread(hundred)).toEqual({ count: 100, p50: 50, p95: 95, max: 100 });
  expect(spread([0.12345])).toEqual({ count: 1, p50: 0.123, p95: 0.123, max: 0.123 });
});

it('has them in order, each one that was measured', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 1e6 }), { minLength: 1 }), (values) => {
      const { count, p50, p95, max } = spread(values);
      expect(count).toBe(values.length);
      expect(values).toEqual(expect.arrayContaining([p50, p95, max]));
      expect([p50, p95, max]).toEqual([p50, p95, max].toSorted((a, b) => a - b));
      expect(max).toBe(Math.max(...values));
    }),
  );
});

it('refuses nothing', () => {
  expect(() => spread([])).toThrow('nothing was measured');
});
