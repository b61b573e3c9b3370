import { describe, expect, it } from 'vitest';
import { collectionName, historyKey, runId, searchId, stableJson } from './identity.ts';
import { resolveSettings } from './settings.ts';

const minimal = { target: { kubernetes: {} }, dataset: { synthetic: { points: 1000, dimensions: 8 } } };

describe('settings', () => {
  it('are the contract’s defaults, and the assumed ones are said', () => {
    const settings = resolveSettings(minimal);
    expect(settings).toMatchObject({
      limit: 10,
      windowSeconds: 1,
      windowRequests: 1000,
      warmupSeconds: 1,
      repeats: 3,
      maxBuilds: 12,
      strategy: 'Adaptive',
      seed: 1,
      onFinish: 'Delete',
      constraints: { recall: { min: 0.95 }, latency: [], errorRate: { max: 0.001 } },
      objectives: [{ metric: 'throughput', goal: 'Maximize' }],
    });
    expect(settings.assumed.join()).toContain('recall ≥ 0.95 is assumed');
  });

  it.each([
    [undefined, { kind: 'Saturation', arrivals: 'Poisson' }, 'throughput'],
    [{ saturation: { arrivals: 'Constant' as const } }, { kind: 'Saturation', arrivals: 'Constant' }, 'throughput'],
    [{ open: { rate: 300 } }, { kind: 'Open', arrivals: 'Poisson', rate: 300, profile: 'Constant' }, 'latencyP95'],
    [
      { open: { rate: 5, arrivals: 'Constant' as const, profile: 'Spike' as const } },
      { kind: 'Open', arrivals: 'Constant', rate: 5, profile: 'Spike' },
      'latencyP95',
    ],
    [{ closed: { concurrency: 32 } }, { kind: 'Closed', concurrency: 32 }, 'latencyP95'],
  ])('offer load as asked: %j', (load, expected, metric) => {
    const settings = resolveSettings({ ...minimal, workload: load ? { load } : {} });
    expect(settings.load).toEqual(expected);
    expect(settings.objectives).toEqual([{ metric, goal: metric === 'throughput' ? 'Maximize' : 'Minimize' }]);
    expect(settings.assumed.some((note) => note.includes(metric))).toBe(true);
    expect(settings.assumed.some((note) => note.startsWith('workload.load.closed: '))).toBe(
      load !== undefined && 'closed' in load,
    );
  });

  it('have one load generator, or as many as are asked for', () => {
    expect(resolveSettings(minimal).pods).toBe(1);
    expect(resolveSettings({ ...minimal, loadgen: { pods: 3 } }).pods).toBe(3);
  });

  it('soak for ten minutes, where nothing else is said', () => {
    const load = { open: { rate: 1, profile: 'Soak' as const } };
    expect(resolveSettings({ ...minimal, workload: { load } }).windowSeconds).toBe(600);
    expect(resolveSettings({ ...minimal, workload: { load, duration: '2h' } }).windowSeconds).toBe(7200);
  });

  it('turn durations, quantities and money into numbers', () => {
    const settings = resolveSettings({
      ...minimal,
      target: { external: { url: 'http://q:6333', pricePerHour: { amount: '0.42', currency: 'USD' } } },
      workload: { duration: '30s', warmup: '500ms', repeats: 2, limit: 5 },
      constraints: {
        recall: { min: 0.9 },
        latency: [{ percentile: 95, max: '20ms' }],
        memory: { max: '4Gi' },
        errorRate: { max: 0.01 },
      },
      budget: { builds: 3, duration: '2h' },
      retention: { onFinish: 'KeepBest' },
    });
    expect(settings).toMatchObject({
      windowSeconds: 30,
      windowRequests: 1,
      warmupSeconds: 0.5,
      maxSeconds: 7200,
      pricePerHour: 0.42,
      onFinish: 'KeepBest',
      constraints: { latency: [{ percentile: 95, max: 20 }], memory: { max: 4 * 2 ** 30 }, errorRate: { max: 0.01 } },
    });
  });
});

describe('identity', () => {
  const sweep = (spec: object) => ({ namespace: 'a', name: 's', spec: { ...minimal, ...spec } as never });
  const key = (spec: object, digest = 'sha256:1') => historyKey(sweep(spec), { kind: 'kubernetes' }, digest);

  it('keeps the history when parameters, budget, judge or constraints change', () => {
    expect(
      key({
        budget: { builds: 3 },
        judge: { seed: 2 },
        constraints: { recall: { min: 0.5 } },
        parameters: [],
        workload: { repeats: 9 },
      }),
    ).toBe(key({}));
  });

  it('begins another when workload, dataset or target change', () => {
    expect(key({ workload: { limit: 20 } })).not.toBe(key({}));
    expect(key({}, 'sha256:2')).not.toBe(key({}));
    expect(historyKey(sweep({}), { kind: 'external', url: 'http://q' }, 'sha256:1')).not.toBe(key({}));
  });

  it('does not depend on the order of names', () => {
    expect(stableJson({ b: [1, { d: 1, c: undefined }], a: 2 })).toBe('{"a":2,"b":[1,{"d":1}]}');
    expect(runId('k', { a: 1, b: 2 })).toBe(runId('k', { b: 2, a: 1 }));
  });

  it('tells repeats, searches and builds apart', () => {
    const ids = [
      searchId('k', { a: 1 }, {}, 0),
      searchId('k', { a: 1 }, {}, 1),
      searchId('k', {}, { a: 1 }, 0),
      searchId('l', { a: 1 }, {}, 0),
    ];
    expect(new Set(ids).size).toBe(4);
    expect(collectionName('k', 'run', 1)).toMatch(/^qdrantbench-[0-9a-f]{8}-run-1$/);
  });
});
