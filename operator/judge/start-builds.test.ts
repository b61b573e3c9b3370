import { describe, expect, it } from 'vitest';
import { canonicalBuild, parametersKey } from './canonical.ts';
import { buildCount, buildsToConsider, MAX_ENUMERATED, neighbours, trialBuilds } from './enumerate.ts';
import { defaultSpace } from './spaces.ts';
import type { DatasetFacts, Space } from './space.ts';
import { startBuilds, START_BUILDS } from './start-builds.ts';

const facts: DatasetFacts = { points: 1_000_000, dimensions: 384, distance: 'Cosine', queries: 100 };
const constraints = { recall: { min: 0.95 }, latency: [] };
const space = defaultSpace(facts, constraints);
const of = (build: Space['build'], fixed: Space['fixed'] = {}): Space => ({ build, search: [], fixed, notes: [] });
const huge = of(Array.from({ length: 20 }, (_, i) => ({ name: `hnsw_config.x${i}`, values: [1, 2, 3, 4] })));

describe('trialBuilds', () => {
  it('has every build once, the last dimension fastest', () => {
    const builds = [...trialBuilds(space, facts)];
    expect(builds).toHaveLength(buildCount(space));
    expect(new Set(builds.map(parametersKey)).size).toBe(builds.length);
    expect(builds.slice(0, 3).map((build) => build.quantization_config)).toEqual([undefined, 'scalar', 'turbo.bits4']);
    for (const build of builds) expect(canonicalBuild(build, facts)).toEqual(build);
  });

  it('has the fixed values in all, and one effect once', () => {
    const fixed = { 'hnsw_config.full_scan_threshold': 600 };
    const zero = of(
      [
        { name: 'hnsw_config.m', values: [0, 16] },
        { name: 'hnsw_config.ef_construct', values: [64, 100] },
      ],
      fixed,
    );
    expect([...trialBuilds(zero, facts)]).toEqual([
      { 'hnsw_config.m': 0 },
      { 'hnsw_config.ef_construct': 64, 'hnsw_config.full_scan_threshold': 600 },
      { 'hnsw_config.full_scan_threshold': 600 },
    ]);
    expect([...trialBuilds(of([], fixed), facts)]).toEqual([fixed]);
    expect([...trialBuilds(of([{ name: 'hnsw_config.m', values: [] }]), facts)]).toEqual([]);
  });

  it('does not mind spaces without end', () => {
    expect(trialBuilds(huge, facts).next().done).toBe(false);
    const considered = buildsToConsider(huge, facts, 1, [{ 'hnsw_config.x0': 2 }]);
    expect(considered.length).toBeLessThanOrEqual(MAX_ENUMERATED);
    const around = new Set(considered.map(parametersKey));
    expect(neighbours({ 'hnsw_config.x0': 2 }, huge, facts).every((build) => around.has(parametersKey(build)))).toBe(
      true,
    );
    expect(buildsToConsider(huge, facts, 1, [])).toEqual(buildsToConsider(huge, facts, 1, []));
  });
});

describe('startBuilds', () => {
  const starts = (chosen: Space, seed = 1) => startBuilds(chosen, facts, seed).map(({ build }) => build);

  it('begins with the defaults, then the portfolio', () => {
    expect(starts(space)).toEqual([
      {},
      { quantization_config: 'scalar' },
      { quantization_config: 'turbo.bits4' },
      { 'hnsw_config.ef_construct': 200, 'hnsw_config.m': 32, quantization_config: 'scalar' },
    ]);
  });

  it('tries the default graph itself where the defaults would scan', () => {
    const small = { ...facts, points: 10_000, dimensions: 128 };
    const lowered = defaultSpace(small, constraints);
    expect(
      startBuilds(lowered, small, 1)
        .slice(0, 2)
        .map(({ build }) => build),
    ).toEqual([{}, canonicalBuild(lowered.fixed)]);
  });

  it('takes the nearest the space has and skips what it lacks', () => {
    const narrow = of([
      { name: 'hnsw_config.m', values: [24, 64] },
      { name: 'quantization_config', values: ['binary', 'scalar'] },
    ]);
    expect(starts(narrow)[1]).toEqual({ 'hnsw_config.m': 24, quantization_config: 'scalar' });
    expect(starts(narrow).flatMap((build) => build.quantization_config ?? [])).not.toContain('turbo.bits4');
    expect(starts(narrow)).toHaveLength(START_BUILDS);
  });

  it('fills up with builds far apart, each in the space', () => {
    const plain = of([
      { name: 'hnsw_config.m', values: [4, 8, 16, 32, 64] },
      { name: 'vectors.datatype', values: ['float32', 'float16'] },
    ]);
    const chosen = starts(plain);
    expect(new Set(chosen.map(parametersKey)).size).toBe(START_BUILDS);
    const all = new Set([...trialBuilds(plain, facts)].map(parametersKey));
    expect(chosen.slice(1).every((build) => all.has(parametersKey(build)))).toBe(true);
    expect(starts(huge)).toHaveLength(START_BUILDS);
  });

  it('is content with a space of few', () => {
    expect(starts(of([]))).toEqual([{}]);
    expect(starts(of([{ name: 'hnsw_config.m', values: [16, 32] }]))).toEqual([{}, { 'hnsw_config.m': 32 }]);
    expect(starts(of([{ name: 'hnsw_config.m', values: [] }]))).toEqual([{}]);
  });

  it('has no number in its reasons', () => {
    for (const { why } of startBuilds(space, facts, 1)) expect(why).not.toMatch(/\d/);
  });
});
