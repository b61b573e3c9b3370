import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normal, seededRandom, shuffled } from './prng.ts';

describe('seededRandom', () => {
  it('gives the same stream for the same seeds and another for others', () => {
    const take = (seed: number, stream?: number) => {
      const random = seededRandom(seed, stream);
      return Array.from({ length: 8 }, random);
    };
    expect(take(7)).toEqual(take(7));
    expect(take(7)).not.toEqual(take(8));
    expect(take(7, 1)).not.toEqual(take(7, 2));
  });

  it('stays in [0, 1) and is uniform', () => {
    const random = seededRandom(1);
    const bins = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 20_000; i += 1) {
      const value = random();
      expect(value >= 0 && value < 1).toBe(true);
      bins[Math.floor(value * 10)] = (bins[Math.floor(value * 10)] ?? 0) + 1;
    }
    const chiSquare = bins.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0);
    expect(chiSquare).toBeLessThan(27.9); // 0.1 % point with 9 degrees of freedom
  });

  it('has normal numbers of mean 0 and variance 1', () => {
    const random = seededRandom(3);
    const values = Array.from({ length: 20_000 }, () => normal(random));
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.04);
  });

  it('shuffles without losing or adding anything', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer(), (items, seed) => {
        const once = shuffled(items, seededRandom(seed));
        expect(once.toSorted()).toEqual(items.toSorted());
        expect(shuffled(items, seededRandom(seed))).toEqual(once);
      }),
    );
  });
});
