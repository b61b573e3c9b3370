import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeRun, judgeSearch, type Measured } from './judge-search.ts';
import type { Metric, MetricName } from './metrics.ts';
import type { Constraints } from './study.ts';
import { REASONS, type Reason } from './verdict.ts';

const constraints: Constraints = {
  recall: { min: 0.95 },
  latency: [{ percentile: 95, max: 20 }],
  errorRate: { max: 0.001 },
  memory: { max: 2 ** 32 },
};
const good: Partial<Record<MetricName, number>> = {
  recall: 0.962,
  throughput: 812,
  latencyP95: 11.8,
  errorRate: 0,
  memory: 1.5 * 2 ** 30,
};
const measured = (
  changes: Partial<Record<MetricName, number | undefined>> = {},
  stage: Measured['stage'] = 'Load',
): Measured => ({
  stage,
  metrics: Object.entries({ ...good, ...changes }).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name: name as MetricName, value }],
  ),
});

describe('recall of each named query', () => {
  const named = (plain: number, rare: number, total = 0.97): Measured => {
    const { stage, metrics } = measured({ recall: total });
    const recall = (query: string, value: number) => ({ name: 'recall' as const, value, query });
    // Before and behind: the order of metrics means nothing.
    return { stage, metrics: [recall('rare', rare), ...metrics, recall('plain', plain)] };
  };
  const each: Constraints = { ...constraints, recall: { min: 0.95, perQuery: true } };

  it('does not matter unless it is asked for', () => {
    expect(judgeSearch(named(0.99, 0.5), constraints)).toMatchObject({
      verdict: 'Passed',
      message: expect.stringMatching(/^recall 0\.97 ≥ 0\.95, error/) as string,
      constraints: [{ name: 'recall', value: 0.97 }, {}, {}, {}],
    });
  });

  it('has to be enough for the worst, which is named', () => {
    expect(judgeSearch(named(0.99, 0.912), each)).toMatchObject({
      verdict: 'Failed',
      reason: 'RecallTooLow',
      message: expect.stringMatching(/^recall of rare 0\.912 < 0\.95; error rate/) as string,
      constraints: [{ name: 'recall', value: 0.912, bound: 0.95, verdict: 'Failed' }, {}, {}, {}],
    });
    expect(judgeSearch(named(0.96, 0.99), each)).toMatchObject({
      verdict: 'Passed',
      message: expect.stringMatching(/^recall 0\.96 ≥ 0\.95 \(worst query: plain\), error/) as string,
    });
  });

  it('is the total where queries are not told apart, and says nothing where it is missing', () => {
    expect(judgeSearch(measured(), each).verdict).toBe('Passed');
    expect(judgeSearch(measured({ recall: 0.9 }), each).verdict).toBe('Failed');
    expect(judgeSearch(measured({ recall: undefined }), each)).toMatchObject({ verdict: 'Inconclusive' });
    expect(judgeSearch(named(NaN, NaN, NaN), each).verdict).toBe('Inconclusive');
  });
});

