import type {
  FinalsJob,
  LoadRules,
  MeasureJob,
  Message,
  ProgressMessage,
  SearchMessage,
  SeriesMessage,
} from '../../loadgen/protocol.ts';
import { collectionBody, searchParams, summary } from '../judge/bodies.ts';
import { withCosts } from '../judge/costs.ts';
import type { SearchRecord } from '../judge/history.ts';
import { judgeRun, judgeSearch } from '../judge/judge-search.ts';
import { metricValue, type Metric } from '../judge/metrics.ts';
import { planSearches } from '../judge/search-plan.ts';
import { JobLost } from '../jobs/job-runner.ts';
import type { Attempt } from '../runs/run-store.ts';
import { Collections } from '../targets/collections.ts';
import { TargetError, type TargetServer } from '../targets/target.ts';
import { collectionName, searchId } from './identity.ts';
import { SweepStopped, type SweepPorts } from './ports.ts';
import type { SweepSettings } from './settings.ts';
import type { Decision, Observed } from './state.ts';

/** Attempts at one run within one process before it is recorded as an Error and the sweep goes on without it. */
const MAX_FAILURES = 3;
/** A name that is taken is a leftover whose record was lost; so many are stepped over. */
const MAX_NAMES = 20;
/** Searches of a build that are loaded: the cheapest that reaches the recall. A second one costs as much and seldom wins. */
const LOADED_SEARCHES = 1;
const READY_TIMEOUT_SECONDS = 3600;
/** The name of the environment variable by which a job gets the target's API key. */
const API_KEY_ENV = 'QDRANT_BENCH_TARGET_API_KEY';

/** What one process knows of a sweep besides the record. */
export interface SweepContext {
  experiment: string;
  /** Folder of the prepared dataset. */
  datasetDir: string;
  /** Failed attempts of this process, by run. */
  failures: Map<string, number>;
}

type Build = Extract<Decision, { action: 'Build' }>;
type Finals = Extract<Decision, { action: 'Finals' }>;

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
export async function build(
  decision: Build,
  observed: Observed,
  context: SweepContext,
  ports: SweepPorts,
  signal: AbortSignal,
): Promise<void> {
  const { store, target, now, onEvent } = ports;
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
    endpoint: endpoint(server, attempt.collection),
    ...(server.isolation ? { isolation: server.isolation } : {}),
    datasetDir: context.datasetDir,
    limit: settings.limit,
    collectionBody: body,
    searches: planned.map(({ search, load }) => ({
      id: searchId(key, decision.build, search, 0),
      search,
      params: searchParams(search),
      load,
    })),
    rules: loadRules(settings),
    done: committed.map(({ id, stage, metrics }) => ({ id, stage, recall: metricValue(metrics, 'recall') })),
    readyTimeoutSeconds: READY_TIMEOUT_SECONDS,
  };
  const handler = recorder(observed, context, ports, (message) => {
    const search = job.searches.find((item) => item.id === message.id);
    return search && { run: decision.run, attempt: attempt.attempt, build: decision.build, search: search.search };
  });
  try {
    const end = await ports.jobs.run(job, {
      secrets: secrets(server),
      signal,
      onMessage: async (message) => {
        if (message.type === 'built') {
          await store.recordBuilt(context.experiment, attempt, message.metrics as Metric[], {
            config: message.applied,
            segments: message.segments,
            indexedVectors: message.indexedVectors,
            ignored: message.ignored,
          });
        }
        await handler(message);
      },
    });
    if (end.type === 'failed') throw new JobLost(`${end.reason}: ${end.message}`);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof JobLost)) throw error;
    await attemptFailed(decision, attempt, error, context, ports, signal);
    return;
  } finally {
    await target.rest(attempt.collection);
  }
  const searches = (await store.history(context.experiment)).searches.filter((search) => search.run === decision.run);
  await store.finishRun(context.experiment, attempt, { ...judgeRun(searches), finishedAt: now().toISOString() });
}

/** Measures the finalists again, interleaved; ids that are in the record are not repeated. */
export async function finals(
  decision: Finals,
  observed: Observed,
  context: SweepContext,
  ports: SweepPorts,
  signal: AbortSignal,
): Promise<void> {
  const { settings, study } = observed;
  const { target } = ports;
  ports.onEvent({ type: 'finals', arms: decision.arms.length, repeats: settings.repeats });
  const servers: TargetServer[] = [];
  try {
    for (const arm of decision.arms) servers.push(await target.open(arm.collection, signal));
    const ids = new Set(decision.arms.flatMap((arm) => arm.ids));
    const first = servers[0] as TargetServer;
    const job: FinalsJob = {
      kind: 'Finals',
      seed: settings.seed,
      datasetDir: context.datasetDir,
      limit: settings.limit,
      rules: loadRules(settings),
      ...(first.isolation ? { isolation: first.isolation } : {}),
      repeats: settings.repeats,
      arms: decision.arms.map((arm, index) => ({
        run: arm.run,
        endpoint: endpoint(servers[index] as TargetServer, arm.collection),
        search: arm.search,
        params: searchParams(arm.search),
        ids: arm.ids,
        startRate: arm.startRate,
      })),
      done: study.history.searches.map((search) => search.id).filter((id) => ids.has(id)),
    };
    const handler = recorder(observed, context, ports, (message) => {
      const arm = decision.arms.find((item) => item.ids.includes(message.id));
      const attempt = study.history.runs.find((run) => run.id === arm?.run)?.attempt ?? 1;
      return arm && { run: arm.run, attempt, build: arm.build, search: arm.search };
    });
    const end = await ports.jobs.run(job, { secrets: secrets(first), signal, onMessage: handler });
    if (end.type === 'failed') throw new JobLost(`${end.reason}: ${end.message}`);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof JobLost)) throw error;
    countFailure('finals', 1, error, context, ports);
    if ((context.failures.get('finals') ?? 0) >= MAX_FAILURES) {
      throw new SweepStopped('Internal', `the finals failed ${MAX_FAILURES} times, last: ${error.message}`, {
        cause: error,
      });
    }
  } finally {
    for (const arm of decision.arms) await target.rest(arm.collection);
  }
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
      await new Collections(server.url, server.apiKey).create(attempt.collection, body);
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

