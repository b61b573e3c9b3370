import type { DatasetFacts, Space } from '../judge/space.ts';
import type { SweepContext } from './context.ts';
import type { SweepPorts } from './ports.ts';
import type { SweepSettings } from './settings.ts';
import type { Observed } from './state.ts';

/** Reads what a decision rests on: the record's history and which of its collections are still there. Changes nothing. */
export async function observe(
  fixed: { settings: SweepSettings; key: string; space: Space; dataset: DatasetFacts; startedAt: string },
  context: SweepContext,
  { store, target, jobs, now }: SweepPorts,
  signal: AbortSignal,
): Promise<Observed> {
  const { settings, key, space, dataset } = fixed;
  const history = await store.history(context.experiment);
  const known = await store.undeletedCollections(context.experiment);
  const existing = await target.existing(
    known.map(({ collection }) => collection),
    signal,
  );
  return {
    settings,
    key,
    pending: await jobs.pending(signal),
    study: {
      space,
      constraints: settings.constraints,
      objectives: settings.objectives,
      strategy: settings.strategy,
      seed: settings.seed,
      limit: settings.limit,
      dataset,
      history,
      ...(settings.pricePerHour === undefined ? {} : { pricePerHour: settings.pricePerHour }),
    },
    collections: known.map((attempt) => ({ ...attempt, exists: existing.has(attempt.collection) })),
    elapsedSeconds: (now().getTime() - Date.parse(fixed.startedAt)) / 1000,
  };
}
