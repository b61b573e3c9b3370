import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { metricValue, recallMetric, worstRecall, type Metric } from './metrics.ts';

const recall = fc.record(
  { name: fc.constant('recall' as const), value: fc.float({ min: 0, max: 1 }), query: fc.constantFrom('a', 'b', 'c') },
  { requiredKeys: ['name', 'value'] },
) as fc.Arbitrary<Metric>;

describe('metrics of named queries', () => {
  it('are never taken for those of all together', () => {
    fc.assert(
      fc.property(fc.array(recall), fc.nat(), (metrics, at) => {
        const named = metrics.filter(({ query }) => query !== undefined);
        expect(metricValue(named, 'recall')).toBeUndefined();
        const total: Metric = { name: 'recall', value: 0.5 };
        const mixed = named.toSpliced(at % (named.length + 1), 0, total);
        expect(metricValue(mixed, 'recall')).toBe(0.5);
        expect(recallMetric(mixed)).toEqual(total);
      }),
    );
  });

  it('have a worst, which is what a constraint on each of them is about', () => {
    fc.assert(
      fc.property(fc.array(recall), (metrics) => {
        const named = metrics.filter(({ query, value }) => query !== undefined && Number.isFinite(value));
        const worst = worstRecall(metrics);
        if (named.length === 0) expect(worst).toBeUndefined();
        else expect(worst?.value).toBe(Math.min(...named.map(({ value }) => value)));
        const judged = recallMetric(metrics, { perQuery: true });
        if (worst) expect(judged).toEqual(worst);
      }),
    );
  });

  it('leave the total to be judged where there are none', () => {
    expect(recallMetric([{ name: 'recall', value: 0.9 }], { perQuery: true })?.value).toBe(0.9);
    expect(recallMetric([], { perQuery: true })).toBeUndefined();
    expect(recallMetric([{ name: 'recall', value: NaN }])).toBeUndefined();
  });
});
