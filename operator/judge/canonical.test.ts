import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { beamOf, canonical, canonicalBuild, canonicalSearch, configurationKey } from './canonical.ts';
import type { Parameters } from './configuration.ts';
import type { DatasetFacts } from './space.ts';

const small: DatasetFacts = { points: 9_500, dimensions: 128, distance: 'Euclid', queries: 100 };
const large: DatasetFacts = { ...small, points: 1_000_000 };

describe('canonicalBuild', () => {
  it.each<[string, Parameters, Parameters]>([
    ['nothing', {}, {}],
    [
      "Qdrant's defaults",
      {
        'hnsw_config.m': 16,
        'hnsw_config.ef_construct': 100,
        quantization_config: 'none',
        'optimizers_config.indexing_threshold': 10_000,
      },
      {},
    ],
    [
      'another order',
      { quantization_config: 'scalar', 'hnsw_config.m': 32 },
      { 'hnsw_config.m': 32, quantization_config: 'scalar' },
    ],
    ['payload_m = m', { 'hnsw_config.m': 32, 'hnsw_config.payload_m': 32 }, { 'hnsw_config.m': 32 }],
    ['payload_m = default m', { 'hnsw_config.payload_m': 16 }, {}],
    [
      'no graph',
      { 'hnsw_config.m': 0, 'hnsw_config.ef_construct': 400, 'hnsw_config.full_scan_threshold': 10 },
      { 'hnsw_config.m': 0 },
    ],
    [
      'only payload links',
      { 'hnsw_config.m': 0, 'hnsw_config.payload_m': 16, 'hnsw_config.ef_construct': 400 },
      { 'hnsw_config.m': 0, 'hnsw_config.payload_m': 16, 'hnsw_config.ef_construct': 400 },
    ],
    ['memory over on_disk', { 'vectors.on_disk': true, 'vectors.memory': 'cached' }, {}],
  ])('of %s', (_, build, expected) => {
    expect(canonicalBuild(build)).toEqual(expected);
    expect(Object.keys(canonicalBuild(build))).toEqual(Object.keys(expected).toSorted());
  });

  it('leaves graph settings out where certainly nothing is indexed', () => {
    const build = { 'hnsw_config.m': 32, 'hnsw_config.ef_construct': 200, quantization_config: 'scalar' };
    expect(canonicalBuild(build, small)).toEqual({ quantization_config: 'scalar' });
    expect(canonicalBuild(build, large)).toEqual(build);
    const lowered = { ...build, 'optimizers_config.indexing_threshold': 600 };
    expect(canonicalBuild(lowered, small)).toEqual(lowered);
    expect(canonicalBuild({ ...build, 'optimizers_config.prevent_unoptimized': true }, small)).toHaveProperty([
      'hnsw_config.m',
    ]);
    expect(canonicalBuild({ ...build, 'optimizers_config.indexing_threshold': 0 }, large)).not.toHaveProperty([
      'hnsw_config.m',
    ]);
  });
});

