import type { QdrantSweep } from '../../crds/sweep/sweep.ts';
import type { Condition, SweepStatus } from '../../crds/sweep/sweep-status.ts';
import type { PreparedMessage } from '../../loadgen/protocol.ts';
import { formatFieldErrors } from '../../crds/field-error.ts';
import { checkParameters } from '../judge/check-parameters.ts';
import { best } from '../judge/recommend.ts';
import { spaceOf } from '../judge/spaces.ts';
import type { History } from '../judge/history.ts';
import type { StoreError } from '../runs/run-store.ts';
import type { TargetInfo } from '../targets/target.ts';
import { attend, build, clean, finals } from './act.ts';
import type { SweepContext } from './context.ts';
import { decide } from './decide.ts';
import { historyKey } from './identity.ts';
import { observe } from './observe.ts';
import { SweepStopped, type SweepPorts } from './ports.ts';
import { report, type Situation } from './report.ts';
import { resolveSettings, type SweepSettings } from './settings.ts';
import type { Observed } from './state.ts';
import { explain, isFinal } from './stopped.ts';
import type { Waits } from './waits.ts';

/** How a sweep ended in this process. */
export interface Conclusion {
  status: SweepStatus;
  /** `undefined` when it came to its own end; else why it stopped short. Interrupted sweeps go on where they were. */
  stopped?: SweepStopped['reason'] | 'Interrupted' | StoreError['reason'];
  message: string;
  history: History;
  experiment?: string;
}

export interface ConductOptions {
  /** `file:` URLs already absolute. */
  sweep: QdrantSweep;
  /** Folder that keeps prepared datasets. */
  datasetCache: string;
  benchVersion: string;
  /** The resource's generation. Default 1. */
  generation?: number;
  /** Its conditions as last written: their transition times are kept. */
  previous?: readonly Condition[];
  /** The caller will try again when the target or the dataset's source cannot be reached: that is then no failure. */
  triesAgain?: boolean;
  /** What is waited for, as the adapters tell; its changes are shown in the status. */
  waits?: Waits;
  /** Called with the status after every decision and every finished search. */
  onStatus?: (status: SweepStatus) => void;
}

const EMPTY: History = { runs: [], searches: [] };

/**
 * Carries a sweep from its spec to its verdict within this process: observe, decide, act, report, until the decision is
 * to finish. Everything measured is in the record as soon as it is known, so that dying at any await loses at most
 * the search under way; called again with the same store, it goes on. The store may still be opening.
 */
export async function conductSweep(
  options: ConductOptions,
  world: Omit<SweepPorts, 'store'> & { store: SweepPorts['store'] | Promise<SweepPorts['store']> },
  signal: AbortSignal,
): Promise<Conclusion> {
  const { sweep, benchVersion } = options;
  const { now, log } = world;
  const settings = resolveSettings(sweep.spec);
  const began = now().toISOString();
  let situation: Situation = {
    phase: 'Preparing',
    generation: options.generation ?? 1,
    startedAt: began,
    now: began,
    running: 0,
    environment: { target: describeTargetSpec(sweep), notes: settings.assumed },
    previous: [],
    benchVersion,
  };
  let observed: Observed | undefined;
  let context: SweepContext | undefined;
  let ports: SweepPorts | undefined;
  let previous: readonly Condition[] = options.previous ?? [];
  let release: () => Promise<void> = () => Promise.resolve();

  /** The status as it is now, with a change to the situation if there is one. */
  const statusNow = (change: Partial<Situation> = {}): SweepStatus => {
    situation = { ...situation, ...change, waiting: options.waits?.why, now: now().toISOString(), previous };
    return report(situation, observed);
  };
  options.waits?.listen(() => {
    if (!signal.aborted) options.onStatus?.(statusNow());
  });
  const publish = async (change: Partial<Situation>): Promise<SweepStatus> => {
    const status = statusNow(change);
    previous = status.conditions;
    if (context) await ports?.store.saveStatus(context.experiment, status, situation.now);
    options.onStatus?.(status);
    return status;
  };

  /** Tells the world, and the status, of a finished search; without waiting: the next search is under way. */
  const onEvent: SweepPorts['onEvent'] = (event) => {
    world.onEvent(event);
    const [known, before] = [context, observed];
    if (event.type !== 'search' || !options.onStatus || !known || !before) return;
    const current = before.study.history;
    const searches = [...current.searches.filter(({ id }) => id !== event.search.id), event.search];
    observed = { ...before, study: { ...before.study, history: { ...current, searches } } };
    options.onStatus(statusNow());
  };

  try {
    checkSpec(sweep, settings);
    await publish({});
    world.onEvent({ type: 'phase', message: 'looking for the target' });
    // Neither needs the other, and each may take a while.
    const [target, prepared] = await together(
      signal,
      (joint) => world.target.describe(joint),
      (joint) => prepare(options, settings, world, joint),
    );
    options.waits?.clear();
    situation = {
      ...situation,
      environment: { ...situation.environment, qdrantVersion: target.qdrantVersion, target: target.description },
    };
    world.onEvent({ type: 'phase', message: `target: Qdrant ${target.qdrantVersion}, ${target.description}` });
    // A new embedded store takes seconds to make: only now is it needed.
    ports = { ...world, onEvent, store: await world.store };
    const fixed = await open(options, settings, target, prepared, ports);
    release = await ports.store.claim(fixed.context.experiment);
    context = fixed.context;
    const notes = [...settings.assumed, ...fixed.space.notes];
    situation = {
      ...situation,
      startedAt: fixed.startedAt,
      environment: { ...situation.environment, datasetDigest: prepared.digest, notes },
    };

    for (;;) {
      signal.throwIfAborted();
      observed = await observe(fixed, context, ports, signal);
      const decision = decide(observed);
      log.info({ action: decision.action }, 'decided');
      if (decision.action === 'Finish') {
        const { phase, reason, message } = decision;
        await retain(observed, context, ports, settings, signal);
        const status = await publish({
          phase,
          outcome: { reason, message, failed: false },
          running: 0,
          finishedAt: now().toISOString(),
        });
        return { status, message, history: observed.study.history, experiment: context.experiment };
      }
      const working = decision.action !== 'Clean' && decision.action !== 'Discard';
      await publish({ phase: 'Running', running: working ? 1 : 0, ...estimate(observed, now()) });
      if (decision.action === 'Attend') await attend(decision, observed, context, ports, signal);
      else if (decision.action === 'Discard') await ports.jobs.discard(decision.job, signal);
      else if (decision.action === 'Clean') await clean(decision, context, ports, signal);
      else if (decision.action === 'Build') await build(decision, observed, context, ports, signal);
      else await finals(decision, observed, context, ports, signal);
    }
  } catch (error) {
    const { reason, message, failed } = explain(error, signal);
    const retry = options.triesAgain === true && reason !== 'Interrupted' && !isFinal(error);
    const outcome = { reason, message, failed, ...(retry ? { retry } : {}) };
    const phase = failed && !retry ? 'Failed' : situation.phase;
    if (reason === 'Internal') log.error({ err: error }, 'stopped by an error of ours');
    const history = context
      ? await ports?.store.history(context.experiment).catch(() => observed?.study.history)
      : undefined;
    if (observed && history) observed = { ...observed, study: { ...observed.study, history } };
    const status = await publish({ phase, running: 0, outcome }).catch(
      // The record may be what failed; the caller still gets the status.
      () => statusNow({ phase, outcome }),
    );
    return {
      status,
      stopped: reason,
      message,
      history: history ?? EMPTY,
      ...(context ? { experiment: context.experiment } : {}),
    };
  } finally {
    await release();
  }
}

