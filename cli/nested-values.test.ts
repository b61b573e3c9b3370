import { describe, expect, it } from 'vitest';
import { UsageError } from './arguments.ts';
import { nestedValues } from './nested-values.ts';

describe('nestedValues', () => {
  it('builds nested objects of typed values', () => {
    const texts = [
      'hnsw_ef=64',
      'exact=true',
      'quantization.rescore=false',
      'quantization.oversampling=2.5',
      'name=turbo4',
      'text="64"',
      'none=null',
      'list=[1,2]',
      'formula=a=b',
      'empty=',
    ];
    expect(nestedValues('param', texts)).toEqual({
      hnsw_ef: 64,
      exact: true,
      quantization: { rescore: false, oversampling: 2.5 },
      name: 'turbo4',
      text: '64',
      none: null,
      list: [1, 2],
      formula: 'a=b',
      empty: '',
    });
    expect(nestedValues('param', [])).toEqual({});
  });

  it('sets upon a body, and leaves that as it was', () => {
    const body = { hnsw_config: { m: 16, on_disk: true }, vectors: { distance: 'Dot' } };
    expect(nestedValues('set', ['hnsw_config.m=32', 'optimizers_config.indexing_threshold=0'], body)).toEqual({
      hnsw_config: { m: 32, on_disk: true },
      vectors: { distance: 'Dot' },
      optimizers_config: { indexing_threshold: 0 },
    });
    expect(body.hnsw_config.m).toBe(16);
  });

  it.each([
    [['hnsw_ef'], '"hnsw_ef" is not of the form path=value'],
    [['=64'], 'not of the form'],
    [['a..b=1'], 'not of the form'],
    [['__proto__.polluted=1'], 'not of the form'],
    [['a.constructor.b=1'], 'not of the form'],
    [[`${'a.'.repeat(9)}b=1`], 'not of the form'],
    [['a=1', 'a=2'], '"a=2" contradicts a'],
    [['quantization=null', 'quantization.rescore=true'], 'contradicts quantization'],
    [['quantization.rescore=true', 'quantization=null'], 'contradicts quantization.rescore'],
  ])('refuses %j', (texts, message) => {
    expect(() => nestedValues('param', texts)).toThrow(UsageError);
    expect(() => nestedValues('param', texts)).toThrow(message);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
