import { describe, expect, it } from 'vitest';
import { ignoredSettings } from './readback.ts';

const config = {
  params: { vectors: { size: 4, distance: 'Cosine', on_disk: false }, shard_number: 1, on_disk_payload: true },
  hnsw_config: { m: 16, ef_construct: 100, full_scan_threshold: 10 },
  optimizer_config: { indexing_threshold: 1000, max_optimization_threads: null },
  quantization_config: { scalar: { type: 'int8', quantile: 0.9900000095367432 } },
};

describe('ignoredSettings', () => {
  it('finds nothing where all is applied, under its other name or rounded to float32', () => {
    const asked = {
      vectors: { size: 4, distance: 'Cosine' },
      shard_number: 1,
      hnsw_config: { m: 16, payload_m: null },
      optimizers_config: { indexing_threshold: 1000 },
      quantization_config: { scalar: { type: 'int8', quantile: 0.99 } },
      strict_mode_config: {},
    };
    expect(ignoredSettings(asked, config)).toEqual([]);
  });

  it('names each setting that differs or is missing', () => {
    const asked = {
      hnsw_config: { m: 32, inline_storage: true },
      optimizers_config: { max_optimization_threads: 2, default_segment_number: 4 },
      vectors: { on_disk: true },
      quantization_config: { binary: { encoding: 'one_bit' } },
      metadata: { tags: ['x'.repeat(100)] },
    };
    expect(ignoredSettings(asked, config)).toEqual([
      'hnsw_config.inline_storage: asked true, applied nothing',
      'hnsw_config.m: asked 32, applied 16',
      `metadata.tags: asked ["${'x'.repeat(55)}…, applied nothing`,
      'optimizers_config.default_segment_number: asked 4, applied nothing',
      'optimizers_config.max_optimization_threads: asked 2, applied null',
      'quantization_config.binary.encoding: asked "one_bit", applied nothing',
      'vectors.on_disk: asked true, applied false',
    ]);
  });
});
