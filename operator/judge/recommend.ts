import { candidates, unloadedCandidates, type Candidate } from './candidates.ts';
import { configurationKey, parametersKey } from './canonical.ts';
import { boundMetric, boundsOf } from './judge-search.ts';
import { metricValue, recallMetric, type MetricName } from './metrics.ts';
import { compareByObjectives, dominates } from './objective.ts';
import { meanInterval } from './statistics.ts';
import type { Constraints, Objective, Study } from './study.ts';

export type { Candidate } from './candidates.ts';

/** Most entries of a frontier. */
export const FRONTIER_SIZE = 16;

const DEFAULTS = configurationKey({ build: {}, search: {} });

/**
 * The best configuration that keeps every constraint, by the first objective; undefined while there is none.
 * One that was repeated is displaced only by a single measurement beyond its 95 % interval, since the highest of many
 * single measurements is high by luck as well.
 */
export function best(study: Study): Candidate | undefined {
  const ranked = passed(study, candidates(study));
  const repeated = ranked.find(({ repeats }) => repeats.length > 1);
  const single = ranked.find(({ repeats }) => repeats.length < 2);
  if (!repeated || !single) return repeated ?? single;
  return beyond(single, repeated, study.objectives[0]) ? single : repeated;
}

/** Qdrant's defaults as measured: the default search on the default build, whatever its verdict. */
export function baseline(study: Study): Candidate | undefined {
  return candidates(study).find(({ configuration }) => configurationKey(configuration) === DEFAULTS);
}

/** What came nearest to the constraints when nothing keeps them: the least summed violation, then the objectives. */
export function nearestMiss(study: Study): Candidate | undefined {
  const failed = ({ judgement }: Candidate) => judgement.verdict === 'Failed';
  const loaded = candidates(study).filter(failed);
  const misses = loaded.length > 0 ? loaded : unloadedCandidates(study).filter(failed);
  return misses
    .map((candidate) => ({ candidate, violation: violation(candidate, study.constraints) }))
    .toSorted(
      (a, b) =>
        a.violation - b.violation || compareByObjectives(a.candidate.metrics, b.candidate.metrics, study.objectives),
    )[0]?.candidate;
}

/**
 * The configurations that keep every constraint and that no other beats in one objective without losing in another,
 * by the first objective; at most FRONTIER_SIZE, evenly spread and with both ends. Empty with a single objective:
 * its frontier is `best`.
 */
export function frontier(study: Study): Candidate[] {
  if (study.objectives.length < 2) return [];
  const complete = passed(study, candidates(study)).filter(({ metrics }) =>
    study.objectives.every(({ metric }) => metricValue(metrics, metric) !== undefined),
  );
  const front = complete.filter(
    ({ metrics }) => !complete.some((other) => dominates(other.metrics, metrics, study.objectives)),
  );
  if (front.length <= FRONTIER_SIZE) return front;
  const step = (front.length - 1) / (FRONTIER_SIZE - 1);
  return Array.from({ length: FRONTIER_SIZE }, (_, i) => front[Math.round(i * step)] as Candidate);
}

/**
 * The two configurations to measure again, interleaved: the best and the baseline build at equal recall. Chosen from the
 * sweep's own measurements alone, so that a half-done final is taken up with the same two.
 */
export function finalists(study: Study): { best?: Candidate; baseline?: Candidate } {
  const loaded = candidates(study, 'WithoutFinals');
  return { best: passed(study, loaded)[0], baseline: equalRecallBaseline(study, loaded) };
}

/** The baseline build at equal recall, repeats included: what `best` is compared with. */
export function baselineAtEqualRecall(study: Study): Candidate | undefined {
  const chosen = equalRecallBaseline(study, candidates(study, 'WithoutFinals'));
  const key = chosen && configurationKey(chosen.configuration);
  return candidates(study).find(({ configuration }) => configurationKey(configuration) === key);
}

