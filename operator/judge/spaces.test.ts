import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mayUseGraph } from './collection-size.ts';
import { defaultSpace, ladder, spaceOf } from './spaces.ts';
import type { DatasetFacts, Space } from './space.ts';

const facts = (points: number, dimensions: number, segments?: number): DatasetFacts => ({
  points,
  dimensions,
  distance: 'Cosine',
  queries: 100,
  ...(segments === undefined ? {} : { segments }),
});
const constraints = { recall: { min: 0.95 }, latency: [] };
const values = ({ build, search }: Space, name: string) =>
  [...build, ...search].find((item) => item.name === name)?.values;

describe('defaultSpace', () => {
  it('varies graph, quantization and the search, binary only where there are dimensions for it', () => {
    const space = defaultSpace(facts(1_000_000, 384), constraints);
    expect(values(space, 'hnsw_config.m')).toEqual([8, 16, 32, 48]);
    expect(values(space, 'quantization_config')).toEqual(['none', 'scalar', 'turbo.bits4']);
    expect(values(space, 'params.hnsw_ef')).toEqual([16, 32, 64, 128, 256, 512]);
    expect(space.fixed).toEqual({});
    expect(space.notes).toEqual([]);
    expect(values(defaultSpace(facts(1_000_000, 768), constraints), 'quantization_config')).toContain('binary');
    expect(
      values(defaultSpace(facts(1_000_000, 384), { recall: { min: 0.995 }, latency: [] }), 'params.hnsw_ef'),
    ).toContain(1024);
  });

  it.each([
    [9_500, 128, undefined, true],
    [10_000, 128, undefined, true],
    [20_000, 128, undefined, true],
    [50_000, 128, undefined, false],
    [50_000, 128, 8, true],
    [1_000_000, 128, 8, false],
  ])('%i vectors of %i dimensions in %s segments are small: %s', (points, dimensions, segments, small) => {
    const data = facts(points, dimensions, segments);
    const space = defaultSpace(data, constraints);
    expect(Object.keys(space.fixed).length > 0).toBe(small);
    expect(space.notes.length > 0).toBe(small);
    expect(mayUseGraph(space.fixed, data)).toBe(true);
  });

  it('says by how much it lowers the thresholds, and why', () => {
    const space = defaultSpace(facts(10_000, 128), constraints);
    expect(space.fixed).toEqual({
      'optimizers_config.indexing_threshold': 600,
      'hnsw_config.full_scan_threshold': 600,
    });
    expect(space.notes[0]).toMatch(
      /2500 KB.*10000 KB.*indexing_threshold and full_scan_threshold to 600 KB.*baseline keeps/,
    );
  });

  it('leaves out what the target cannot do and says so', () => {
    const capabilities = { unsupported: ['quantization_config=turbo.bits4', 'hnsw_config.m', 'nonsense'] };
    const space = defaultSpace(facts(1_000_000, 384), constraints, capabilities);
    expect(values(space, 'quantization_config')).toEqual(['none', 'scalar']);
    expect(values(space, 'hnsw_config.m')).toBeUndefined();
    expect(space.notes[0]).toMatch(/hnsw_config\.m, quantization_config=turbo\.bits4\.$/);
    expect(defaultSpace(facts(1_000_000, 384), constraints, { unsupported: ['nonsense'] }).notes).toEqual([]);
  });
});

describe('spaceOf', () => {
  it('without parameters is the default space', () => {
    expect(spaceOf(undefined, [], facts(10_000, 128), constraints)).toEqual(
      defaultSpace(facts(10_000, 128), constraints),
    );
  });

  it('replaces the default space by what is given', () => {
    const own = [{ name: 'also-int8', config: { scalar: { type: 'int8' } } }];
    const space = spaceOf(
      [
        { name: 'quantization_config', choices: ['scalar', 'none', 'also-int8', 'none'] },
        { name: 'hnsw_config.m', numbers: [32, 8, 32] },
        { name: 'params.exact', choices: ['true', 'false'] },
        { name: 'params.hnsw_ef', range: { min: 16, max: 128, scale: 'Log' } },
      ],
      own,
      facts(1_000_000, 384),
      constraints,
    );
    expect(space).toEqual({
      build: [
        { name: 'quantization_config', values: ['scalar', 'none'] },
        { name: 'hnsw_config.m', values: [8, 32] },
      ],
      search: [
        { name: 'params.exact', values: [true, false] },
        { name: 'params.hnsw_ef', values: [16, 32, 64, 128] },
      ],
      fixed: {},
      notes: [],
    });
  });

  it('lowers thresholds on small data unless they are varied themselves', () => {
    const onlySearch = spaceOf([{ name: 'params.hnsw_ef', numbers: [16] }], [], facts(10_000, 128), constraints);
    expect(onlySearch.build).toEqual([]);
    expect(Object.keys(onlySearch.fixed)).toHaveLength(2);
    const threshold = spaceOf(
      [{ name: 'optimizers_config.indexing_threshold', numbers: [100, 10_000] }],
      [],
      facts(10_000, 128),
      constraints,
    );
    expect(Object.keys(threshold.fixed)).toEqual(['hnsw_config.full_scan_threshold']);
    const both = spaceOf(
      [
        { name: 'optimizers_config.indexing_threshold', numbers: [100] },
        { name: 'hnsw_config.full_scan_threshold', numbers: [100] },
      ],
      [],
      facts(10_000, 128),
      constraints,
    );
    expect(both.fixed).toEqual({});
  });
});

describe('ladder', () => {
  it.each([
    [{ min: 16, max: 512, scale: 'Log' as const }, true, [16, 32, 64, 128, 256, 512]],
    [{ min: 64, max: 512, scale: 'Log' as const }, true, [64, 128, 256, 512]],
    [{ min: 1, max: 4 }, true, [1, 2, 3, 4]],
    [{ min: 5, max: 5 }, true, [5]],
    [{ min: 5, max: 5, scale: 'Log' as const }, true, [5]],
    [{ min: 0, max: 3.5 }, false, [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]],
  ])('of %j, whole numbers %s', (range, integer, expected) => {
    expect(ladder(range, integer)).toEqual(expected);
  });

  it('has 1 to 8 ascending values from end to end', () => {
    const ranges = fc
      .tuple(
        fc.integer({ min: 1, max: 1e6 }),
        fc.integer({ min: 0, max: 1e6 }),
        fc.constantFrom('Linear' as const, 'Log' as const),
      )
      .map(([min, more, scale]) => ({ min, max: min + more, scale }));
    fc.assert(
      fc.property(ranges, fc.boolean(), (range, integer) => {
        const steps = ladder(range, integer);
        expect(steps.length).toBeGreaterThanOrEqual(1);
        expect(steps.length).toBeLessThanOrEqual(8);
        expect(steps[0]).toBe(range.min);
        expect(steps.at(-1)).toBe(range.max);
        expect(steps).toEqual([...new Set(steps)].toSorted((a, b) => a - b));
        if (integer) expect(steps.every(Number.isInteger)).toBe(true);
      }),
    );
  });
});
