import type { FinalsJob, LoadRules, MeasureJob } from '../../loadgen/protocol.ts';
import { collectionBody, searchParams } from '../judge/bodies.ts';
import { recallMetric } from '../judge/metrics.ts';
import { planSearches } from '../judge/search-plan.ts';
import type { Attempt } from '../runs/run-store.ts';
import { TargetError, type TargetServer } from '../targets/target.ts';
import { API_KEY_ENV, type SweepContext } from './context.ts';
import { collectionName, searchId } from './identity.ts';
import { jobWorkload } from './job-workload.ts';
import { SweepStopped, type SweepPorts } from './ports.ts';
import { measure, measureFinals } from './run-jobs.ts';
import type { SweepSettings } from './settings.ts';
import type { Decision, Observed } from './state.ts';

/** A name that is taken is a leftover whose record was lost; so many are stepped over. */
const MAX_NAMES = 20;
/** Searches of a build that are loaded: the cheapest that reaches the recall. A second one costs as much and seldom wins. */
const LOADED_SEARCHES = 1;
const READY_TIMEOUT_SECONDS = 3600;

type Build = Extract<Decision, { action: 'Build' }>;
type Finals = Extract<Decision, { action: 'Finals' }>;

/** Carries a decision out. What happens on the target happens there alone. */
export async function act(
  decision: Exclude<Decision, { action: 'Finish' }>,
  observed: Observed,
  context: SweepContext,
  ports: SweepPorts,
  signal: AbortSignal,
): Promise<void> {
  if (decision.action === 'Discard') return ports.jobs.discard(decision.job, signal);
  if (decision.action === 'Clean') return clean(decision, context, ports, signal);
  const release = await ports.alone?.(signal);
  try {
    if (decision.action === 'Attend') await attend(decision, observed, context, ports, signal);
    else if (decision.action === 'Build') await build(decision, observed, context, ports, signal);
    else await finals(decision, observed, context, ports, signal);
  } finally {
    await release?.();
  }
}

/** Deletes collections nobody needs; the record learns of each as it goes. */
export async function clean(
  { collections }: Extract<Decision, { action: 'Clean' }>,
  context: SweepContext,
  { store, target }: SweepPorts,
  signal: AbortSignal,
): Promise<void> {
  for (const known of collections) {
    await target.remove(known.collection, signal);
    await store.collectionDeleted(context.experiment, known);
  }
}

/**
 * One attempt at a build: intent, collection, job, verdict. Every finished search is in the record before the next
 * begins. An attempt that fails leaves the run unfinished, so that the next decision is another attempt.
 */
async function build(
  decision: Build,
  observed: Observed,
  context: SweepContext,
  ports: SweepPorts,
  signal: AbortSignal,
): Promise<void> {
  const { store, now, onEvent } = ports;
  const { settings, study, key } = observed;
  const body = collectionBody(decision.build, study.dataset, settings.quantizations);
  const { attempt, server } = await claimCollection(decision, observed, context, ports, body, signal);
  const known = study.history.runs.findIndex((run) => run.id === decision.run);
  onEvent({
    type: 'run',
    role: decision.role,
    run: decision.run,
    build: decision.build,
    number: known === -1 ? study.history.runs.length + 1 : known + 1,
    of: settings.maxBuilds,
    attempt: attempt.attempt,
    why: decision.purpose === 'Restore' ? 'restored for the finals' : (decision.proposal?.rationale ?? ''),
  });
  if (!server) {
    await store.finishRun(context.experiment, attempt, { ...attempt.refused, finishedAt: now().toISOString() });
    return;
  }

  const committed = study.history.searches.filter((search) => search.run === decision.run && search.repeat === 0);
  const planned =
    decision.purpose === 'Restore'
      ? committed
          .filter((search) => search.stage === 'Load')
          .slice(0, 1)
          .map(({ search }) => ({ search, load: 'Boundary' as const }))
      : planSearches(study, decision.build, decision.role === 'Baseline' ? 'Baseline' : 'Trial');
  const job: MeasureJob = {
    kind: 'Measure',
    run: decision.run,
    attempt: attempt.attempt,
    seed: settings.seed,
    ...together(settings),
    endpoint: endpoint(server, attempt.collection),
    ...(server.isolation ? { isolation: server.isolation } : {}),
    datasetDir: context.datasetDir,
    limit: settings.limit,
    ...(settings.workload ? { workload: jobWorkload(settings.workload) } : {}),
    collectionBody: body,
    searches: planned.map(({ search, load }) => ({
      id: searchId(key, decision.build, search, 0),
      search,
      params: searchParams(search),
      load,
    })),
    rules: loadRules(settings),
    done: committed.map(({ id, stage, metrics }) => ({
      id,
      stage,
      recall: recallMetric(metrics, settings.constraints.recall)?.value,
    })),
    readyTimeoutSeconds: READY_TIMEOUT_SECONDS,
  };
  await measure(job, attempt, decision.build, server, observed, context, ports, signal);
}

