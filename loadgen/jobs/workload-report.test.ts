import { describe, expect, it } from 'vitest';
import type { RecallEstimate } from '../evaluate/recall.ts';
import { NamedMeasurements } from '../load/named-queries.ts';
import { namedMetrics, recallMetrics, writeMetrics } from './workload-report.ts';
import { LatencyHistogram } from '../load/histogram.ts';

const estimate = (value: number, queries: number): RecallEstimate => ({
  value,
  queries,
  standardError: 0.01,
  low: value - 0.02,
  high: value + 0.02,
});

describe('recallMetrics', () => {
  it('tells all together first, then each, with selectivity where there is a filter', () => {
    const asked = [{ name: 'plain' }, { name: 'rare', selectivity: 0.02 }];
    expect(recallMetrics(estimate(0.9, 50), asked, [estimate(0.95, 50), estimate(0.7, 50)])).toEqual([
      { name: 'recall', value: 0.9, low: 0.88, high: 0.92 },
      { name: 'recall', value: 0.95, low: 0.95 - 0.02, high: 0.95 + 0.02, query: 'plain' },
      { name: 'recall', value: 0.7, low: 0.7 - 0.02, high: 0.7 + 0.02, query: 'rare' },
      { name: 'selectivity', value: 0.02, query: 'rare' },
    ]);
    expect(recallMetrics(estimate(0.9, 50), [])).toHaveLength(1);
    expect(recallMetrics(undefined, [])).toEqual([]);
  });

  it.each<[string, RecallEstimate | undefined, number, string | undefined]>([
    ['as it was under load', estimate(0.7, 50), 0.7, undefined],
    ['as it was before, if hardly asked under load', estimate(0.7, 49), 0.8, 'before the load'],
    ['as it was before, if not asked under load', undefined, 0.8, 'before the load'],
  ])('shows a named query %s', (_, own, value, source) => {
    const [metric] = recallMetrics(undefined, [{ name: 'rare', before: estimate(0.8, 100) }], [own]);
    expect(metric).toMatchObject({ value, query: 'rare', ...(source ? { source } : {}) });
    expect(metric?.source).toBe(source);
  });
});

describe('namedMetrics', () => {
  it('has times and errors of what was asked, and nothing of what was not', () => {
    const measurements = new NamedMeasurements({ names: ['a', 'b'], of: Uint8Array.of(0, 1) });
    for (let i = 0; i < 4; i += 1) {
      measurements.scheduled(0);
      measurements.sent(0, 0.1);
    }
    measurements.answered(0, 5, 4);
    measurements.answered(0, 5, 4);
    measurements.failed(0, 'http503');
    const measured = measurements.result();
    expect(measured.get('a')?.errors).toEqual({ http503: 1, unanswered: 1 });
    const metrics = namedMetrics([{ name: 'a' }, { name: 'b' }, { name: 'c' }], measured);
    expect(metrics.every(({ query }) => query === 'a')).toBe(true);
    const names = ['latencyP50', 'latencyP95', 'latencyP99', 'serviceP50', 'serviceP95', 'latenessP95', 'errorRate'];
    expect(metrics.map(({ name }) => name)).toEqual(names);
    expect(metrics.at(-1)?.value).toBe(0.5);
    expect(metrics[0]?.value).toBeCloseTo(5, 1);
    expect(namedMetrics([{ name: 'a' }], undefined)).toEqual([]);
  });
});

describe('writeMetrics', () => {
  it('says nothing of times that were not measured', () => {
    const times = {
      response: new LatencyHistogram(),
      service: new LatencyHistogram(),
      lateness: new LatencyHistogram(),
    };
    const counts = { scheduled: 0, sent: 0, completed: 0, errorCount: 0, backlogStart: 0, backlogEnd: 0, exhausted: 0 };
    const stream = { rate: 1, achievedRate: 0, errors: {}, ...counts, ...times };
    const freshness = { sinceAcknowledged: times.response, sinceSent: times.response, missed: 0 };
    expect(writeMetrics({ upserts: stream, freshness })).toEqual([{ name: 'upsertRate', value: 0, unit: '1/s' }]);
    expect(writeMetrics({})).toEqual([]);
  });
});
