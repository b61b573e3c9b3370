import type { PreparedMessage } from '../../loadgen/protocol.ts';
import { formatFieldErrors } from '../../crds/field-error.ts';
import type { QdrantSweep } from '../../crds/sweep/sweep.ts';
import { checkParameters } from '../judge/check-parameters.ts';
import { tooNewFor, unknownTo } from '../judge/qdrant-version.ts';
import { spaceOf } from '../judge/spaces.ts';
import type { TargetInfo } from '../targets/target.ts';
import type { ConductOptions } from './conduct.ts';
import type { SweepContext } from './context.ts';
import { historyKey } from './identity.ts';
import { checkQueries, namedQueries } from './named-queries.ts';
import { SweepStopped, type SweepPorts } from './ports.ts';
import type { SweepSettings } from './settings.ts';

/** Its value is how many reported searches may be missing, so that a later loss is not accepted with an earlier one. */
export const ACCEPT_LOSS = 'qdrantbench.io/accept-history-loss';

/** Does both at once. When one fails the other is aborted, and has ended before the first one's error is thrown. */
export async function together<A, B>(
  signal: AbortSignal,
  first: (joint: AbortSignal) => Promise<A>,
  second: (joint: AbortSignal) => Promise<B>,
): Promise<[A, B]> {
  const stop = new AbortController();
  const joint = AbortSignal.any([signal, stop.signal]);
  const both = [first(joint), second(joint)] as const;
  try {
    return await Promise.all(both);
  } catch (error) {
    stop.abort(new Error('the other part failed'));
    await Promise.allSettled(both);
    throw error;
  }
}

/** Refuses what the schema cannot know: parameter names, choices, combinations. Nothing is spent before. */
export function checkSpec(sweep: QdrantSweep, settings: SweepSettings): void {
  const { spec } = sweep;
  const errors = [...checkQueries(spec), ...checkParameters(spec.parameters ?? [], settings.quantizations)];
  if (errors.length > 0) throw new SweepStopped('InvalidSpec', formatFieldErrors(errors));
}

/** The dataset, checked and with ground truth, in a folder. */
export async function prepare(
  { sweep, datasetCache }: ConductOptions,
  settings: SweepSettings,
  { jobs, datasetSecrets, onEvent }: Pick<SweepPorts, 'jobs' | 'datasetSecrets' | 'onEvent'>,
  signal: AbortSignal,
): Promise<PreparedMessage> {
  let prepared: PreparedMessage | undefined;
  const secrets = await datasetSecrets?.(sweep.spec.dataset, signal);
  const { dataset, workload } = sweep.spec;
  const queries = namedQueries(workload);
  const end = await jobs.run(
    { kind: 'Prepare', dataset, limit: settings.limit, ...(queries ? { queries } : {}), cacheDir: datasetCache },
    {
      signal,
      ...(secrets ? { secrets } : {}),
      onMessage: (message) => {
        if (message.type === 'prepared') prepared = message;
        if (message.type === 'progress') onEvent({ type: 'progress', progress: message });
        return Promise.resolve();
      },
    },
  );
  if (end.type === 'failed') {
    const reason = end.reason === 'DatasetInvalid' || end.reason === 'DatasetUnreachable' ? end.reason : 'Internal';
    throw new SweepStopped(reason, end.message);
  }
  if (!prepared) throw new SweepStopped('Internal', 'the load generator prepared no dataset');
  for (const [name, share] of Object.entries(prepared.selectivity ?? {})) {
    onEvent({
      type: 'phase',
      message: `query ${name}: its filter matches ${(share * 100).toPrecision(2)} % of points`,
    });
  }
  if (settings.limit > prepared.points) {
    throw new SweepStopped(
      'InvalidSpec',
      `spec.workload.limit: Invalid value: ${settings.limit}: the dataset has only ${prepared.points} points`,
    );
  }
  return prepared;
}

/** Finds or begins the sweep's history and lays out the space. */
export async function open(
  { sweep }: ConductOptions,
  settings: SweepSettings,
  target: TargetInfo,
  prepared: PreparedMessage,
  { store, now }: SweepPorts,
) {
  const { name, namespace = 'default' } = sweep.metadata;
  const dataset = {
    points: prepared.points,
    dimensions: prepared.dimensions,
    queries: prepared.queries,
    distance: prepared.distance,
  };
  const tooNew = tooNewFor(target.qdrantVersion, settings.parameters ?? [], settings.quantizations);
  if (tooNew.length > 0) throw new SweepStopped('InvalidSpec', formatFieldErrors(tooNew));
  const space = spaceOf(settings.parameters, settings.quantizations, dataset, settings.constraints, {
    unsupported: [...target.unsupported, ...unknownTo(target.qdrantVersion)],
  });
  const key = historyKey({ namespace, name, spec: sweep.spec }, target.identity, prepared.digest);
  const experiment = await store.ensureExperiment(
    {
      kind: 'QdrantSweep',
      namespace,
      name,
      historyKey: key,
      spec: sweep.spec,
      dataset: { ...dataset, digest: prepared.digest },
      target: {
        kind: target.identity.kind,
        ...(target.identity.url ? { url: target.identity.url } : {}),
        qdrantVersion: target.qdrantVersion,
        description: target.description,
      },
    },
    now().toISOString(),
  );
  const { searches } = await store.history(experiment.id);
  const context: SweepContext = {
    experiment: experiment.id,
    datasetDir: prepared.datasetDir,
    failures: new Map(),
  };
  return { settings, key, space, dataset, startedAt: experiment.createdAt, context, recorded: searches.length };
}

/**
 * A record that has less than the status once said was restored from before, or is another one: what is not in it would
 * be measured, and paid for, again. @throws {SweepStopped} HistoryLost
 */
export function mustBeWhole(
  { key, recorded }: { key: string; recorded: number },
  { before, acceptedLoss = 0 }: ConductOptions,
): void {
  const reported = before?.environment.historyKey === key ? before.progress.searches : 0;
  if (recorded >= reported || acceptedLoss >= reported) return;
  throw new SweepStopped(
    'HistoryLost',
    `the status reports ${reported} searches and the record has ${recorded}: restore the operator's database; or, to have what is missing measured again, annotate the resource ${ACCEPT_LOSS}=${reported}`,
  );
}
