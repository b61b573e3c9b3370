import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { candidates } from './candidates.ts';
import type { Configuration, Parameters } from './configuration.ts';
import type { SearchRecord, SearchStage } from './history.ts';
import type { Metric, MetricName } from './metrics.ts';
import { seededRandom, shuffled } from './prng.ts';
import {
  baseline,
  baselineAtEqualRecall,
  best,
  compare,
  finalists,
  frontier,
  FRONTIER_SIZE,
  nearestMiss,
  violation,
} from './recommend.ts';
import type { Study } from './study.ts';
import { emptyStudy, record, reordered, withHistory } from './testing/measured.ts';

const metrics = (values: Partial<Record<MetricName, number>>): Metric[] =>
  Object.entries(values).map(([name, value]) => ({ name: name as MetricName, value }));

const scalar: Parameters = { quantization_config: 'scalar' };
const beam = (ef: number): Parameters => ({ 'params.hnsw_ef': ef });

interface Row {
  id: string;
  build?: Parameters;
  search?: Parameters;
  stage?: SearchStage;
  repeat?: number;
  recall?: number;
  rate?: number;
  more?: Partial<SearchRecord>;
}

function study(rows: readonly Row[], overrides: Partial<Study> = {}): Study {
  const empty = emptyStudy(overrides);
  const searches = rows.map(({ id, build = {}, search = {}, stage = 'Load', repeat = 0, recall = 0.97, rate, more }) =>
    record(empty, {
      id,
      run: `run-${JSON.stringify(build)}`,
      build,
      search,
      stage,
      repeat,
      metrics: metrics({ recall, ...(rate === undefined ? {} : { throughput: rate }) }),
      ...more,
    }),
  );
  return withHistory(empty, { ...empty.history, searches });
}

const baseRows: Row[] = [
  { id: 'base', rate: 300, recall: 0.99 },
  { id: 'base-32', search: beam(32), rate: 500, recall: 0.96 },
  { id: 'base-16', search: beam(16), stage: 'Recall', recall: 0.9 },
  { id: 'scalar-32', build: scalar, search: beam(32), rate: 800 },
  { id: 'scalar-16', build: scalar, search: beam(16), rate: 900, recall: 0.93 },
  { id: 'scalar-64', build: scalar, search: beam(64), stage: 'Recall', recall: 0.99, rate: 2000 },
];

