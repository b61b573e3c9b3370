import { describe, expect, it } from 'vitest';
import { exactDistance, tieTolerance } from './distance.ts';

describe('exactDistance', () => {
  it.each([
    ['Cosine', [1, 0], [0, 2], 1],
    ['Cosine', [1, 1], [2, 2], 0],
    ['Cosine', [0, 0], [2, 2], 1],
    ['Cosine', [2, 2], [0, 0], 1],
    ['Dot', [1, 2], [3, 4], -11],
    ['Euclid', [0, 0], [3, 4], 5],
    ['Manhattan', [0, 1], [3, -4], 8],
  ] as const)('%s of %j and %j is %d', (distance, a, b, expected) => {
    expect(exactDistance(distance, a, 0, b, 0, 2)).toBeCloseTo(expected, 12);
  });

  it('reads from offsets', () => {
    expect(exactDistance('Euclid', [9, 9, 0, 0], 2, [9, 3, 4], 1, 2)).toBe(5);
  });

  it('allows float32 rounding in proportion to the distance, for cosine to 1', () => {
    expect(tieTolerance('Cosine', 0)).toBeCloseTo(2e-6);
    expect(tieTolerance('Euclid', 500)).toBeCloseTo(1e-3);
    expect(tieTolerance('Dot', -500)).toBeCloseTo(1e-3);
  });
});
