import { humanBytes } from '../crds/quantity.ts';
import { isClosedLoop } from '../operator/judge/metrics.ts';
import type { MeasuredConfiguration, SweepStatus } from '../crds/sweep/sweep-status.ts';
import { queryRows } from './query-table.ts';

/** Lays cells out in columns; the first row is the head. Numbers are the caller's to format. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join('  ')
      .trimEnd();
  const [head, ...body] = rows;
  if (!head) return '';
  return [line(head), widths.map((width) => '─'.repeat(width)).join('  '), ...body.map(line)].join('\n');
}

type Shown = Pick<MeasuredConfiguration, 'metrics'>;

function cell({ metrics }: Shown, name: string, digits: number, scale = 1): string {
  const metric = metrics.find((item) => item.name === name && item.query === undefined);
  if (!metric) return '–';
  const number = (value: number): string => (value * scale).toFixed(digits);
  const interval =
    metric.low !== undefined && metric.high !== undefined && name === 'throughput'
      ? ` (${number(metric.low)}–${number(metric.high)})`
      : '';
  // Figures of clients that waited are never to be taken for others.
  const closed = /^(throughput|latency)/.test(name) && isClosedLoop(metrics) ? ' closed loop' : '';
  return `${number(metric.value)}${interval}${closed}`;
}

const memoryCell = ({ metrics }: Shown): string => {
  const memory = metrics.find((item) => item.name === 'memory');
  return memory ? humanBytes(memory.value) : '–';
};

const HEAD = ['', 'configuration', 'recall', 'throughput 1/s', 'p95 ms', 'server µs/query', 'memory', 'verdict'];

function row(label: string, measured: MeasuredConfiguration): string[] {
  return [
    label,
    measured.configuration.summary,
    cell(measured, 'recall', 4),
    cell(measured, 'throughput', 0),
    cell(measured, 'latencyP95', 2),
    cell(measured, 'serverCpuPerQuery', 0),
    memoryCell(measured),
    `${measured.verdict} ${measured.reason}`,
  ];
}

/** Baseline, best and what to try next, with the reasons: what a person reads at the end of a sweep. */
export function resultText(status: SweepStatus): string {
  const rows: string[][] = [];
  if (status.baseline) rows.push(row('baseline', status.baseline));
  if (status.best) rows.push(row('best', status.best));
  else if (status.nearestMiss) rows.push(row('nearest miss', status.nearestMiss));
  for (const point of status.frontier) if (point.run !== status.best?.run) rows.push(row('frontier', point));
  const parts: string[] = [];
  if (rows.length > 0) parts.push(table([HEAD, ...rows]));
  const queries = queryRows(status.best ?? status.nearestMiss ?? { metrics: [] });
  if (queries) parts.push(`By query, of the ${status.best ? 'best' : 'nearest miss'}:\n${table(queries)}`);
  if (status.best) {
    parts.push(`Best: ${status.best.message}.`);
    parts.push(
      `Paste into Qdrant:\n  collection ${JSON.stringify(status.best.configuration.collection)}\n  search params ${JSON.stringify(status.best.configuration.search)}`,
    );
  } else {
    const goal = status.conditions.find(({ type, status: value }) => type === 'GoalMet' && value === 'False');
    if (goal) parts.push(`Goal not met: ${goal.message}.`);
    if (status.nearestMiss) parts.push(`Nearest miss: ${status.nearestMiss.message}.`);
  }
  if (status.nextConfigurations.length > 0) {
    const next = status.nextConfigurations.map(
      (proposal, index) =>
        `  ${index + 1}. ${proposal.configuration.summary}  [${proposal.source}, ${proposal.change}${proposal.probabilityFeasible === undefined ? '' : `, feasible ${(proposal.probabilityFeasible * 100).toFixed(0)} %`}]\n     ${proposal.rationale}`,
    );
    parts.push(`Worth trying next:\n${next.join('\n')}`);
  }
  for (const note of status.environment.notes) parts.push(`Note: ${note}`);
  return parts.join('\n\n');
}
