import { describe, expect, it } from 'vitest';
import { nearestName } from './nearest-name.ts';

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
