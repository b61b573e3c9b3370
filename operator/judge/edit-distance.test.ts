import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearestName } from './edit-distance.ts';

const word = fc.string({ maxLength: 12 });

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['kitten', 'sitting', 3],
    ['hnsw_config.m', 'hnsw_config.n', 1],
    ['abc', '', 3],
  ])('of %j and %j is %i', (a, b, expected) => {
    expect(editDistance(a, b)).toBe(expected);
  });

  it('is a metric', () => {
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        expect(editDistance(a, a)).toBe(0);
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c));
        if (a !== b) expect(editDistance(a, b)).toBeGreaterThan(0);
      }),
    );
  });
});

describe('nearestName', () => {
  it.each([
    ['hnsw_config.ef_constuct', 'hnsw_config.ef_construct'],
    ['hnsw_ef', 'params.hnsw_ef'],
    ['oversampling', 'params.quantization.oversampling'],
  ])('finds what %s was meant to be', (wrong, right) => {
    expect(
      nearestName(wrong, [
        'hnsw_config.m',
        'hnsw_config.ef_construct',
        'params.hnsw_ef',
        'params.quantization.oversampling',
      ]),
    ).toBe(right);
  });

  it('has no answer without names', () => expect(nearestName('m', [])).toBeUndefined());
});
