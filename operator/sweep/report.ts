import {
  isFinished,
  STATUS_BOUNDS,
  type Condition,
  type MeasuredConfiguration,
  type SweepPhase,
  type SweepStatus,
} from '../../crds/sweep/sweep-status.ts';
import { collectionPatch, searchParams, summary } from '../judge/bodies.ts';
import type { Configuration } from '../judge/configuration.ts';
import { propose } from '../judge/propose.ts';
import {
  baseline,
  baselineAtEqualRecall,
  best,
  compare,
  frontier,
  nearestMiss,
  type Candidate,
} from '../judge/recommend.ts';
import type { Study } from '../judge/study.ts';
import { metricLabel } from '../judge/format.ts';
import { isClosedLoop, loadSource, metricValue, type Metric, type MetricName } from '../judge/metrics.ts';
import { JUDGE_VERSION } from '../judge/version.ts';
import type { Observed } from './state.ts';

/** How the sweep stands, apart from what was measured. */
export interface Situation {
  phase: SweepPhase;
  /** Why it ended or cannot go on. */
  outcome?: {
    reason: string;
    message: string;
    failed: boolean;
    /** What failed will be tried again, without anybody's doing. */
    retry?: boolean;
  };
  /** Why nothing happens just now, if so. */
  waiting?: string | undefined;
  /** Why nothing is done at all. */
  paused?: string;
  generation: number;
  startedAt: string;
  now: string;
  finishedAt?: string;
  estimatedCompletionAt?: string;
  running: number;
  environment: { qdrantVersion?: string; datasetDigest?: string; target: string; notes: readonly string[] };
  /** As last reported: transition times are kept while conditions don't change, figures until there are newer ones. */
  before?: SweepStatus | undefined;
  benchVersion: string;
}

