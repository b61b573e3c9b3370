import type { MeasuredConfiguration } from '../crds/sweep/sweep-status.ts';

/** What each named query came to in one configuration, as rows of a table with their head; undefined where queries were not told apart. */
export function queryRows({ metrics }: Pick<MeasuredConfiguration, 'metrics'>): string[][] | undefined {
  const names = [...new Set(metrics.flatMap(({ query }) => (query === undefined ? [] : [query])))].toSorted();
  if (names.length === 0) return undefined;
  const cell = (query: string, name: string, digits: number): string =>
    metrics.find((metric) => metric.name === name && metric.query === query)?.value.toFixed(digits) ?? '–';
  return [
    ['query', 'recall', 'p95 ms', 'selectivity'],
    ...names.map((name) => [name, cell(name, 'recall', 4), cell(name, 'latencyP95', 2), cell(name, 'selectivity', 4)]),
  ];
}
