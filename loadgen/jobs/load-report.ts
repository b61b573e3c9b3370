import type { Metric } from '../../operator/judge/metrics.ts';
import type { Reason } from '../../operator/judge/verdict.ts';
import { percentileMetrics } from '../load/histogram.ts';
import type { LoadResult, WindowReport } from '../load/load-search.ts';
import type { SearchMessage, SeriesMessage } from '../protocol.ts';
import { kinds } from './search-bench.ts';
import { moreHistograms, namedMetrics, recallMetrics, writeMetrics, type AskedQuery } from './workload-report.ts';

/** The outcome of a load phase as it is published: metrics, bracket, and why it must not count, if so. */
export function loadReport(
  result: LoadResult,
  fallback: readonly Metric[],
  asked: readonly AskedQuery[] = [],
): Pick<SearchMessage, 'metrics' | 'limited' | 'load'> {
  const { outcome, window, requests, errors } = result;
  const limited = limitedBy(result);
  if (outcome.kind !== 'Found' || window === undefined) {
    // What was measured without load stays true; nothing is said of load.
    const bracket: [number, number] =
      outcome.kind === 'NoSustainableRate'
        ? [0, outcome.lowest]
        : outcome.kind === 'Unstable'
          ? [outcome.low ?? 0, outcome.high ?? outcome.low ?? 0]
          : [0, outcome.kind === 'ClientLimited' ? outcome.rate : outcome.high];
    return {
      metrics: [...fallback],
      ...(limited ? { limited } : {}),
      load: { bracket, offeredRate: 0, achievedRate: 0, requests, errors },
    };
  }
  const { measured, recall, recalls, serverCpu } = window;
  const metrics = recallMetrics(recall, asked, recalls);
  metrics.push({ name: 'throughput', value: outcome.low, low: outcome.low, high: outcome.high, unit: '1/s' });
  metrics.push(
    ...percentileMetrics('latency', measured.response),
    ...percentileMetrics('service', measured.service),
    ...percentileMetrics('lateness', measured.lateness),
  );
  metrics.push({ name: 'errorRate', value: measured.scheduled === 0 ? 0 : measured.errorCount / measured.scheduled });
  if (serverCpu !== undefined) {
    metrics.push({ name: 'serverCpuPerQuery', value: serverCpu * 1e6, unit: 'µs', source: 'process' });
  }
  metrics.push({
    name: 'clientCpuPerQuery',
    value: (measured.own.workCpuSeconds / Math.max(1, measured.sentInAll)) * 1e6,
    unit: 'µs',
  });
  if (result.peakMemory !== undefined) {
    metrics.push({ name: 'memory', value: result.peakMemory, unit: 'bytes', source: 'process' });
  }
  metrics.push(...namedMetrics(asked, measured.queries), ...(measured.writes ? writeMetrics(measured.writes) : []));
  return {
    metrics: metrics.filter(({ value }) => Number.isFinite(value)),
    ...(limited ? { limited } : {}),
    load: {
      bracket: [outcome.low, outcome.high],
      offeredRate: measured.rate,
      achievedRate: measured.achievedRate,
      requests,
      errors,
      histograms: {
        response: measured.response.encode(),
        service: measured.service.encode(),
        lateness: measured.lateness.encode(),
        ...moreHistograms(measured),
      },
    },
  };
}

function limitedBy(result: LoadResult): { reason: Reason; message: string } | undefined {
  const { outcome, lastBreach, lastLimit, errors } = result;
  switch (outcome.kind) {
    case 'Found':
      return undefined;
    case 'ClientLimited':
      return {
        reason: 'ClientLimited',
        message:
          `at ${rate(outcome.rate)} ${lastLimit ?? 'the load generator was the limit'}; ` +
          'give it a core of its own, or a machine of its own',
      };
    case 'NoSustainableRate':
      if (lastBreach?.kind === 'Errors') {
        return {
          reason: 'ServerErrors',
          message: `${lastBreach.message} (${kinds(errors)}) even at ${rate(outcome.lowest)}`,
        };
      }
      return {
        reason: 'NoSustainableRate',
        message: `even ${rate(outcome.lowest)} broke a rule: ${lastBreach?.message ?? 'no window met the rules'}`,
      };
    case 'Unstable':
      return {
        reason: 'Unstable',
        message:
          `windows at the same rates contradicted each other between ${rate(outcome.low ?? 0)} and ` +
          `${outcome.high === undefined ? 'above' : rate(outcome.high)}; is something else running on the machine?`,
      };
  }
}

function rate(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(0)}/s`;
}

/** The seconds of a window for charts. */
export function seriesMessages(report: WindowReport, search: string, repeat: number): SeriesMessage[] {
  return report.measured.series.map((point) => ({
    type: 'series',
    search,
    repeat,
    ...point,
    second: Math.round((report.startedAt + point.second) * 10) / 10,
  }));
}