/** Listens on to a job that an earlier process of ours started. */
async function attend(
  { job }: Extract<Decision, { action: 'Attend' }>,
  observed: Observed,
  context: SweepContext,
  ports: SweepPorts,
  signal: AbortSignal,
): Promise<void> {
  ports.onEvent({ type: 'phase', message: `going on with the ${job.kind} job that was under way` });
  if (job.kind === 'Finals') return measureFinals(job, observed, context, ports, signal);
  const attempt = { run: job.run, attempt: job.attempt, collection: job.endpoint.collection };
  const server = await ports.target.open(attempt.collection, signal);
  const build = observed.study.history.runs.find((run) => run.id === job.run)?.build ?? {};
  await measure(job, attempt, build, server, observed, context, ports, signal, true);
}

/** Measures the finalists again, interleaved; ids that are in the record are not repeated. */
async function finals(
  decision: Finals,
  observed: Observed,
  context: SweepContext,
  ports: SweepPorts,
  signal: AbortSignal,
): Promise<void> {
  const { settings, study } = observed;
  ports.onEvent({ type: 'finals', arms: decision.arms.length, repeats: settings.repeats });
  const servers: TargetServer[] = [];
  for (const arm of decision.arms) servers.push(await ports.target.open(arm.collection, signal));
  const ids = new Set(decision.arms.flatMap((arm) => arm.ids));
  const first = servers[0] as TargetServer;
  const job: FinalsJob = {
    kind: 'Finals',
    seed: settings.seed,
    ...together(settings),
    datasetDir: context.datasetDir,
    limit: settings.limit,
    ...(settings.workload ? { workload: jobWorkload(settings.workload) } : {}),
    rules: loadRules(settings),
    ...(first.isolation ? { isolation: first.isolation } : {}),
    repeats: settings.repeats,
    arms: decision.arms.map((arm, index) => ({
      run: arm.run,
      endpoint: endpoint(servers[index] as TargetServer, arm.collection),
      search: arm.search,
      params: searchParams(arm.search),
      ids: arm.ids,
      ...(arm.startRate === undefined ? {} : { startRate: arm.startRate }),
    })),
    done: study.history.searches.map((search) => search.id).filter((id) => ids.has(id)),
  };
  await measureFinals(job, observed, context, ports, signal);
}

type Refusal = { verdict: 'Error'; reason: 'BuildFailed'; message: string };

/** Records the intent, then makes the collection it names. A Qdrant that refuses the settings ends the run, not the sweep. */
async function claimCollection(
  decision: Build,
  observed: Observed,
  context: SweepContext,
  { store, target, now }: SweepPorts,
  body: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<
  { attempt: Attempt; server: TargetServer } | { attempt: Attempt & { refused: Refusal }; server: undefined }
> {
  for (let tries = 0; tries < MAX_NAMES; tries += 1) {
    const attempt = await store.beginAttempt(context.experiment, {
      run: decision.run,
      role: decision.role,
      build: decision.build,
      startedAt: now().toISOString(),
      collection: (number) => collectionName(observed.key, decision.run, number),
    });
    const server = await target.open(attempt.collection, signal);
    try {
      await server.collections.create(attempt.collection, body);
      return { attempt, server };
    } catch (error) {
      if (!(error instanceof TargetError) || error.reason === 'TargetUnreachable') throw error;
      // A collection of that name which this record did not make is not touched: it only costs a number.
      await store.collectionDeleted(context.experiment, attempt);
      if (error.reason === 'NameTaken') continue;
      await target.remove(attempt.collection, signal);
      return {
        attempt: { ...attempt, refused: { verdict: 'Error', reason: 'BuildFailed', message: error.message } },
        server: undefined,
      };
    }
  }
  throw new SweepStopped(
    'Internal',
    `${MAX_NAMES} collection names of run ${decision.run} are taken on the target by collections this record does not know; delete those named ${collectionName(observed.key, decision.run, 1).replace(/1$/, '*')} if they are leftovers`,
  );
}

const endpoint = (server: TargetServer, collection: string): MeasureJob['endpoint'] => ({
  url: server.url,
  collection,
  ...(server.own ? { own: true } : {}),
  ...(server.apiKey ? { apiKeyEnv: API_KEY_ENV } : {}),
  ...(server.pid ? { serverPid: server.pid } : {}),
});

/** Of one load generator nothing is said. */
const together = ({ pods }: SweepSettings): { pods?: number } => (pods > 1 ? { pods } : {});

function loadRules(settings: SweepSettings): LoadRules {
  return {
    load: settings.load,
    recallMin: settings.constraints.recall?.min ?? 0,
    ...(settings.constraints.recall?.perQuery ? { recallPerQuery: true } : {}),
    latency: settings.constraints.latency.map(({ percentile, max }) => ({ percentile, max })),
    errorRateMax: settings.constraints.errorRate?.max ?? 0.001,
    windowSeconds: settings.windowSeconds,
    windowRequests: settings.windowRequests,
    warmupSeconds: settings.warmupSeconds,
    loadedSearches: LOADED_SEARCHES,
  };
}
