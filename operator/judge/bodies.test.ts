import { describe, expect, it } from 'vitest';
import { collectionBody, collectionPatch, searchParams, shortName, summary } from './bodies.ts';
import type { DatasetFacts } from './space.ts';

const facts: DatasetFacts = { points: 1000, dimensions: 384, distance: 'Dot', queries: 10 };
const tuned = {
  build: { 'hnsw_config.ef_construct': 256, 'hnsw_config.m': 32, quantization_config: 'scalar' },
  search: { 'params.hnsw_ef': 96, 'params.quantization.oversampling': 2, 'params.quantization.rescore': true },
};

describe('collectionBody', () => {
  it('is the whole body of a create request', () => {
    expect(collectionBody({}, facts)).toEqual({ vectors: { size: 384, distance: 'Dot' } });
    expect(
      collectionBody(
        {
          ...tuned.build,
          'vectors.datatype': 'float16',
          'optimizers_config.indexing_threshold': 600,
          on_disk_payload: false,
        },
        facts,
      ),
    ).toEqual({
      vectors: { size: 384, distance: 'Dot', datatype: 'float16' },
      hnsw_config: { m: 32, ef_construct: 256 },
      optimizers_config: { indexing_threshold: 600 },
      quantization_config: { scalar: { type: 'int8' } },
      on_disk_payload: false,
    });
  });

  it('leaves no quantization out and takes own bodies verbatim, as a copy', () => {
    const own = [{ name: 'mine', config: { binary: { encoding: 'two_bits' } } }];
    expect(collectionBody({ quantization_config: 'none' }, facts)).not.toHaveProperty('quantization_config');
    const body = collectionBody({ quantization_config: 'mine' }, facts, own);
    expect(body.quantization_config).toEqual(own[0]?.config);
    expect(body.quantization_config).not.toBe(own[0]?.config);
    expect(() => collectionBody({ quantization_config: 'mine' }, facts)).toThrow(/"mine" is not known/);
  });
});

it('collectionPatch is what differs from the defaults', () => {
  expect(collectionPatch({})).toEqual({});
  expect(collectionPatch({ ...tuned.build, 'hnsw_config.full_scan_threshold': 10_000 })).toEqual({
    hnsw_config: { m: 32, ef_construct: 256 },
    quantization_config: { scalar: { type: 'int8' } },
  });
});

it('searchParams is the body of params', () => {
  expect(searchParams({})).toEqual({});
  expect(searchParams(tuned.search)).toEqual({ hnsw_ef: 96, quantization: { oversampling: 2, rescore: true } });
  expect(searchParams({ 'params.exact': true })).toEqual({ exact: true });
});

it.each([
  [{ build: {}, search: {} }, "Qdrant's defaults"],
  [tuned, 'm=32 ef_construct=256 scalar · hnsw_ef=96 oversampling=2'],
  [{ build: tuned.build, search: {} }, 'm=32 ef_construct=256 scalar'],
  [{ build: {}, search: { 'params.hnsw_ef': 64 } }, "Qdrant's defaults · hnsw_ef=64"],
  [{ build: { 'vectors.on_disk': true }, search: { 'params.exact': true } }, 'vectors.on_disk=true · exact=true'],
  [
    { build: { quantization_config: 'binary' }, search: { 'params.quantization.rescore': false } },
    'binary · rescore=false',
  ],
])('summary of %j is %s', (configuration, text) => {
  expect(summary(configuration)).toBe(text);
});

it('short names are unambiguous', () => {
  expect(shortName('hnsw_config.m')).toBe('m');
  expect(shortName('hnsw_config.memory')).toBe('hnsw_config.memory');
});