const cut = (text: string, length: number = STATUS_BOUNDS.message): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`;

/** The bounded status of a sweep: a pure summary of its situation and, once it has one, its history. */
export function report(situation: Situation, observed?: Observed): SweepStatus {
  const study = observed?.study;
  const winner = study && best(study);
  const runs = study?.history.runs ?? [];
  const finished = runs.filter((run) => run.state === 'Finished');
  const count = (verdict: string): number => finished.filter((run) => run.verdict === verdict).length;
  const miss = study && !winner ? nearestMiss(study) : undefined;
  const ground = study && baseline(study);
  const kept = observed ? {} : keptFigures(situation);
  return {
    observedGeneration: situation.generation,
    phase: situation.phase,
    summary: figures(observed, winner, finished.length),
    conditions: conditions(situation, study, winner),
    startedAt: situation.startedAt,
    ...(situation.finishedAt ? { finishedAt: situation.finishedAt } : {}),
    progress: {
      builds: finished.length,
      maxBuilds: observed?.settings.maxBuilds ?? 0,
      searches: study?.history.searches.length ?? 0,
      running: situation.running,
      failed: count('Failed') + count('Error'),
      inconclusive: count('Inconclusive'),
      ...(situation.estimatedCompletionAt ? { estimatedCompletionAt: situation.estimatedCompletionAt } : {}),
      ...kept.progress,
    },
    environment: {
      ...(situation.environment.qdrantVersion ? { qdrantVersion: situation.environment.qdrantVersion } : {}),
      ...(situation.environment.datasetDigest ? { datasetDigest: situation.environment.datasetDigest } : {}),
      benchVersion: situation.benchVersion,
      judgeVersion: JUDGE_VERSION,
      target: situation.environment.target,
      ...(observed ? { historyKey: observed.key } : kept.environment),
      notes: situation.environment.notes.slice(0, 16).map((note) => cut(note)),
    },
    ...(study && ground ? { baseline: measured(ground, study, observed) } : {}),
    ...(study && winner ? { best: measured(winner, study, observed) } : {}),
    ...(study && miss ? { nearestMiss: measured(miss, study, observed) } : {}),
    frontier: study
      ? frontier(study)
          .slice(0, STATUS_BOUNDS.frontier)
          .map((candidate) => measured(candidate, study, observed))
      : [],
    nextConfigurations: study
      ? propose(study)
          .slice(0, STATUS_BOUNDS.nextConfigurations)
          .map((proposal) => ({
            configuration: rendered(proposal.configuration, observed),
            source: proposal.source,
            change: proposal.change,
            expected: proposal.expected.slice(0, 8),
            ...(proposal.probabilityFeasible === undefined
              ? {}
              : { probabilityFeasible: proposal.probabilityFeasible }),
            rationale: cut(proposal.rationale),
          }))
      : [],
    recentRuns: runs
      .toSorted((a, b) => (a.startedAt < b.startedAt ? 1 : -1))
      .slice(0, STATUS_BOUNDS.recentRuns)
      .map((run) => ({
        run: run.id,
        summary: summary({ build: run.build, search: {} }),
        ...(run.verdict ? { verdict: run.verdict } : {}),
        ...(run.reason ? { reason: run.reason } : {}),
        ...(run.message ? { message: cut(run.message) } : {}),
        startedAt: run.startedAt,
        ...(run.finishedAt ? { finishedAt: run.finishedAt } : {}),
      })),
    ...kept.results,
  };
}

/**
 * Before the record was read, what stood in the status stands on: how much was measured always, for it tells whether
 * the record has lost something; what was recommended while the spec is the one it was recommended for.
 */
function keptFigures({ before, generation }: Situation) {
  if (!before?.environment.historyKey) return {};
  const { builds, searches, failed, inconclusive } = before.progress;
  const { summary: shown, baseline: ground, best: winner, nearestMiss: miss, frontier: edge } = before;
  return {
    progress: { builds, searches, failed, inconclusive },
    environment: { historyKey: before.environment.historyKey },
    results:
      before.observedGeneration === generation
        ? {
            ...(shown ? { summary: shown } : {}),
            ...(ground ? { baseline: ground } : {}),
            ...(winner ? { best: winner } : {}),
            ...(miss ? { nearestMiss: miss } : {}),
            frontier: edge,
            nextConfigurations: before.nextConfigurations,
            recentRuns: before.recentRuns,
          }
        : { recentRuns: before.recentRuns },
  };
}

/** What `kubectl get` shows: rounded texts, for its columns can compute nothing. */
function figures(
  observed: Observed | undefined,
  winner: Candidate | undefined,
  builds: number,
): NonNullable<SweepStatus['summary']> {
  const value = (name: MetricName): number | undefined => winner && metricValue(winner.metrics, name);
  const [recall, throughput, p95] = [value('recall'), value('throughput'), value('latencyP95')];
  const closed = winner && isClosedLoop(winner.metrics) ? ' closed' : '';
  const price = observed?.study.pricePerHour;
  const hours = observed ? observed.elapsedSeconds / 3600 : 0;
  return {
    ...(observed ? { progress: `${builds}/${observed.settings.maxBuilds}` } : {}),
    ...(recall === undefined ? {} : { recall: recall.toFixed(3) }),
    ...(throughput === undefined ? {} : { throughput: `${throughput.toFixed(throughput < 10 ? 1 : 0)}/s${closed}` }),
    ...(p95 === undefined ? {} : { latencyP95: `${p95.toFixed(p95 < 10 ? 1 : 0)}ms${closed}` }),
    ...(price === undefined
      ? {}
      : { cost: `${(price * hours).toFixed(2)} ${observed?.settings.currency ?? ''}`.trim() }),
  };
}

function rendered(
  configuration: Configuration,
  observed: Observed | undefined,
): SweepStatus['nextConfigurations'][number]['configuration'] {
  return {
    collection: collectionPatch(configuration.build, observed?.settings.quantizations ?? []),
    search: searchParams(configuration.search),
    summary: summary(configuration).slice(0, 512),
  };
}

function measured(candidate: Candidate, study: Study, observed: Observed | undefined): MeasuredConfiguration {
  const { verdict, reason, message, constraints } = candidate.judgement;
  const gain = gainOverBaseline(candidate, study);
  return {
    configuration: rendered(candidate.configuration, observed),
    metrics: statusMetrics(candidate.metrics),
    verdict,
    reason,
    message: cut(gain ? `${message}; ${gain}` : message),
    constraints,
    run: candidate.run,
  };
}

/** What constraints and objectives are about. */
const TELLING =
  /^(recall|throughput|latency|errorRate|memory|disk|cost|serverCpuPerQuery|clientCpuPerQuery|\w+Seconds$)/;

/**
 * The metrics a status has room for: of all queries together those that constraints and objectives are about, then recall
 * by named query, the worst first, then their latency and selectivity, then the rest. The record has them all.
 */
export function statusMetrics(metrics: readonly Metric[]): Metric[] {
  const named = (name: MetricName) => metrics.filter((metric) => metric.query !== undefined && metric.name === name);
  const totals = metrics.filter(({ query }) => query === undefined);
  return [
    ...totals.filter(({ name }) => TELLING.test(name)),
    ...named('recall').toSorted((a, b) => a.value - b.value),
    ...named('latencyP95'),
    ...named('selectivity'),
    ...totals.filter(({ name }) => !TELLING.test(name)),
  ].slice(0, STATUS_BOUNDS.metrics);
}

/**
 * `+31 % throughput against Qdrant's default build at equal recall (95 % CI 24 to 38 %)`, when both were measured. Under a
 * load that was given all have the same rate: then it is the first objective that is compared.
 */
