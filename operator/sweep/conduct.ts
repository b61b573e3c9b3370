import type { QdrantSweep } from '../../crds/sweep/sweep.ts';
import type { SweepStatus } from '../../crds/sweep/sweep-status.ts';
import { best } from '../judge/recommend.ts';
import type { History } from '../judge/history.ts';
import type { StoreError } from '../runs/run-store.ts';
import { act, clean } from './act.ts';
import { checkSpec, mustBeWhole, open, prepare, together } from './begin.ts';
import type { SweepContext } from './context.ts';
import { decide } from './decide.ts';
import { observe } from './observe.ts';
import type { SweepPorts, SweepStopped } from './ports.ts';
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
  /** Its status as last written: transition times are kept, and it tells how much the record must hold. */
  before?: SweepStatus | undefined;
  /** So many searches may be missing from the record: their loss was accepted. */
  acceptedLoss?: number;
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
    before: options.before,
    benchVersion,
  };
  let observed: Observed | undefined;
  let context: SweepContext | undefined;
  let ports: SweepPorts | undefined;
  let release: () => Promise<void> = () => Promise.resolve();

  /** The status as it is now, with a change to the situation if there is one. */
  const statusNow = (change: Partial<Situation> = {}): SweepStatus => {
    situation = { ...situation, ...change, waiting: options.waits?.why, now: now().toISOString() };
    return report(situation, observed);
  };
  options.waits?.listen(() => {
    if (!signal.aborted) options.onStatus?.(statusNow());
  });
  const publish = async (change: Partial<Situation>): Promise<SweepStatus> => {
    const status = statusNow(change);
    situation = { ...situation, before: status };
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
    mustBeWhole(fixed, options);
    if (fixed.recorded > 0)
      world.onEvent({ type: 'phase', message: `going on: ${fixed.recorded} searches are in the record already` });
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
      await act(decision, observed, context, ports, signal);
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