describe('canonicalSearch', () => {
  const scalar = { quantization_config: 'scalar' };
  const os = 'params.quantization.oversampling';
  const rescore = 'params.quantization.rescore';
  it.each<[string, Parameters, Parameters, Parameters]>([
    ['the default search', {}, {}, {}],
    ['hnsw_ef at its default', { 'params.hnsw_ef': 100 }, {}, {}],
    ['hnsw_ef below the limit', { 'params.hnsw_ef': 4 }, {}, { 'params.hnsw_ef': 10 }],
    ['no hnsw_ef: the build’s ef_construct', {}, { 'hnsw_config.ef_construct': 256 }, { 'params.hnsw_ef': 256 }],
    [
      'hnsw_ef 100 where ef_construct is another',
      { 'params.hnsw_ef': 100 },
      { 'hnsw_config.ef_construct': 256 },
      { 'params.hnsw_ef': 100 },
    ],
    [
      'oversampling without quantization',
      { 'params.hnsw_ef': 64, [os]: 4, [rescore]: true },
      {},
      { 'params.hnsw_ef': 64 },
    ],
    [
      'oversampling without rescoring: a wider beam',
      { 'params.hnsw_ef': 16, [os]: 4 },
      scalar,
      { 'params.hnsw_ef': 40 },
    ],
    [
      'oversampling with rescoring',
      { 'params.hnsw_ef': 16, [os]: 4, [rescore]: true },
      scalar,
      { 'params.hnsw_ef': 40, [os]: 4, [rescore]: true },
    ],
    [
      'a beam wider than the oversampled candidates',
      { 'params.hnsw_ef': 64, [os]: 4, [rescore]: true },
      scalar,
      { 'params.hnsw_ef': 64, [os]: 4, [rescore]: true },
    ],
    [
      'oversampling that adds no candidate',
      { 'params.hnsw_ef': 64, [os]: 1.05, [rescore]: true },
      scalar,
      { 'params.hnsw_ef': 64, [rescore]: true },
    ],
    [
      'oversampling by part of a candidate',
      { 'params.hnsw_ef': 64, [os]: 1.58, [rescore]: true },
      scalar,
      { 'params.hnsw_ef': 64, [os]: 1.5, [rescore]: true },
    ],
    [
      'rescoring where it is the default',
      { 'params.hnsw_ef': 64, [rescore]: true },
      { quantization_config: 'binary' },
      { 'params.hnsw_ef': 64 },
    ],
    [
      'oversampling of binary',
      { 'params.hnsw_ef': 64, [os]: 2 },
      { quantization_config: 'binary' },
      { 'params.hnsw_ef': 64, [os]: 2, [rescore]: true },
    ],
    [
      'no rescoring of binary',
      { 'params.hnsw_ef': 64, [os]: 2, [rescore]: false },
      { quantization_config: 'binary' },
      { 'params.hnsw_ef': 64, [rescore]: false },
    ],
    [
      'oversampling of an own quantization',
      { 'params.hnsw_ef': 64, [os]: 2 },
      { quantization_config: 'mine' },
      { 'params.hnsw_ef': 64, [os]: 2 },
    ],
    [
      'ignored quantization',
      { 'params.hnsw_ef': 64, 'params.quantization.ignore': true, [os]: 4, [rescore]: true },
      scalar,
      { 'params.hnsw_ef': 64, 'params.quantization.ignore': true },
    ],
    [
      'ignoring what is not there',
      { 'params.hnsw_ef': 64, 'params.quantization.ignore': true },
      {},
      { 'params.hnsw_ef': 64 },
    ],
    ['an exact search', { 'params.exact': true, 'params.hnsw_ef': 64, [os]: 4 }, scalar, { 'params.exact': true }],
    ['an exact search where all are', { 'params.exact': true }, { 'hnsw_config.m': 0 }, {}],
    ['a search without a graph', { 'params.hnsw_ef': 64, 'params.acorn.enable': true }, { 'hnsw_config.m': 0 }, {}],
    ['indexed_only', { 'params.indexed_only': true }, {}, { 'params.indexed_only': true }],
    [
      'acorn',
      { 'params.acorn.enable': true, 'params.acorn.max_selectivity': 0.2 },
      {},
      { 'params.acorn.enable': true, 'params.acorn.max_selectivity': 0.2 },
    ],
    [
      'acorn at its default',
      { 'params.acorn.enable': true, 'params.acorn.max_selectivity': 0.4 },
      {},
      { 'params.acorn.enable': true },
    ],
    ['acorn off', { 'params.acorn.enable': false, 'params.acorn.max_selectivity': 0.2 }, {}, {}],
  ])('of %s', (_, search, build, expected) => {
    expect(canonicalSearch(search, build, 10)).toEqual(expected);
  });

  it('knows that small data are scanned', () => {
    expect(canonicalSearch({ 'params.hnsw_ef': 64 }, {}, 10, small)).toEqual({});
    expect(
      canonicalSearch({ 'params.hnsw_ef': 64 }, { 'optimizers_config.indexing_threshold': 100 }, 10, small),
    ).toEqual({});
    const lowered = { 'optimizers_config.indexing_threshold': 100, 'hnsw_config.full_scan_threshold': 100 };
    expect(canonicalSearch({ 'params.hnsw_ef': 64 }, lowered, 10, small)).toEqual({ 'params.hnsw_ef': 64 });
  });
});

