import { describe, expect, it } from 'vitest';
import {
  bitsPerDimension,
  QUANTIZATION_PRESETS,
  quantizationBody,
  quantizationNames,
  rescoresByDefault,
} from './quantizations.ts';

const own = [{ name: 'my-int8', config: { scalar: { type: 'int8', quantile: 0.99 } } }];

describe('quantizations', () => {
  it('turns names into verbatim bodies', () => {
    expect(quantizationBody('none')).toBeNull();
    expect(quantizationBody('scalar')).toEqual({ scalar: { type: 'int8' } });
    expect(quantizationBody('product.x16')).toEqual({ product: { compression: 'x16' } });
    expect(quantizationBody('binary')).toEqual({ binary: {} });
    expect(quantizationBody('turbo.bits1_5')).toEqual({ turbo: { bits: 'bits1_5' } });
    expect(quantizationBody('my-int8', own)).toEqual({ scalar: { type: 'int8', quantile: 0.99 } });
  });

  it.each(['nope', 'toString', 'my-int8'])('does not know %s', (name) => {
    expect(() => quantizationBody(name)).toThrow(/not known; use one of none, scalar/);
  });

  it('lists presets before own names', () => {
    expect(quantizationNames(own)).toEqual([...Object.keys(QUANTIZATION_PRESETS), 'my-int8']);
  });

  it('knows what the engine rescores by itself', () => {
    expect(['scalar', 'product.x4', 'turbo.bits4'].map(rescoresByDefault)).toEqual([false, false, false]);
    expect(['binary', 'turbo.bits2', 'turbo.bits1_5', 'turbo.bits1'].map(rescoresByDefault)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(rescoresByDefault('my-int8')).toBeUndefined();
  });

  it('orders by bits', () => {
    expect(['none', 'scalar', 'turbo.bits4', 'turbo.bits2', 'binary'].map(bitsPerDimension)).toEqual([32, 8, 4, 2, 1]);
  });
});
