import type { SweepStatus } from '../crds/sweep/sweep-status.ts';
import { openRunStore } from '../operator/runs/open-store.ts';
import type { Experiment } from '../operator/runs/run-store.ts';
import type { Arguments } from './arguments.ts';
import { placesOf } from './places.ts';
import type { Io } from './run.ts';
import { table } from './table.ts';

/** The last status of an experiment; null before the first was written. */
export const statusOf = (experiment: Experiment): SweepStatus | null => experiment.status as SweepStatus | null;

/** `qdrant-bench list`: a line a sweep, newest first. */
export async function list(args: Arguments, io: Io): Promise<number> {
  const store = await openRunStore(placesOf(args.store, io.env).record, {
    onWait: (line) => io.progress.write(`${line}\n`),
  });
  try {
    const experiments = await store.listExperiments(args.namespace);
    if (args.output === 'json') {
      const items = experiments.map((experiment) => ({
        namespace: experiment.namespace,
        name: experiment.name,
        historyKey: experiment.historyKey,
        createdAt: experiment.createdAt,
        updatedAt: experiment.updatedAt,
        status: statusOf(experiment),
      }));
      io.out(`${JSON.stringify({ items }, null, 2)}\n`);
      return 0;
    }
    if (experiments.length === 0) {
      io.out('No sweeps here yet; "qdrant-bench run FILE.yaml" runs one.\n');
      return 0;
    }
    const rows = experiments.map((experiment) => {
      const status = statusOf(experiment);
      return [
        experiment.namespace,
        experiment.name,
        status?.phase ?? 'Pending',
        status ? `${status.progress.builds}/${status.progress.maxBuilds}` : '–',
        status?.best?.configuration.summary ?? '–',
        experiment.createdAt,
      ];
    });
    io.out(`${table([['namespace', 'name', 'phase', 'builds', 'best', 'created'], ...rows])}\n`);
    return 0;
  } finally {
    await store.close();
  }
}