describe('judgeSearch', () => {
  it('says under which load it was, where that was given', () => {
    const under = (changes: Parameters<typeof measured>[0], source: string) => {
      const { stage, metrics } = measured(changes);
      return judgeSearch(
        { stage, metrics: metrics.map((metric) => (metric.name === 'throughput' ? { ...metric, source } : metric)) },
        constraints,
      );
    };
    expect(under({}, 'closed loop, 32 clients').message).toMatch(/4\.00 GiB \(closed loop, 32 clients\)$/);
    expect(under({ latencyP95: 30 }, 'open loop, 300/s')).toMatchObject({
      verdict: 'Failed',
      reason: 'LatencyTooHigh',
      message: expect.stringMatching(/^p95 30 ms > 20 ms; .* \(open loop, 300\/s\)$/),
    });
    expect(under({ errorRate: 0.5 }, 'open loop, 300/s').reason).toBe('ErrorRateTooHigh');
  });

  it.each<[string, Measured, string, string, RegExp]>([
    [
      'all kept',
      measured(),
      'Passed',
      'ConstraintsMet',
      /^recall 0\.962 ≥ 0\.95, error rate 0 ≤ 0\.001, p95 11\.8 ms ≤ 20 ms and memory 1\.50 GiB ≤ 4\.00 GiB$/,
    ],
    [
      'exactly at the bounds',
      measured({ recall: 0.95, latencyP95: 20, memory: 2 ** 32 }),
      'Passed',
      'ConstraintsMet',
      /recall 0\.95 ≥ 0\.95/,
    ],
    [
      'recall a little too low',
      measured({ recall: 0.94999 }),
      'Failed',
      'RecallTooLow',
      /^recall 0\.94999 < 0\.95; error rate/,
    ],
    [
      'latency too high',
      measured({ latencyP95: 20.004 }),
      'Failed',
      'LatencyTooHigh',
      /^p95 20\.004 ms > 20 ms; recall/,
    ],
    ['errors', measured({ errorRate: 0.01 }), 'Failed', 'ErrorRateTooHigh', /^error rate 0\.01 > 0\.001/],
    [
      'memory a byte too high',
      measured({ memory: 2 ** 32 + 1 }),
      'Failed',
      'MemoryTooHigh',
      /^memory 4295000000 bytes > 4294967296 bytes/,
    ],
    [
      'two broken',
      measured({ recall: 0.5, latencyP95: 30 }),
      'Failed',
      'RecallTooLow',
      /^recall 0\.5 < 0\.95 and p95 30 ms > 20 ms;/,
    ],
    [
      'broken though something is missing',
      measured({ recall: 0.5, memory: undefined }),
      'Failed',
      'RecallTooLow',
      /recall 0\.5/,
    ],
    [
      'recall NaN',
      measured({ recall: Number.NaN }),
      'Inconclusive',
      'NothingMeasured',
      /^recall could not be measured; error rate/,
    ],
    [
      'latency and memory missing',
      measured({ latencyP95: undefined, memory: undefined }),
      'Inconclusive',
      'NothingMeasured',
      /^p95 and memory could not be measured/,
    ],
    ['no throughput', measured({ throughput: undefined }), 'Inconclusive', 'NothingMeasured', /no throughput/],
    ['zero requests', measured({ throughput: 0 }), 'Inconclusive', 'NothingMeasured', /no request/],
    ['nothing at all', { stage: 'Load', metrics: [] }, 'Inconclusive', 'NothingMeasured', /no throughput/],
    [
      'recall only, good',
      measured({ throughput: undefined, latencyP95: undefined }, 'Recall'),
      'Inconclusive',
      'NothingMeasured',
      /recall 0\.962 ≥ 0\.95.*not measured under load/,
    ],
    [
      'recall only, too low',
      measured({ recall: 0.9, throughput: undefined }, 'Recall'),
      'Failed',
      'RecallTooLow',
      /recall 0\.9 < 0\.95/,
    ],
  ])('%s', (_, input, verdict, reason, message) => {
    const judgement = judgeSearch(input, constraints);
    expect(judgement).toMatchObject({ verdict, reason });
    expect(judgement.message).toMatch(message);
  });

  it('reports each constraint by itself', () => {
    expect(judgeSearch(measured({ recall: 0.9, memory: undefined }), constraints).constraints).toEqual([
      { name: 'recall', verdict: 'Failed', value: 0.9, bound: 0.95 },
      { name: 'errorRate', verdict: 'Passed', value: 0, bound: 0.001 },
      { name: 'latencyP95', verdict: 'Passed', value: 11.8, bound: 20 },
      { name: 'memory', verdict: 'Inconclusive', bound: 2 ** 32 },
    ]);
  });

  it('passes without constraints what was measured', () => {
    expect(judgeSearch(measured(), { latency: [] })).toMatchObject({
      verdict: 'Passed',
      message: 'no constraints were given',
    });
    expect(judgeSearch(measured({}, 'Recall'), { latency: [] })).toMatchObject({ verdict: 'Inconclusive' });
  });

  it.each<[Reason, object, string, Reason]>([
    ['ClientLimited', {}, 'Inconclusive', 'ClientLimited'],
    ['Unstable', {}, 'Inconclusive', 'Unstable'],
    ['Disrupted', { recall: 0.1 }, 'Inconclusive', 'Disrupted'],
    ['NoSustainableRate', { throughput: undefined }, 'Failed', 'NoSustainableRate'],
    ['ServerErrors', { errorRate: 0.5 }, 'Failed', 'ErrorRateTooHigh'],
    ['ServerErrors', { errorRate: undefined }, 'Error', 'ServerErrors'],
    ['TargetUnreachable', {}, 'Error', 'TargetUnreachable'],
    ['SettingIgnored', {}, 'Error', 'SettingIgnored'],
  ])('limited by %s with %j is %s', (reason, changes, verdict, expected) => {
    const judgement = judgeSearch({ ...measured(changes), limited: { reason, message: 'why' } }, constraints);
    expect(judgement).toMatchObject({ verdict, reason: expected, message: expect.stringContaining('why') });
  });

  it('never passes what is missing, not finite, zero, not loaded or limited', () => {
    const value = fc.oneof(fc.double(), fc.constantFrom(0, Number.NaN, Infinity, -Infinity, 0.96, 500));
    const names = fc.constantFrom<MetricName>('recall', 'throughput', 'latencyP95', 'errorRate', 'memory', 'disk');
    const metrics = fc.array(fc.record({ name: names, value }), { maxLength: 8 });
    const limited = fc.option(fc.record({ reason: fc.constantFrom(...REASONS), message: fc.string() }), {
      nil: undefined,
    });
    fc.assert(
      fc.property(
        metrics,
        limited,
        fc.constantFrom('Recall' as const, 'Load' as const, 'Final' as const),
        (list: Metric[], why, stage) => {
          const judgement = judgeSearch({ stage, metrics: list, limited: why }, constraints);
          expect(judgement.message.length).toBeGreaterThan(why && why.message === '' ? -1 : 0);
          if (judgement.verdict !== 'Passed') return;
          expect(why).toBeUndefined();
          expect(stage).not.toBe('Recall');
          const find = (name: MetricName) => list.find((metric) => metric.name === name)?.value as number;
          expect(find('throughput')).toBeGreaterThan(0);
          expect(find('recall')).toBeGreaterThanOrEqual(0.95);
          expect(find('latencyP95')).toBeLessThanOrEqual(20);
          expect(find('errorRate')).toBeLessThanOrEqual(0.001);
          expect(find('memory')).toBeLessThanOrEqual(2 ** 32);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('judgeRun', () => {
  const row = (stage: Measured['stage'], verdict: 'Passed' | 'Failed' | 'Inconclusive' | 'Error', reason: Reason) => ({
    stage,
    verdict,
    reason,
    message: `${stage} ${verdict}`,
  });
  it.each<[string, ReturnType<typeof row>[], string, Reason]>([
    ['nothing', [], 'Inconclusive', 'NothingMeasured'],
    [
      'one that passed',
      [row('Load', 'Failed', 'LatencyTooHigh'), row('Load', 'Passed', 'ConstraintsMet')],
      'Passed',
      'ConstraintsMet',
    ],
    [
      'loaded before not loaded',
      [row('Recall', 'Inconclusive', 'NothingMeasured'), row('Load', 'Failed', 'LatencyTooHigh')],
      'Failed',
      'LatencyTooHigh',
    ],
    [
      'a limited client',
      [row('Load', 'Failed', 'RecallTooLow'), row('Load', 'Inconclusive', 'ClientLimited')],
      'Inconclusive',
      'ClientLimited',
    ],
    ['recalls alone', [row('Recall', 'Failed', 'RecallTooLow')], 'Failed', 'RecallTooLow'],
    ['an error', [row('Load', 'Error', 'ServerErrors')], 'Error', 'ServerErrors'],
  ])('of %s', (_, rows, verdict, reason) => {
    expect(judgeRun(rows)).toMatchObject({ verdict, reason });
  });
});