describe('best', () => {
  it('keeps the constraints, was loaded, and is the fastest of these', () => {
    expect(best(study(baseRows))?.searchId).toBe('scalar-32');
    expect(best(study([]))).toBeUndefined();
    expect(best(study([{ id: 'a', recall: 0.9, rate: 1000 }]))).toBeUndefined();
  });

  it('follows the first objective, then the next', () => {
    const objectives: Study['objectives'] = [
      { metric: 'latencyP95', goal: 'Minimize' },
      { metric: 'throughput', goal: 'Maximize' },
    ];
    const rows: Row[] = [
      { id: 'slow', more: { metrics: metrics({ recall: 0.97, throughput: 900, latencyP95: 9 }) } },
      { id: 'quick', build: scalar, more: { metrics: metrics({ recall: 0.97, throughput: 700, latencyP95: 5 }) } },
      {
        id: 'quick-and-fast',
        build: scalar,
        search: beam(32),
        more: { metrics: metrics({ recall: 0.97, throughput: 800, latencyP95: 5 }) },
      },
      { id: 'unmeasured', build: scalar, search: beam(64), rate: 5000 },
    ];
    expect(best(study(rows, { objectives }))?.searchId).toBe('quick-and-fast');
  });

  it('judges by the constraints as they are now', () => {
    expect(best(study(baseRows, { constraints: { recall: { min: 0.98 }, latency: [] } }))?.searchId).toBe('base');
    expect(best(study(baseRows, { constraints: { recall: { min: 0.92 }, latency: [] } }))?.searchId).toBe('scalar-16');
  });

  it.each([
    ['Inconclusive', 'ClientLimited'],
    ['Error', 'SettingIgnored'],
    ['Failed', 'NoSustainableRate'],
  ] as const)('never recommends what was %s: %s', (verdict, reason) => {
    const rows = baseRows.map((row) =>
      row.id === 'scalar-32' ? { ...row, more: { verdict, reason, message: 'why' } } : row,
    );
    expect(best(study(rows))?.searchId).toBe('base-32');
  });

  it('counts repeats over the sweep’s own measurement', () => {
    const finals = [700, 720, 740].map((rate, i): Row => ({
      id: `f${i}`,
      build: scalar,
      search: beam(32),
      stage: 'Final',
      repeat: i + 1,
      rate,
      recall: 0.96,
    }));
    const winner = best(study([...baseRows, ...finals]));
    expect(winner).toMatchObject({ searchId: 'scalar-32', run: 'run-{"quantization_config":"scalar"}' });
    const throughput = winner?.metrics.find(({ name }) => name === 'throughput');
    expect(throughput?.value).toBe(720);
    expect(throughput?.low).toBeCloseTo(720 - (4.302653 * 20) / Math.sqrt(3), 3);
    expect(throughput?.high).toBeCloseTo(720 + (4.302653 * 20) / Math.sqrt(3), 3);
    expect(winner?.repeats.map(({ repeat }) => repeat)).toEqual([1, 2, 3]);
  });

  it('says of no measurement that it may have been negative', () => {
    const finals = [500, 1500].map((rate, i): Row => ({
      id: `f${i}`,
      build: scalar,
      search: beam(32),
      stage: 'Final',
      repeat: i + 1,
      rate,
      recall: 0.96,
    }));
    const throughput = best(study([...baseRows, ...finals]))?.metrics.find(({ name }) => name === 'throughput');
    expect(throughput).toMatchObject({ value: 1000, low: 0 });
    expect(throughput?.high).toBeGreaterThan(5000);
  });

  it('does not let a lucky single measurement displace a repeated one', () => {
    const finals = [760, 790, 800].map((rate, i): Row => ({
      id: `f${i}`,
      build: scalar,
      search: beam(32),
      stage: 'Final',
      repeat: i + 1,
      rate,
    }));
    const single = (rate: number): Row => ({
      id: 'single',
      build: { quantization_config: 'turbo.bits4' },
      search: beam(32),
      rate,
    });
    expect(best(study([...baseRows, ...finals, single(795)]))?.searchId).toBe('scalar-32');
    expect(best(study([...baseRows, ...finals, single(1500)]))?.searchId).toBe('single');
    const objectives: Study['objectives'] = [{ metric: 'latencyP95', goal: 'Minimize' }];
    const timed = (rows: Row[], latency: (row: Row) => number) =>
      rows.map((row) => ({
        ...row,
        more: { metrics: metrics({ recall: 0.97, throughput: 1, latencyP95: latency(row) }) },
      }));
    const rows = timed([...finals, single(0)], (row) => (row.id === 'single' ? 4 : (row.rate ?? 0) / 100));
    expect(best(study(rows, { objectives }))?.searchId).toBe('single');
  });

  it('leaves repeats that say nothing out, unless none says anything', () => {
    const limited = { verdict: 'Inconclusive', reason: 'ClientLimited', message: 'client' } as const;
    const finals: Row[] = [
      { id: 'f1', build: scalar, search: beam(32), stage: 'Final', repeat: 1, rate: 790 },
      { id: 'f2', build: scalar, search: beam(32), stage: 'Final', repeat: 2, rate: 10, more: limited },
    ];
    expect(best(study([...baseRows, ...finals]))?.repeats.map(({ repeat }) => repeat)).toEqual([1]);
    const none = finals.map((row) => ({ ...row, more: limited }));
    const candidate = candidates(study([...baseRows, ...none])).find(({ searchId }) => searchId === 'scalar-32');
    expect(candidate?.judgement).toMatchObject({ verdict: 'Inconclusive', reason: 'ClientLimited' });
  });

  it('carries build-level metrics and costs', () => {
    const priced = study(baseRows, { pricePerHour: 3.6 });
    const run = {
      id: 'run-{"quantization_config":"scalar"}',
      role: 'Trial',
      build: scalar,
      attempt: 1,
      state: 'Finished',
      startedAt: '',
      metrics: [...metrics({ indexedSeconds: 12, recall: 0.1 }), { name: 'disk', value: Number.NaN }],
    } as const;
    const winner = best(withHistory(priced, { runs: [run as never], searches: priced.history.searches }));
    expect(winner?.metrics.map(({ name }) => name)).toEqual([
      'recall',
      'throughput',
      'indexedSeconds',
      'costPerHour',
      'costPerMillionQueries',
    ]);
    expect(winner?.metrics.find(({ name }) => name === 'costPerMillionQueries')?.value).toBeCloseTo(1.25);
  });

  it('averages only what every repeat has', () => {
    const finals: Row[] = [
      { id: 'f1', stage: 'Final', repeat: 1, more: { metrics: metrics({ recall: 0.97, throughput: 100, memory: 5 }) } },
      { id: 'f2', stage: 'Final', repeat: 2, rate: 110 },
    ];
    expect(best(study(finals))?.metrics.map(({ name }) => name)).toEqual(['recall', 'throughput']);
  });
});

it('baseline is Qdrant’s defaults, whatever came of them', () => {
  expect(baseline(study(baseRows))?.searchId).toBe('base');
  expect(baseline(study(baseRows, { constraints: { recall: { min: 0.999 }, latency: [] } }))?.judgement.verdict).toBe(
    'Failed',
  );
  expect(baseline(study([]))).toBeUndefined();
});

