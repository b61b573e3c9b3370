import type { FinalsJob, Job, MeasureJob } from '../../loadgen/protocol.ts';
import { canonicalBuild } from '../judge/canonical.ts';
import type { RunRecord } from '../judge/history.ts';
import { metricValue } from '../judge/metrics.ts';
import { nextStep } from '../judge/propose.ts';
import { best, finalists } from '../judge/recommend.ts';
import { runId, searchId } from './identity.ts';
import type { Decision, FinalArm, KnownCollection, Observed } from './state.ts';

/**
 * What to do next, from what was observed: clean up what is no longer needed, measure the baseline, finish what an
 * earlier process left, try what the judge proposes, measure the finalists again, end. Pure; every action makes progress,
 * so that the sequence ends.
 */
export function decide(observed: Observed): Decision {
  const { settings, study } = observed;
  const runs = study.history.runs;

  // Nothing else may happen on the target while a job is under way there: it would be measured, too.
  const { pending } = observed;
  if (pending) {
    return isWanted(pending, observed) ? { action: 'Attend', job: pending } : { action: 'Discard', job: pending };
  }
  const stale = staleCollections(observed);
  if (stale.length > 0) return { action: 'Clean', collections: stale };
  if (settings.suspend)
    return finish(observed, 'Suspended', 'Suspended', 'spec.suspend is true: nothing new is started');

  const baselineBuild = canonicalBuild({});
  const baselineRun = runId(observed.key, baselineBuild);
  const known = new Map(runs.map((run) => [run.id, run]));
  const first = known.get(baselineRun);
  if (!first || isUnfinished(first)) {
    return { action: 'Build', role: 'Baseline', run: baselineRun, build: baselineBuild, purpose: 'Measure' };
  }
  const interrupted = runs.find(isUnfinished);
  if (interrupted) {
    return {
      action: 'Build',
      role: interrupted.role,
      run: interrupted.id,
      build: interrupted.build,
      purpose: 'Measure',
    };
  }

  const outOfTime = settings.maxSeconds !== undefined && observed.elapsedSeconds >= settings.maxSeconds;
  const buildsLeft = settings.maxBuilds - runs.length;
  const next = buildsLeft > 0 && !outOfTime ? nextStep(study) : undefined;
  if (next && 'build' in next) {
    const run = runId(observed.key, next.build);
    return { action: 'Build', role: 'Trial', run, build: next.build, purpose: 'Measure', proposal: next.proposal };
  }
  const finals = outOfTime ? undefined : planFinals(observed, known);
  if (finals) return finals;
  if (outOfTime) return finish(observed, 'Completed', 'BudgetSpent', 'budget.duration is spent');
  if (next) return finish(observed, 'Completed', next.stop, next.message);
  return finish(observed, 'Completed', 'BudgetSpent', `all ${settings.maxBuilds} builds of the budget are made`);
}

/** Begun and not ended, or ended by something that says nothing about the build. */
function isUnfinished(run: RunRecord): boolean {
  return run.state === 'Running' || (run.verdict === 'Inconclusive' && run.reason === 'Disrupted');
}

/** Whether what a job measures is still wanted: its attempt is its run's latest, its collections are there, its results are not. */
function isWanted(job: Job, { study, collections }: Observed): job is MeasureJob | FinalsJob {
  const known = (name: string): boolean => collections.some(({ collection, exists }) => exists && collection === name);
  if (job.kind === 'Prepare') return false;
  if (job.kind === 'Finals') {
    const committed = new Set(study.history.searches.map(({ id }) => id));
    const missing = job.arms.some(({ ids }) => ids.some((id) => !committed.has(id)));
    return missing && job.arms.every((arm) => known(arm.endpoint.collection));
  }
  const run = study.history.runs.find(({ id }) => id === job.run);
  return run?.state === 'Running' && run.attempt === job.attempt && known(job.endpoint.collection);
}

function finish(observed: Observed, phase: 'Completed' | 'Suspended', reason: string, message: string): Decision {
  return {
    action: 'Finish',
    phase,
    goalMet: phase === 'Completed' && best(observed.study) !== undefined,
    reason,
    message,
  };
}

/** Collections of lost attempts, and of finished runs that no finalist needs. */
function staleCollections({ study, collections }: Observed): KnownCollection[] {
  const finished = new Map(study.history.runs.filter((run) => run.state === 'Finished').map((run) => [run.id, run]));
  const pair = finalists(study);
  const needed = new Set([pair.best?.run, pair.baseline?.run]);
  return collections.filter(({ run, attempt, exists }) => {
    const record = finished.get(run);
    return !(record && record.attempt === attempt && needed.has(run) && exists);
  });
}

/** The finals still to be measured, or the build that has to be restored for them. */
function planFinals(observed: Observed, known: ReadonlyMap<string, RunRecord>): Decision | undefined {
  const { study, settings, key } = observed;
  const { best: first, baseline: ground } = finalists(study);
  if (!first) return undefined;
  const contenders = [first, ...(ground && ground.searchId !== first.searchId ? [ground] : [])];
  const committed = new Set(study.history.searches.map((search) => search.id));
  const arms: FinalArm[] = [];
  for (const candidate of contenders) {
    const run = known.get(candidate.run);
    if (!run) return undefined;
    const home = observed.collections.find(
      (item) => item.run === run.id && item.attempt === run.attempt && item.exists,
    );
    const { build, search } = candidate.configuration;
    const ids = Array.from({ length: settings.repeats }, (_, index) => searchId(key, build, search, index + 1));
    const startRate = metricValue(candidate.metrics, 'throughput');
    arms.push({
      run: run.id,
      collection: home?.collection ?? '',
      build,
      search,
      ids,
      // The baseline is a finalist even where its load came to no number.
      ...(startRate !== undefined && startRate > 0 ? { startRate } : {}),
    });
  }
  if (arms.every((arm) => arm.ids.every((id) => committed.has(id)))) return undefined;
  const homeless = arms.find((arm) => arm.collection === '');
  if (homeless) {
    const role = known.get(homeless.run)?.role ?? 'Trial';
    return { action: 'Build', role, run: homeless.run, build: homeless.build, purpose: 'Restore' };
  }
  return { action: 'Finals', arms };
}