/**
 * How many times a's metric is b's, with a 95 % interval. Repeats with the same number were measured next to each other,
 * so drift of the machine cancels in each pair: with d_i = ln(a_i / b_i) over n pairs, ratio = exp(mean d) and the
 * interval is exp(mean d ± t(0.975, n−1) · s_d / √n). With fewer than two pairs the interval is the widest the two
 * metrics' own intervals allow, and absent ends fall on the ratio itself. Undefined where either was not measured.
 */
export function compare(
  a: Candidate,
  b: Candidate,
  metric: MetricName = 'throughput',
): { ratio: number; low: number; high: number; pairs: number } | undefined {
  const logRatios = a.repeats.flatMap((mine) => {
    const theirs = b.repeats.find(({ repeat }) => repeat === mine.repeat);
    const [x, y] = [metricValue(mine.metrics, metric), theirs && metricValue(theirs.metrics, metric)];
    return x !== undefined && y !== undefined && x > 0 && y > 0 ? [Math.log(x / y)] : [];
  });
  const { mean, low, high } = meanInterval(logRatios);
  if (low !== undefined && high !== undefined) {
    return { ratio: Math.exp(mean), low: Math.exp(low), high: Math.exp(high), pairs: logRatios.length };
  }
  const find = ({ metrics }: Candidate) => metrics.find(({ name, query }) => name === metric && query === undefined);
  const [x, y] = [find(a), find(b)];
  if (!x || !y || !(x.value > 0) || !(y.value > 0)) return undefined;
  const positive = (value: number | undefined, otherwise: number) =>
    value !== undefined && value > 0 ? value : otherwise;
  return {
    ratio: x.value / y.value,
    low: positive(x.low, x.value) / positive(y.high, y.value),
    high: positive(x.high, x.value) / positive(y.low, y.value),
    pairs: logRatios.length,
  };
}

/** How far constraints are missed: the sum of log-ratios of value to bound (for recall, of the shares missed). 0 when all are kept. */
export function violation({ metrics }: Pick<Candidate, 'metrics'>, constraints: Constraints): number {
  let sum = 0;
  for (const { name, bound, side } of boundsOf(constraints)) {
    const value = boundMetric(metrics, { name }, constraints)?.value;
    if (value === undefined) continue;
    const floor = side === 'AtLeast' ? 1e-3 : 1e-4;
    const [bad, allowed] = side === 'AtLeast' ? [1 - value, 1 - bound] : [value, bound];
    sum += Math.max(0, Math.log(Math.max(bad, floor) / Math.max(allowed, floor)));
  }
  return sum;
}

function passed({ objectives }: Study, all: readonly Candidate[]): Candidate[] {
  const first = objectives[0];
  return all
    .filter(
      ({ judgement, metrics }) =>
        judgement.verdict === 'Passed' && (!first || metricValue(metrics, first.metric) !== undefined),
    )
    .toSorted((a, b) => compareByObjectives(a.metrics, b.metrics, objectives));
}

function equalRecallBaseline(study: Study, loaded: readonly Candidate[]): Candidate | undefined {
  const { recall } = study.constraints;
  const defaultBuild = parametersKey({});
  const onBaseline = loaded.filter(({ configuration }) => parametersKey(configuration.build) === defaultBuild);
  const goodEnough = onBaseline
    .filter(({ metrics }) => (recallMetric(metrics, recall)?.value ?? 0) >= (recall?.min ?? 0))
    .filter(({ judgement }) => judgement.verdict === 'Passed' || judgement.verdict === 'Failed')
    .toSorted((a, b) => compareByObjectives(a.metrics, b.metrics, study.objectives));
  const passing = goodEnough.find(({ judgement }) => judgement.verdict === 'Passed');
  return (
    passing ?? goodEnough[0] ?? onBaseline.find(({ configuration }) => configurationKey(configuration) === DEFAULTS)
  );
}

function beyond(single: Candidate, repeated: Candidate, objective: Objective | undefined): boolean {
  if (!objective) return false;
  const value = metricValue(single.metrics, objective.metric);
  const bar = repeated.metrics.find(({ name, query }) => name === objective.metric && query === undefined);
  if (value === undefined || !bar) return false;
  return objective.goal === 'Maximize' ? value > (bar.high ?? bar.value) : value < (bar.low ?? bar.value);
}
