import { describe, expect, it } from 'vitest';
import { PRESETS } from '../../crds/sweep/presets.ts';
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

describe('a preset', () => {
  it('stands for its table, said in one sentence, and gives a synthetic dataset the fields it needs', () => {
    const settings = resolveSettings({ ...minimal, workload: { preset: 'Filtered' } });
    expect(settings.workload?.queries.map(({ name }) => name)).toEqual(['plain', 'half', 'tenth', 'category']);
    expect(settings.dataset.synthetic).toMatchObject({
      points: 1000,
      payload: [
        { field: 'score', type: 'float' },
        { field: 'category', type: 'keyword' },
      ],
    });
    expect(settings.assumed).toContain(
      'workload.preset Filtered: queries plain 25 %, half 25 %, tenth 25 %, category 25 %; limit 10; the synthetic dataset has the payload fields score, category',
    );
  });

  it('is overridden by what is set beside it, each field as a whole', () => {
    const { workload, limit } = resolveSettings({
      ...minimal,
      workload: { preset: 'WriteHeavy', limit: 3, writes: { upserts: { rate: 2 } }, queries: [{ name: 'mine' }] },
    });
    expect(limit).toBe(3);
    expect(workload).toEqual({
      limit: 3,
      withPayload: false,
      payloadIndexes: [],
      queries: [{ name: 'mine', weight: 1 }],
      writes: { upserts: { rate: 2, batch: 1 } },
    });
  });

  it('says what is written', () => {
    expect(resolveSettings({ ...minimal, workload: { preset: 'WriteHeavy' } }).assumed).toContain(
      'workload.preset WriteHeavy: queries plain 100 %; limit 10; beside them 50/s upserts of 16 and 20/s deletes',
    );
    expect(resolveSettings({ ...minimal, workload: { preset: 'MultiTenant' } }).assumed.join()).toContain(
      'with payload',
    );
  });

  it('is not there unless something is asked for', () => {
    expect(resolveSettings(minimal).workload).toBeUndefined();
    expect(resolveSettings({ ...minimal, workload: { withPayload: true } }).workload).toMatchObject({
      queries: [{ name: 'default', weight: 1 }],
    });
    expect(
      resolveSettings({ ...minimal, constraints: { recall: { min: 0.9, perQuery: true } } }).constraints.recall,
    ).toEqual({
      min: 0.9,
      perQuery: true,
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

  it('begins another with another workload, and is the same however it is put', () => {
    const preset = PRESETS.MultiTenant?.workload as object;
    const asked = [
      {},
      { preset: 'ReadHeavy' },
      { preset: 'MultiTenant' },
      { preset: 'MultiTenant', withPayload: false },
      { withPayload: true },
      { writes: { deletes: { rate: 1 } } },
      { queries: [{ name: 'a' }] },
      { queries: [{ name: 'a' }, { name: 'b', weight: 2 }] },
    ].map((workload) => key({ workload }));
    expect(new Set(asked).size).toBe(asked.length);
    expect(key({ workload: preset })).toBe(key({ workload: { preset: 'MultiTenant' } }));
    expect(key({ workload: { queries: [{ name: 'default' }], withPayload: false, limit: 10 } })).toBe(key({}));
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
