import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';

describe('Random', () => {
  it('gives the same bits for the same seed, on every platform', () => {
    const random = new Random(7);
    expect([random.uint32(), random.uint32(), random.uint32()]).toEqual([...GOLDEN]);
  });

  it('separates streams and seeds, large seeds included', () => {
    const first = (seed: number, stream?: number) => new Random(seed, stream).uint32();
    expect(new Set([first(1), first(1, 1), first(2), first(2 ** 32 + 1)]).size).toBe(4);
  });

  it('stays within its ranges', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 1000 }), (seed, n) => {
        const random = new Random(seed);
        for (let i = 0; i < 50; i += 1) {
          const below = random.below(n);
          expect(below >= 0 && below < n && Number.isInteger(below)).toBe(true);
          const uniform = random.uniform();
          expect(uniform > 0 && uniform < 1).toBe(true);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('draws bell-shaped values of mean 0 and variance 1', () => {
    const random = new Random(3);
    const values = Array.from({ length: 40_000 }, () => random.bell());
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(mean).toBeCloseTo(0, 1);
    expect(variance).toBeCloseTo(1, 1);
  });
});

const GOLDEN = [1962520684, 610851567, 1700311272] as const;
