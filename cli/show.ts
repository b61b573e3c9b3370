import { isClosedLoop, metricValue } from '../operator/judge/metrics.ts';
import { openRunStore } from '../operator/runs/open-store.ts';
import type { Arguments } from './arguments.ts';
import { InvalidInput } from './input.ts';
import { statusOf } from './list.ts';
import { placesOf } from './places.ts';
import type { Io } from './run.ts';
import { searchRows, sweepObject, type SearchRow } from './sweep-object.ts';
import { resultText, table } from './table.ts';

/** `qdrant-bench show NAME`: the result of a sweep and every search that was measured for it. */
export async function show(args: Arguments, io: Io): Promise<number> {
  const namespace = args.namespace ?? 'default';
  const store = await openRunStore(placesOf(args.store, io.env).record, {
    onWait: (line) => io.progress.write(`${line}\n`),
  });
  try {
    const [newest, ...older] = await store.findExperiments(namespace, args.subject);
    if (!newest) {
      const others = (await store.listExperiments()).map((experiment) => `${experiment.namespace}/${experiment.name}`);
      throw new InvalidInput(
        `no sweep "${args.subject}" in namespace "${namespace}"; ${others.length > 0 ? `the store has ${[...new Set(others)].slice(0, 10).join(', ')}` : 'the store is empty'}`,
      );
    }
    const history = await store.history(newest.id);
    const status = statusOf(newest);
    if (args.output === 'json') {
      const resource = { metadata: { name: newest.name, namespace: newest.namespace }, spec: newest.spec };
      io.out(`${JSON.stringify(status ? sweepObject(resource, status, history) : resource, null, 2)}\n`);
      return 0;
    }
    const phase = status
      ? `${status.phase}, ${status.progress.builds} of ${status.progress.maxBuilds} builds`
      : 'not begun';
    io.out(`${newest.namespace}/${newest.name}: ${phase}\n\n`);
    if (status) io.out(`${resultText(status)}\n\n`);
    io.out(`${searchTable(searchRows(history))}\n`);
    if (older.length > 0) {
      io.out(
        `\n${older.length} earlier ${older.length === 1 ? 'history' : 'histories'} of this name (other dataset, target or workload) not shown.\n`,
      );
    }
    return 0;
  } finally {
    await store.close();
  }
}

/** Every search on a line: id, what it was, how far it was measured, what came out. */
export function searchTable(rows: readonly SearchRow[]): string {
  const number = (row: SearchRow, name: Parameters<typeof metricValue>[1], digits: number): string =>
    metricValue(row.metrics, name)?.toFixed(digits) ?? '–';
  const underLoad = (row: SearchRow, name: Parameters<typeof metricValue>[1], digits: number): string =>
    `${number(row, name, digits)}${isClosedLoop(row.metrics) ? ' closed loop' : ''}`;
  return table([
    ['search', 'run', 'repeat', 'stage', 'configuration', 'recall', 'throughput 1/s', 'p95 ms', 'verdict'],
    ...rows.map((row) => [
      row.id,
      row.run,
      String(row.repeat),
      row.stage,
      row.summary,
      number(row, 'recall', 4),
      underLoad(row, 'throughput', 0),
      underLoad(row, 'latencyP95', 2),
      `${row.verdict} ${row.reason}`,
    ]),
  ]);
}