describe('nearestMiss', () => {
  const strict: Partial<Study> = { constraints: { recall: { min: 0.995 }, latency: [] } };
  it('is the loaded one that misses least', () => {
    expect(nearestMiss(study(baseRows, strict))?.searchId).toBe('base');
  });
  it('breaks ties by the objective and weighs several constraints', () => {
    const rows = [
      { id: 'a', recall: 0.9, rate: 5 },
      { id: 'b', build: scalar, recall: 0.9, rate: 9 },
    ];
    expect(nearestMiss(study(rows, strict))?.searchId).toBe('b');
    const constraints = { recall: { min: 0.95 }, latency: [{ percentile: 95, max: 10 }] };
    expect(violation({ metrics: metrics({ recall: 0.9, latencyP95: 20 }) }, constraints)).toBeCloseTo(Math.log(2) * 2);
    expect(violation({ metrics: metrics({ recall: 0.96 }) }, constraints)).toBe(0);
    expect(violation({ metrics: metrics({ recall: 0.9 }) }, { recall: { min: 1 }, latency: [] })).toBeCloseTo(
      Math.log(100),
    );
  });
  it('falls back to what was not loaded, and to nothing', () => {
    expect(nearestMiss(study([{ id: 'r', stage: 'Recall', recall: 0.9 }]))?.searchId).toBe('r');
    expect(nearestMiss(study([{ id: 'p', rate: 1 }]))).toBeUndefined();
  });
});

describe('frontier', () => {
  const objectives: Study['objectives'] = [
    { metric: 'throughput', goal: 'Maximize' },
    { metric: 'memory', goal: 'Minimize' },
  ];
  const row = (id: string, rate: number, memory: number, recall = 0.97): Row => ({
    id,
    search: beam(Number(id.slice(1))),
    more: { metrics: metrics({ recall, throughput: rate, memory }) },
  });

  it('holds what no other beats, by the first objective', () => {
    const rows = [
      row('s1', 100, 10),
      row('s2', 200, 20),
      row('s3', 150, 30),
      row('s4', 300, 30, 0.5),
      { id: 's5', search: beam(5), rate: 999 },
    ];
    expect(frontier(study(rows, { objectives })).map(({ searchId }) => searchId)).toEqual(['s2', 's1']);
  });

  it('is empty with one objective', () => expect(frontier(study(baseRows))).toEqual([]));

  it('keeps both ends when there are too many', () => {
    const rows = Array.from({ length: 40 }, (_, i) => row(`s${i + 1}`, 100 + i, 10 + i));
    const front = frontier(study(rows, { objectives })).map(({ searchId }) => searchId);
    expect(front).toHaveLength(FRONTIER_SIZE);
    expect([front[0], front.at(-1)]).toEqual(['s40', 's1']);
  });

  it('has no member that another dominates', () => {
    const measured = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(measured, (pairs) => {
        const front = frontier(
          study(
            pairs.map(([rate, memory], i) => row(`s${i + 1}`, rate, memory)),
            { objectives },
          ),
        );
        expect(front.length > 0).toBe(pairs.length > 0);
        const value = (i: number, name: MetricName) =>
          front[i]?.metrics.find((metric) => metric.name === name)?.value as number;
        front.forEach((_, i) =>
          front.forEach((__, j) => {
            const worse = value(i, 'throughput') <= value(j, 'throughput') && value(i, 'memory') >= value(j, 'memory');
            const same = value(i, 'throughput') === value(j, 'throughput') && value(i, 'memory') === value(j, 'memory');
            expect(worse && !same).toBe(false);
          }),
        );
      }),
    );
  });
});

describe('finalists', () => {
  it('are the best and the baseline build at equal recall', () => {
    const pair = finalists(study(baseRows));
    expect([pair.best?.searchId, pair.baseline?.searchId]).toEqual(['scalar-32', 'base-32']);
  });

  it('take the baseline’s default where it never reaches the recall', () => {
    const rows = [
      { id: 'base', rate: 300, recall: 0.9 },
      { id: 'other', build: scalar, rate: 100 },
    ];
    expect(finalists(study(rows)).baseline?.searchId).toBe('base');
    expect(finalists(study([]))).toEqual({ best: undefined, baseline: undefined });
  });

  it('take a baseline of enough recall that breaks another constraint, if need be', () => {
    const constraints = { recall: { min: 0.95 }, latency: [{ percentile: 95, max: 1 }] };
    const rows: Row[] = [
      { id: 'base', more: { metrics: metrics({ recall: 0.99, throughput: 300, latencyP95: 5 }) } },
      { id: 'base-32', search: beam(32), more: { metrics: metrics({ recall: 0.96, throughput: 500, latencyP95: 4 }) } },
    ];
    expect(finalists(study(rows, { constraints })).baseline?.searchId).toBe('base-32');
  });

  it('do not change when the finals come in', () => {
    const finals: Row[] = [{ id: 'f1', build: scalar, search: beam(32), stage: 'Final', repeat: 1, rate: 1 }];
    expect(finalists(study([...baseRows, ...finals])).best?.searchId).toBe('scalar-32');
    expect(baselineAtEqualRecall(study([...baseRows, ...finals]))?.searchId).toBe('base-32');
  });
});

