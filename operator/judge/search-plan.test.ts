import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { beamOf, canonicalSearch, parametersKey } from './canonical.ts';
import type { Parameters } from './configuration.ts';
import { seededRandom, shuffled } from './prng.ts';
import { boundary, planSearches, type ProbedSearch } from './search-plan.ts';
import { emptyStudy } from './testing/measured.ts';

const study = emptyStudy();

describe('planSearches', () => {
  it('begins with the default search of the baseline, always loaded', () => {
    const plan = planSearches(study, {}, 'Baseline');
    expect(plan[0]).toEqual({ search: {}, load: 'Always' });
    expect(plan.slice(1)).toEqual(
      [16, 32, 64, 128, 256].map((beam) => ({ search: { 'params.hnsw_ef': beam }, load: 'Boundary' })),
    );
  });

  it('asks each effect once, canonically, with rescoring where candidates are oversampled', () => {
    const builds: Parameters[] = [
      {},
      { quantization_config: 'scalar' },
      { quantization_config: 'binary', 'hnsw_config.ef_construct': 64 },
    ];
    for (const build of builds) {
      const plan = planSearches(study, build, 'Trial').map(({ search }) => search);
      expect(new Set(plan.map(parametersKey)).size).toBe(plan.length);
      for (const search of plan) {
        expect(canonicalSearch(search, build, study.limit, study.dataset)).toEqual(search);
        if ('params.quantization.oversampling' in search)
          expect(search).toHaveProperty(['params.quantization.rescore'], true);
      }
    }
    expect(planSearches(study, { quantization_config: 'scalar' }, 'Trial')).toHaveLength(10);
  });

  it('leaves rescoring to a space that varies it', () => {
    const search = [
      { name: 'params.quantization.oversampling', values: [2] },
      { name: 'params.quantization.rescore', values: [true, false] },
    ];
    const plan = planSearches(
      { ...study, space: { ...study.space, search } },
      { quantization_config: 'scalar' },
      'Trial',
    );
    expect(plan.map((planned) => planned.search)).toEqual([
      { 'params.quantization.oversampling': 2, 'params.quantization.rescore': true },
      {},
    ]);
  });

  it('asks a scanned build one thing only, and a build without a search space its default', () => {
    const small = { ...study, dataset: { ...study.dataset, points: 1000 } };
    expect(planSearches(small, {}, 'Baseline')).toEqual([{ search: {}, load: 'Always' }]);
    const bare = { ...study, space: { ...study.space, search: [] } };
    expect(planSearches(bare, { 'hnsw_config.ef_construct': 64 }, 'Trial')).toEqual([
      { search: { 'params.hnsw_ef': 64 }, load: 'Boundary' },
    ]);
    const empty = { ...study, space: { ...study.space, search: [{ name: 'params.hnsw_ef', values: [] }] } };
    expect(planSearches(empty, {}, 'Trial')).toEqual([{ search: {}, load: 'Boundary' }]);
  });

  it('does not look at what was measured', () => {
    const build = { quantization_config: 'scalar' };
    expect(planSearches({ space: study.space, limit: 10, dataset: study.dataset }, build, 'Trial')).toEqual(
      planSearches(study, build, 'Trial'),
    );
  });

  it('refuses a space without end', () => {
    const search = ['a', 'b', 'c'].map((name) => ({
      name: `params.${name}`,
      values: Array.from({ length: 10 }, (_, i) => i),
    }));
    expect(() => planSearches({ ...study, space: { ...study.space, search } }, {}, 'Trial')).toThrow(/more than 512/);
  });
});

const probe = (id: string, beam: number, recall: number, probeRate: number, rest: object = {}): ProbedSearch => ({
  id,
  search: { 'params.hnsw_ef': beam, ...rest },
  recall,
  probeRate,
});
const os2 = { 'params.quantization.oversampling': 2 };

describe('boundary', () => {
  const searches = [
    probe('a', 16, 0.8, 900),
    probe('b', 32, 0.96, 700),
    probe('c', 64, 0.99, 500),
    probe('d', 20, 0.97, 800, os2),
    probe('e', 64, 0.98, 400, os2),
  ];

  it.each<[string, number, number, string[]]>([
    ['the fastest of the narrowest good enough', 0.95, 1, ['d']],
    ['of each group one', 0.95, 5, ['d', 'b']],
    ['a count below one as one', 0.95, 0, ['d']],
    ['wider beams for more recall', 0.985, 5, ['c']],
    ['the nearest when none is good enough', 0.999, 3, ['c']],
  ])('takes %s', (_, min, count, expected) => {
    expect(boundary(searches, min, count)).toEqual(expected);
  });

  it('counts a search without hnsw_ef as Qdrant’s default beam', () => {
    const defaults: ProbedSearch = { id: 'default', search: {}, recall: 0.99, probeRate: 10 };
    expect(boundary([defaults, probe('wide', 128, 0.99, 20)], 0.95, 2)).toEqual(['default']);
  });

  it('does not take unmeasured recalls for good, but takes one anyway', () => {
    expect(boundary([probe('a', 16, Number.NaN, 1), probe('b', 32, 0.5, 1)], 0.9, 1)).toEqual(['b']);
    expect(boundary([probe('b', 16, Number.NaN, Number.NaN), probe('a', 32, Number.NaN, 1)], 0.9, 1)).toEqual(['a']);
    expect(boundary([], 0.9, 1)).toEqual([]);
  });

  it('always takes between 1 and count, good ones if there are any, whatever the order', () => {
    const arbitrary = fc.array(
      fc.record({
        beam: fc.constantFrom(16, 32, 64, 100, 128),
        recall: fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constant(Number.NaN)),
        probeRate: fc.constantFrom(1, 2, 3, Number.NaN),
        rest: fc.constantFrom({}, os2),
      }),
      { minLength: 1, maxLength: 12 },
    );
    fc.assert(
      fc.property(
        arbitrary,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer(),
        (rows, min, count, seed) => {
          const all = rows.map(({ beam, recall, probeRate, rest }, i) => probe(`s${i}`, beam, recall, probeRate, rest));
          const chosen = boundary(all, min, count);
          expect(chosen.length).toBeGreaterThanOrEqual(1);
          expect(chosen.length).toBeLessThanOrEqual(count);
          expect(boundary(shuffled(all, seededRandom(seed)), min, count)).toEqual(chosen);
          const good = all.filter(({ recall }) => recall >= min);
          for (const id of chosen) {
            const mine = all.find((item) => item.id === id) as ProbedSearch;
            if (good.length === 0) continue;
            expect(mine.recall).toBeGreaterThanOrEqual(min);
            const sameGroup = good.filter(
              (other) =>
                'params.quantization.oversampling' in other.search ===
                'params.quantization.oversampling' in mine.search,
            );
            expect(Math.min(...sameGroup.map(({ search }) => beamOf(search)))).toBe(beamOf(mine.search));
          }
        },
      ),
    );
  });
});