/** Does both at once. When one fails the other is aborted, and has ended before the first one's error is thrown. */
async function together<A, B>(
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
function checkSpec(sweep: QdrantSweep, settings: SweepSettings): void {
  const errors = checkParameters(sweep.spec.parameters ?? [], settings.quantizations);
  if (errors.length > 0) throw new SweepStopped('InvalidSpec', formatFieldErrors(errors));
}

/** The dataset, checked and with ground truth, in a folder. */
async function prepare(
  { sweep, datasetCache }: ConductOptions,
  settings: SweepSettings,
  { jobs, onEvent }: Pick<SweepPorts, 'jobs' | 'onEvent'>,
  signal: AbortSignal,
): Promise<PreparedMessage> {
  let prepared: PreparedMessage | undefined;
  const end = await jobs.run(
    { kind: 'Prepare', dataset: sweep.spec.dataset, limit: settings.limit, cacheDir: datasetCache },
    {
      signal,
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
  if (settings.limit > prepared.points) {
    throw new SweepStopped(
      'InvalidSpec',
      `spec.workload.limit: Invalid value: ${settings.limit}: the dataset has only ${prepared.points} points`,
    );
  }
  return prepared;
}

/** Finds or begins the sweep's history and lays out the space. */
async function open(
  { sweep }: ConductOptions,
  settings: SweepSettings,
  target: TargetInfo,
  prepared: PreparedMessage,
  { store, now, onEvent }: SweepPorts,
) {
  const { name, namespace = 'default' } = sweep.metadata;
  const dataset = {
    points: prepared.points,
    dimensions: prepared.dimensions,
    queries: prepared.queries,
    distance: prepared.distance,
  };
  const space = spaceOf(settings.parameters, settings.quantizations, dataset, settings.constraints, {
    unsupported: target.unsupported,
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
  if (searches.length > 0)
    onEvent({ type: 'phase', message: `going on: ${searches.length} searches are in the record already` });
  const context: SweepContext = {
    experiment: experiment.id,
    datasetDir: prepared.datasetDir,
    failures: new Map(),
  };
  return { settings, key, space, dataset, startedAt: experiment.createdAt, context };
}

/** At the end, deletes the collections that `retention` does not keep. */
async function retain(
  observed: Observed,
  context: SweepContext,
  ports: SweepPorts,
  settings: SweepSettings,
  signal: AbortSignal,
): Promise<void> {
  if (settings.onFinish === 'Keep') return;
  const keep = settings.onFinish === 'KeepBest' ? best(observed.study)?.run : undefined;
  const collections = observed.collections.filter(({ run }) => run !== keep);
  await clean({ action: 'Clean', collections }, context, ports, signal);
}

/** When the builds of the budget will be done if they go on taking as long as so far. */
function estimate({ study, settings }: Observed, now: Date): { estimatedCompletionAt?: string } {
  const finished = study.history.runs.filter((run) => run.finishedAt);
  if (finished.length === 0) return {};
  const seconds =
    finished.reduce((sum, run) => sum + (Date.parse(run.finishedAt as string) - Date.parse(run.startedAt)) / 1000, 0) /
    finished.length;
  const left = Math.max(0, settings.maxBuilds - finished.length);
  const finalsSeconds = settings.repeats * 2 * (3 * settings.windowSeconds + settings.warmupSeconds);
  return { estimatedCompletionAt: new Date(now.getTime() + (left * seconds + finalsSeconds) * 1000).toISOString() };
}

function describeTargetSpec(sweep: QdrantSweep): string {
  return sweep.spec.target.external ? `existing Qdrant at ${sweep.spec.target.external.url}` : 'a throw-away Qdrant';
}