const builds = fc.record(
  {
    'hnsw_config.m': fc.constantFrom(0, 8, 16, 32),
    'hnsw_config.ef_construct': fc.constantFrom(64, 100, 200),
    'hnsw_config.payload_m': fc.constantFrom(0, 8, 16),
    quantization_config: fc.constantFrom('none', 'scalar', 'binary', 'turbo.bits2', 'mine'),
    'optimizers_config.indexing_threshold': fc.constantFrom(0, 100, 10_000),
  },
  { requiredKeys: [] },
);
const searches = fc.record(
  {
    'params.hnsw_ef': fc.integer({ min: 1, max: 600 }),
    'params.exact': fc.boolean(),
    'params.indexed_only': fc.boolean(),
    'params.quantization.ignore': fc.boolean(),
    'params.quantization.rescore': fc.boolean(),
    'params.quantization.oversampling': fc.double({ min: 1, max: 8, noNaN: true }),
  },
  { requiredKeys: [] },
);
const limits = fc.integer({ min: 1, max: 200 });
const facts = fc.constantFrom(undefined, small, large);

describe('the canonical form', () => {
  it('is its own canonical form', () => {
    fc.assert(
      fc.property(builds, searches, limits, facts, (build, search, limit, known) => {
        const once = canonical({ build, search }, { limit, facts: known });
        expect(canonical(once, { limit, facts: known })).toEqual(once);
      }),
    );
  });

  it('does not depend on the order of names, nor on defaults being written out', () => {
    fc.assert(
      fc.property(builds, searches, limits, (build, search, limit) => {
        const backwards = (parameters: Parameters) => Object.fromEntries(Object.entries(parameters).toReversed());
        const plain = canonical({ build, search }, { limit });
        const verbose = {
          build: { 'hnsw_config.m': 16, 'hnsw_config.ef_construct': 100, quantization_config: 'none', ...build },
          search: {
            'params.exact': false,
            'params.indexed_only': false,
            'params.quantization.ignore': false,
            ...search,
          },
        };
        expect(configurationKey(canonical({ build: backwards(build), search: backwards(search) }, { limit }))).toBe(
          configurationKey(plain),
        );
        expect(canonical(verbose, { limit })).toEqual(plain);
      }),
    );
  });

  it('sends the same beam and candidates to the engine as the original', () => {
    fc.assert(
      fc.property(builds, searches, limits, (build, search, limit) => {
        expect(effect(canonicalSearch(search, build, limit), build, limit)).toEqual(effect(search, build, limit));
      }),
    );
  });

  it('always names the beam by which a graph is searched', () => {
    expect(beamOf({})).toBe(100);
    expect(beamOf({ 'params.hnsw_ef': 40 })).toBe(40);
  });
});

/** What the engine does with a search, written down a second time from its source: the oracle of the property above. */
function effect(search: Parameters, build: Parameters, limit: number): object {
  const quantization = String(build.quantization_config ?? 'none');
  const exact = search['params.exact'] === true;
  const quantized = quantization !== 'none' && search['params.quantization.ignore'] !== true && !exact;
  const asked = Number(search['params.quantization.oversampling'] ?? 0);
  const top = quantized && asked > 1 ? Math.trunc(asked * limit) : limit;
  const byDefault = quantization === 'mine' ? 'unknown' : quantization === 'binary' || quantization === 'turbo.bits2';
  const rescore = quantized ? (search['params.quantization.rescore'] ?? byDefault) : false;
  const m = Number(build['hnsw_config.m'] ?? 16);
  const graph = !exact && !(m === 0 && !build['hnsw_config.payload_m']);
  const ef = Number(search['params.hnsw_ef'] ?? build['hnsw_config.ef_construct'] ?? 100);
  return {
    scan: !graph,
    quantized,
    rescore,
    // Without rescoring the candidates are cut to the limit in the order they have.
    candidates: rescore === false ? limit : top,
    beam: graph ? Math.max(ef, top, limit) : undefined,
    indexedOnly: search['params.indexed_only'] === true,
  };
}