export function gainOverBaseline(candidate: Candidate, study: Study): string | undefined {
  const ground = baselineAtEqualRecall(study);
  if (!ground || ground.searchId === candidate.searchId) return undefined;
  const given = loadSource(candidate.metrics) !== undefined;
  const metric = given ? (study.objectives[0]?.metric ?? 'latencyP95') : 'throughput';
  const comparison = compare(candidate, ground, metric);
  if (!comparison) return undefined;
  const percent = (ratio: number): string => `${ratio >= 1 ? '+' : '−'}${Math.abs((ratio - 1) * 100).toFixed(0)} %`;
  const { ratio, low, high } = comparison;
  return `${percent(ratio)} ${metricLabel(metric)} against Qdrant's default build at equal recall (95 % CI ${percent(low)} to ${percent(high)})`;
}

/** Why there is no best: what was measured fell short, or could not be measured. */
function notMet(study: Study | undefined): string {
  const loaded = study?.history.searches.filter(({ stage }) => stage !== 'Recall') ?? [];
  const unclear = loaded.filter(({ verdict }) => verdict === 'Inconclusive');
  if (unclear.length === 0) return 'no configuration met the constraints; see nearestMiss';
  const reasons = [...new Set(unclear.map(({ reason }) => reason))].join(', ');
  return `no configuration was shown to meet the constraints: ${unclear.length} of ${loaded.length} measurements under load were inconclusive (${reasons})`;
}

function conditions(situation: Situation, study: Study | undefined, winner: Candidate | undefined): Condition[] {
  const { phase, outcome } = situation;
  const over = isFinished(phase);
  const condition = (
    type: Condition['type'],
    status: Condition['status'],
    reason: string,
    message: string,
  ): Condition => {
    const before = situation.before?.conditions.find((item) => item.type === type);
    return {
      type,
      status,
      reason,
      message: cut(message, STATUS_BOUNDS.conditionMessage),
      lastTransitionTime: before?.status === status ? before.lastTransitionTime : situation.now,
      observedGeneration: situation.generation,
    };
  };
  const notes = situation.environment.notes.join('; ');
  const result: Condition[] = [];
  const refused = outcome?.failed && (outcome.reason === 'InvalidSpec' || outcome.reason === 'NotSupported');
  result.push(
    refused
      ? condition('Accepted', 'False', outcome.reason, outcome.message)
      : condition('Accepted', 'True', 'Accepted', notes || 'the spec is valid'),
  );
  if (outcome?.failed && outcome.reason === 'TargetUnreachable') {
    result.push(condition('TargetReady', 'False', outcome.reason, outcome.message));
  } else if (study) {
    result.push(condition('TargetReady', 'True', 'Reachable', situation.environment.target));
  }
  if (outcome?.failed && outcome.reason.startsWith('Dataset')) {
    result.push(condition('DatasetReady', 'False', outcome.reason, outcome.message));
  } else if (study) {
    result.push(condition('DatasetReady', 'True', 'Prepared', situation.environment.datasetDigest ?? 'prepared'));
  }
  if (phase === 'Completed') {
    result.push(
      winner
        ? condition('GoalMet', 'True', outcome?.reason ?? 'BudgetSpent', winner.judgement.message)
        : condition('GoalMet', 'False', outcome?.reason ?? 'BudgetSpent', notMet(study)),
    );
  } else {
    result.push(condition('GoalMet', 'Unknown', phase, outcome?.message ?? 'the sweep is not over'));
  }
  // Looked at again and again, but nothing moves before somebody has done something.
  const stalled = outcome?.reason === 'HistoryLost';
  if (outcome?.failed && !outcome.retry) result.push(condition('Failed', 'True', outcome.reason, outcome.message));
  if (outcome?.failed && (stalled || !outcome.retry)) {
    result.push(condition('Stalled', 'True', outcome.reason, outcome.message));
  }
  if (!over && phase !== 'Suspended' && outcome?.retry && !stalled) {
    result.push(condition('Reconciling', 'True', outcome.reason, `it will be tried again: ${outcome.message}`));
  } else if (!over && !outcome?.failed && phase !== 'Suspended') {
    const { waiting, paused } = situation;
    const reason = paused ? 'Paused' : waiting ? 'Waiting' : phase;
    result.push(condition('Reconciling', 'True', reason, paused ?? waiting ?? 'work is under way'));
  }
  return result;
}
