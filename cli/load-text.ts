import { humanBytes } from '../crds/quantity.ts';
import { humanDuration } from '../crds/duration.ts';
import type { LoadReport, Percentiles } from '../loadgen/tool/load-report.ts';
import { table } from './table.ts';

/** A load's report for a person. */
export function loadText(report: LoadReport): string {
  const { limited } = report;
  const parts = [`${report.verdict} ${report.reason}: ${report.message}`];
  if (limited) {
    parts.push(
      `Seen while the load generator was the limit, so not the server's: ${perSecond(limited.achievedRate)} answered`,
    );
  }
  const rows = latencyRows(report);
  if (rows.length > 0) parts.push(table([['ms', 'p50', 'p95', 'p99', 'p99.9', 'max'], ...rows]));
  const facts: string[][] = [
    ['load', loadSentence(report)],
    ['requests', requestsSentence(report)],
  ];
  facts.push([`recall@${report.limit}`, recallSentence(report)]);
  facts.push(['client', clientSentence(report)]);
  if (report.serverCpuMicrosPerRequest !== null) {
    const memory =
      report.serverPeakMemoryBytes === null ? '' : `, at most ${humanBytes(report.serverPeakMemoryBytes)} of memory`;
    facts.push(['server', `${report.serverCpuMicrosPerRequest.toFixed(0)} µs of CPU a request${memory}`]);
  }
  for (const { name, bound, value, met } of report.constraints) {
    facts.push([
      met ? 'met' : 'not met',
      `${name} ${value === null ? '–' : Number(value.toPrecision(4))}, limit ${bound}`,
    ]);
  }
  const width = Math.max(...facts.map(([label]) => (label as string).length));
  parts.push(facts.map(([label, text]) => `${(label as string).padEnd(width)}  ${text}`).join('\n'));
  return parts.join('\n\n');
}

function latencyRows({ responseMs, serviceMs, latenessMs, limited }: LoadReport): string[][] {
  const kinds: [string, Percentiles][] = [
    ['response', limited?.responseMs ?? responseMs],
    ['service', limited?.serviceMs ?? serviceMs],
    ['lateness', latenessMs],
  ];
  return kinds
    .filter(([, { p50 }]) => p50 !== null)
    .map(([name, { p50, p95, p99, p999, max }]) => [
      name,
      ...[p50, p95, p99, p999, max].map((ms) => (ms as number).toFixed(2)),
    ]);
}

function loadSentence(report: LoadReport): string {
  const { concurrency, rate, seed } = report;
  const when = `${humanDuration(report.durationSeconds)} after ${humanDuration(report.warmupSeconds)} of warm-up, seed ${seed}`;
  return report.loop === 'closed'
    ? `closed loop, ${concurrency} requests at a time, ${when}; says nothing of the latency at a rate`
    : `open loop, ${report.arrivals} arrivals, ${perSecond(rate ?? 0)}, ${when}`;
}

function requestsSentence({ requests, unsent, errors, errorKinds, achievedRate, queries }: LoadReport): string {
  const kinds = Object.entries(errorKinds).map(([kind, count]) => `${kind} ${count}`);
  const answered = achievedRate === null ? '' : `, ${perSecond(achievedRate)} answered`;
  const never = unsent > 0 ? `, ${unsent} never sent` : '';
  return `${requests}${answered}${never}, ${errors} errors${kinds.length > 0 ? ` (${kinds.join(', ')})` : ''}, ${queries} different queries`;
}

function recallSentence({ recall, recallStdErr, recallQueries }: LoadReport): string {
  if (recall === null) return 'not counted: no --ground-truth';
  return `${recall.toFixed(4)} ± ${(recallStdErr ?? 0).toFixed(4)} (standard error over ${recallQueries} queries; by id, ties unknown)`;
}

function clientSentence({ client, clientCpuMicrosPerRequest }: LoadReport): string {
  const cpu = clientCpuMicrosPerRequest === null ? '' : `${clientCpuMicrosPerRequest.toFixed(0)} µs of CPU a request, `;
  return `${cpu}idle for ${(client.idleShare * 100).toFixed(0)} % of the time`;
}

function perSecond(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(0)}/s`;
}