/** Counts a failed attempt; after too many the run is recorded as an Error. An unreachable target is nobody's failure and stops the sweep. */
async function attemptFailed(
  decision: Build,
  attempt: Attempt,
  error: JobLost,
  context: SweepContext,
  ports: SweepPorts,
  signal: AbortSignal,
): Promise<void> {
  if (error.message.startsWith('TargetUnreachable')) await ports.target.describe(signal);
  countFailure(decision.run, attempt.attempt, error, context, ports);
  if ((context.failures.get(decision.run) ?? 0) < MAX_FAILURES) return;
  await ports.store.finishRun(context.experiment, attempt, {
    verdict: 'Error',
    reason: error.message.startsWith('BuildFailed') ? 'BuildFailed' : 'Disrupted',
    message: `${MAX_FAILURES} attempts failed, the last with: ${error.message}`.slice(0, 1024),
    finishedAt: ports.now().toISOString(),
  });
}

function countFailure(
  run: string,
  attempt: number,
  error: Error,
  context: SweepContext,
  { onEvent, log }: SweepPorts,
): void {
  context.failures.set(run, (context.failures.get(run) ?? 0) + 1);
  log.warn({ run, attempt, error: error.message }, 'attempt failed');
  onEvent({ type: 'attemptFailed', run, attempt, message: error.message });
}

/** Judges and commits each finished search as it arrives, keeps the series, passes progress on. */
function recorder(
  observed: Observed,
  context: SweepContext,
  { store, now, log, onEvent }: SweepPorts,
  identify: (
    message: Pick<SearchMessage, 'id'>,
  ) => Pick<SearchRecord, 'run' | 'attempt' | 'build' | 'search'> | undefined,
): (message: Message) => Promise<void> {
  const { constraints, pricePerHour } = observed.study;
  return async (message) => {
    if (message.type === 'progress') onEvent({ type: 'progress', progress: readable(message, identify) });
    if (message.type === 'series') {
      // Charts may miss a second; a search must not be lost for it.
      await store
        .appendSeries(context.experiment, [seriesPoint(message)])
        .catch((error: unknown) => log.warn({ error: String(error) }, 'series not kept'));
    }
    if (message.type !== 'search') return;
    const what = identify(message);
    if (!what) {
      log.warn({ id: message.id }, 'a search nobody asked for');
      return;
    }
    const metrics = withCosts(message.metrics as Metric[], pricePerHour);
    const {
      verdict,
      reason,
      message: sentence,
    } = judgeSearch({ stage: message.stage, metrics, limited: message.limited }, constraints);
    const record: SearchRecord = {
      id: message.id,
      ...what,
      repeat: message.repeat,
      stage: message.stage,
      metrics,
      verdict,
      reason,
      message: sentence,
      seconds: message.seconds,
      finishedAt: now().toISOString(),
    };
    await store.commitSearch(context.experiment, record);
    onEvent({ type: 'search', search: record });
  };
}

/** The load generator knows searches by their ids; a person by what they ask for. */
function readable(
  progress: ProgressMessage,
  identify: (message: Pick<SearchMessage, 'id'>) => Pick<SearchRecord, 'search'> | undefined,
): ProgressMessage {
  const [id = '', ...rest] = progress.detail?.split(': ') ?? [];
  const what = identify({ id });
  if (!what) return progress;
  const asked = summary({ build: {}, search: what.search }).replace(/^Qdrant's defaults · /, '');
  return { ...progress, detail: [asked, ...rest].join(': ') };
}

function seriesPoint({ search, repeat, second, ...rest }: SeriesMessage): {
  search: string;
  repeat: number;
  second: number;
  values: Record<string, number>;
} {
  const { type: _, ...values } = rest;
  return { search, repeat, second, values };
}

const endpoint = (server: TargetServer, collection: string): MeasureJob['endpoint'] => ({
  url: server.url,
  collection,
  ...(server.apiKey ? { apiKeyEnv: API_KEY_ENV } : {}),
  ...(server.pid ? { serverPid: server.pid } : {}),
});

const secrets = (server: TargetServer): Record<string, string> =>
  server.apiKey ? { [API_KEY_ENV]: server.apiKey } : {};

function loadRules(settings: SweepSettings): LoadRules {
  return {
    recallMin: settings.constraints.recall?.min ?? 0,
    latency: settings.constraints.latency.map(({ percentile, max }) => ({ percentile, max })),
    errorRateMax: settings.constraints.errorRate?.max ?? 0.001,
    windowSeconds: settings.windowSeconds,
    windowRequests: settings.windowRequests,
    warmupSeconds: settings.warmupSeconds,
    loadedSearches: LOADED_SEARCHES,
  };
}