describe('compare', () => {
  const arm = (configuration: Configuration, rates: readonly number[], prefix: string): Row[] =>
    rates.map((rate, i) => ({ id: `${prefix}${i}`, ...configuration, stage: 'Final', repeat: i + 1, rate }));
  const ours = { build: scalar, search: beam(32) };
  const theirs = { build: {}, search: beam(32) };
  const pair = (mine: readonly number[], other: readonly number[]) => {
    const measured = study([...baseRows, ...arm(ours, mine, 'a'), ...arm(theirs, other, 'b')]);
    const found = (id: string) => candidates(measured).find(({ searchId }) => searchId === id);
    return compare(found('scalar-32') as never, found('base-32') as never);
  };

  it('pairs repeats by number', () => {
    const result = pair([800, 400, 1000], [400, 200, 500]);
    expect(result).toMatchObject({
      ratio: expect.closeTo(2, 9),
      low: expect.closeTo(2, 6),
      high: expect.closeTo(2, 6),
      pairs: 3,
    });
    const noisy = pair([800, 820, 780], [400, 405, 402]);
    expect(noisy?.low).toBeLessThan(noisy?.ratio as number);
    expect(noisy?.high).toBeGreaterThan(noisy?.ratio as number);
    expect((noisy?.low as number) * (noisy?.high as number)).toBeCloseTo((noisy?.ratio as number) ** 2, 9);
  });

  it('falls back on brackets and single values', () => {
    const measured = study(
      baseRows.map((row) =>
        row.id === 'scalar-32'
          ? {
              ...row,
              more: {
                metrics: [
                  { name: 'recall', value: 0.97 },
                  { name: 'throughput', value: 800, low: 780, high: 820 },
                ],
              },
            }
          : row,
      ),
    );
    const [a, b] = ['scalar-32', 'base-32'].map(
      (id) => candidates(measured).find(({ searchId }) => searchId === id) as never,
    );
    expect(compare(a as never, b as never)).toEqual({ ratio: 1.6, low: 1.56, high: 1.64, pairs: 1 });
    expect(compare(a as never, b as never, 'memory')).toBeUndefined();
  });
});

it('nothing depends on the order of the history', () => {
  const rows = [
    ...baseRows,
    { id: 'f1', build: scalar, search: beam(32), stage: 'Final' as const, repeat: 1, rate: 790 },
    { id: 'f2', build: scalar, search: beam(32), stage: 'Final' as const, repeat: 2, rate: 810 },
  ];
  const measured = study(rows);
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const other = reordered(measured, (items) => shuffled(items, seededRandom(seed)));
      expect(best(other)).toEqual(best(measured));
      expect(finalists(other)).toEqual(finalists(measured));
      expect(nearestMiss(other)).toEqual(nearestMiss(measured));
      expect(candidates(other)).toEqual(candidates(measured));
    }),
  );
});

it('whatever was measured, the best was loaded and keeps the constraints', () => {
  const value = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constant(Number.NaN));
  const rows = fc.array(
    fc.record({
      ef: fc.integer({ min: 1, max: 6 }),
      quantized: fc.boolean(),
      stage: fc.constantFrom<SearchStage>('Recall', 'Load', 'Final'),
      repeat: fc.integer({ min: 0, max: 3 }),
      recall: value,
      rate: fc.oneof(fc.double({ min: 0, max: 1000, noNaN: true }), fc.constant(Number.NaN)),
    }),
    { maxLength: 16 },
  );
  fc.assert(
    fc.property(rows, (measured) => {
      const all = study(
        measured.map(({ ef, quantized, ...rest }, i) => ({
          id: `r${i}`,
          build: quantized ? scalar : {},
          search: beam(ef),
          ...rest,
        })),
      );
      const winner = best(all);
      if (!winner) return;
      const find = (name: MetricName) => winner.metrics.find((metric) => metric.name === name)?.value as number;
      expect(find('recall')).toBeGreaterThanOrEqual(0.95);
      expect(find('throughput')).toBeGreaterThan(0);
      expect(winner.judgement.verdict).toBe('Passed');
      expect(all.history.searches.some(({ id, stage }) => id === winner.searchId && stage !== 'Recall')).toBe(true);
    }),
  );
});
