import type { Metric, MetricName } from '../../operator/judge/metrics.ts';
import type { RecallEstimate } from '../evaluate/recall.ts';
import type { LatencyHistogram } from '../load/histogram.ts';
import type { NamedMeasurement } from '../load/named-queries.ts';
import type { WindowMeasurement } from '../load/open-loop.ts';
import type { WritesMeasurement } from '../load/writes.ts';

/** A named query as its metrics are labelled. */
export interface AskedQuery {
  name: string;
  /** Mean share of base points its filter leaves; absent without a filter. */
  selectivity?: number | undefined;
  /** Its recall without load, where that was measured before. */
  before?: RecallEstimate | undefined;
}

/**
 * Recall of all queries together, and of each named one that is told apart, in their order. Of one that a window asked with
 * less than half as many query vectors as were asked before the load, that earlier figure says more, and is labelled.
 */
export function recallMetrics(
  total: RecallEstimate | undefined,
  asked: readonly AskedQuery[],
  each: readonly (RecallEstimate | undefined)[] = [],
): Metric[] {
  const metric = ({ value, low, high }: RecallEstimate): Metric => ({ name: 'recall', value, low, high });
  return [
    ...(total ? [metric(total)] : []),
    ...asked.flatMap(({ name: query, selectivity, before }, index) => {
      const own = each[index];
      const enough = own && (!before || 2 * own.queries >= before.queries);
      const shown = enough ? metric(own) : before && { ...metric(before), source: 'before the load' };
      return [
        ...(shown ? [{ ...shown, query }] : []),
        ...(selectivity === undefined ? [] : [{ name: 'selectivity' as const, value: selectivity, query }]),
      ];
    }),
  ];
}

/** How fast each named query was answered, and how often not. */
export function namedMetrics(asked: readonly AskedQuery[], measured?: ReadonlyMap<string, NamedMeasurement>): Metric[] {
  return asked.flatMap(({ name: query }) => {
    const own = measured?.get(query);
    if (!own) return [];
    const { response, service, lateness, scheduled, errorCount } = own;
    return [
      ...times({ latencyP50: [response, 50], latencyP95: [response, 95], latencyP99: [response, 99] }),
      ...times({ serviceP50: [service, 50], serviceP95: [service, 95], latenessP95: [lateness, 95] }),
      ...(scheduled === 0 ? [] : [{ name: 'errorRate' as const, value: errorCount / scheduled }]),
    ].map((metric) => ({ ...metric, query }));
  });
}

/** What writes beside the searches came to. */
export function writeMetrics({ upserts, deletes, freshness }: WritesMeasurement): Metric[] {
  const metrics: Metric[] = [];
  for (const [kind, stream] of [['upsert', upserts] as const, ['delete', deletes] as const]) {
    if (!stream) continue;
    metrics.push({ name: `${kind}Rate`, value: stream.achievedRate, unit: '1/s' });
    if (stream.scheduled > 0) metrics.push({ name: `${kind}ErrorRate`, value: stream.errorCount / stream.scheduled });
    const { response, service, lateness } = stream;
    metrics.push(
      ...times({
        [`${kind}P50`]: [response, 50],
        [`${kind}P95`]: [response, 95],
        [`${kind}P99`]: [response, 99],
        [`${kind}ServiceP50`]: [service, 50],
        [`${kind}ServiceP95`]: [service, 95],
        [`${kind}LatenessP95`]: [lateness, 95],
      }),
    );
  }
  if (freshness) {
    const { sinceAcknowledged: acknowledged, sinceSent } = freshness;
    metrics.push(
      ...times({
        freshnessP50: [acknowledged, 50],
        freshnessP95: [acknowledged, 95],
        freshnessSinceSentP50: [sinceSent, 50],
        freshnessSinceSentP95: [sinceSent, 95],
      }),
    );
  }
  return metrics;
}

function times(of: Partial<Record<MetricName, [LatencyHistogram, number]>>): Metric[] {
  return Object.entries(of).flatMap(([name, [histogram, percentile]]) =>
    histogram.count === 0 ? [] : [{ name: name as MetricName, value: histogram.percentile(percentile), unit: 'ms' }],
  );
}

/** Histograms of named queries, `response/NAME`, and of writes, `upserts/response`, encoded. */
export function moreHistograms({ queries, writes }: WindowMeasurement): Record<string, string> {
  const all: [string, LatencyHistogram][] = [];
  for (const [name, { response, service }] of queries ?? []) {
    all.push([`response/${name}`, response], [`service/${name}`, service]);
  }
  for (const kind of ['upserts', 'deletes'] as const) {
    const stream = writes?.[kind];
    if (stream) all.push([`${kind}/response`, stream.response], [`${kind}/service`, stream.service]);
  }
  if (writes?.freshness) all.push(['freshness', writes.freshness.sinceAcknowledged]);
  return Object.fromEntries(all.map(([name, histogram]) => [name, histogram.encode()]));
}
