import type { IngestReport } from '../loadgen/tool/run-ingest.ts';
import { table } from './table.ts';

/** An upload's report for a person. */
export function ingestText(report: IngestReport): string {
  const seconds = (value: number | null): string => (value === null ? '–' : value.toFixed(2));
  const rate =
    report.pointsPerSecond === null ? 'nothing had to be sent' : `${report.pointsPerSecond.toFixed(0)} points/s`;
  const pushed = Object.entries(report.pushedBack).map(([status, count]) => `HTTP ${status} ${count} times`);
  const facts = [
    `${report.collection}: ${report.points} points, ${report.dimensions} dimensions, ${report.distance}`,
    `sent ${report.sent}, there before ${report.present}; ${rate}; in the end ${report.parallel} requests at once of ${report.batch} rows`,
    ...(pushed.length > 0 ? [`the server pushed back: ${pushed.join(', ')}; that was waited out`] : []),
    ...(report.segments === null
      ? []
      : [`${report.segments} segments, ${report.indexedVectors ?? '?'} vectors indexed`]),
  ];
  const times = table([
    ['seconds until', 'uploaded', 'searchable', 'indexed', 'stable'],
    [
      '',
      seconds(report.uploadSeconds),
      seconds(report.searchableSeconds),
      seconds(report.indexedSeconds),
      seconds(report.stableSeconds),
    ],
  ]);
  return [`${report.verdict} ${report.reason}: ${report.message}`, times, facts.join('\n')].join('\n\n');
}
