/** Metrics by the contract's names; units are fixed by the name. */
export type MetricName =
  | 'recall'
  | 'throughput'
  | `latency${'P50' | 'P95' | 'P99' | 'P999' | 'Max'}`
  | `service${'P50' | 'P95' | 'P99' | 'P999' | 'Max'}`
  | `lateness${'P50' | 'P95' | 'P99' | 'P999' | 'Max'}`
  | 'errorRate'
  | 'serverCpuPerQuery'
  | 'clientCpuPerQuery'
  /** Signals of the server, beside the client's figures: loadgen/load/server-signals.ts says what they mean. */
  | `serverTime${'Mean' | 'P50' | 'P95' | 'P99'}`
  | 'plainSearches'
  | 'majorFaults'
  | 'pageCacheResident'
  | 'foreignQueries'
  | 'memory'
  | 'disk'
  | 'uploadSeconds'
  | 'searchableSeconds'
  | 'indexedSeconds'
  | 'stableSeconds'
  | 'costPerHour'
  | 'costPerMillionQueries'
  | 'selectivity'
  | `freshness${'P50' | 'P95' | 'SinceSentP50' | 'SinceSentP95'}`
  | `${'upsert' | 'delete'}${'Rate' | 'ErrorRate' | 'P50' | 'P95' | 'P99' | 'ServiceP50' | 'ServiceP95' | 'LatenessP95'}`;

/** A measured value with, where known, its 95 % interval. */
export interface Metric {
  name: MetricName;
  value: number;
  /** Lower and upper end of the 95 % interval, in the metric's unit. */
  low?: number;
  high?: number;
  unit?: string;
  /** Where the number was read, when there is more than one possibility: `process`, `memory report`. */
  source?: string;
  /** The named query it is of; absent: of all together. */
  query?: string;
}

/** The value of a metric of all queries together, or undefined when it was not measured (never a made-up 0). */
export function metricValue(metrics: readonly Metric[], name: MetricName, query?: string): number | undefined {
  const value = metrics.find((metric) => metric.name === name && metric.query === query)?.value;
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}

/**
 * The load that was given, where the figures are not of a search for the highest rate: `open loop, 300/s`, `closed loop, 32
 * clients`.
 */
export function loadSource(metrics: readonly { name: string; source?: string | undefined }[]): string | undefined {
  return metrics.find(({ name }) => name === 'throughput')?.source;
}

/** Whether rates and latencies are of clients that waited for their answers: whoever shows them says so. */
export function isClosedLoop(metrics: Parameters<typeof loadSource>[0]): boolean {
  return loadSource(metrics)?.startsWith('closed loop') ?? false;
}

/** The named query with the lowest recall, undefined where none was measured apart. */
export function worstRecall(metrics: readonly Metric[]): (Metric & { query: string }) | undefined {
  return metrics
    .filter((metric): metric is Metric & { query: string } => metric.name === 'recall' && metric.query !== undefined)
    .filter(({ value }) => Number.isFinite(value))
    .reduce<(Metric & { query: string }) | undefined>(
      (worst, metric) => (worst === undefined || metric.value < worst.value ? metric : worst),
      undefined,
    );
}

/** The recall a constraint is about: of all queries together, or `perQuery` of the worst named one. */
export function recallMetric(metrics: readonly Metric[], constraint: { perQuery?: boolean } = {}): Metric | undefined {
  const total = metrics.find(({ name, query }) => name === 'recall' && query === undefined);
  const metric = constraint.perQuery ? (worstRecall(metrics) ?? total) : total;
  return metric && Number.isFinite(metric.value) ? metric : undefined;
}
