import { beamOf, parametersKey } from './canonical.ts';
import type { Configuration, Parameters } from './configuration.ts';
import { distance, encoderOf, type Point } from './features.ts';
import { fitGaussianProcess, type Prediction } from './gaussian-process.ts';
import { boundsOf } from './judge-search.ts';
import { metricValue, recallMetric, type Metric, type MetricName } from './metrics.ts';
import { fromLogit, logit, valueOfWorth, worth } from './objective.ts';
import type { Outcome } from './outcomes.ts';
import { seededRandom, shuffled } from './prng.ts';
import { planSearches } from './search-plan.ts';
import { expectedImprovement, normalCdf } from './statistics.ts';
import type { Constraints, Objective, Study } from './study.ts';

/** What the model thinks of a build that was not run. */
export interface BuildForecast {
  build: Parameters;
  /** Of the searches likely to keep the constraints the one it promises most with. */
  search: Parameters;
  expected: { name: MetricName; value: number }[];
  /** The chance that this build and search keep the constraints. */
  probabilityFeasible: number;
  /** The most that any of its searches promises: expected gain over the best so far, as a log-ratio, times the chance to keep the constraints; the chance alone while nothing has passed. */
  acquisition: number;
  /** Whether anything measured keeps the constraints; until then the search is for what does. */
  somethingPassed: boolean;
  /** The measured build most like it. */
  nearest: Outcome;
}

/** A Gaussian process costs the cube of its observations: of more than this, those are kept that tell most. */
const MAX_RECALLS = 120;
const MAX_WORTHS = 100;

/** Where nothing better is known, a search's rate falls with this power of its beam: slower than linearly, as part of the work is fixed. */
export const RATE_EXPONENT = -0.5;

/** Objectives whose worth falls as a query takes more work. */
const FOLLOWS_WORK: readonly MetricName[] = [
  'throughput',
  'serverCpuPerQuery',
  'costPerMillionQueries',
  'latencyP50',
  'latencyP95',
  'latencyP99',
];

/** Searches looked at on each build; of more, every second, third, … is. */
const MAX_CELLS = 48;

/**
 * Fits the model to what was measured; undefined while nothing was. Three Gaussian processes over build and search
 * settings together: the log-odds of recall (every search of every build has one, so this is known well early), the worth
 * of the first objective where load was measured, and the margin by which the other constraints were kept. A build is
 * worth its best search: the maximum of expected improvement times probability of feasibility (Gardner et al. 2014).
 */
export function fitModel(
  study: Study,
  measured: readonly Outcome[],
  considered: readonly Parameters[],
): ((build: Parameters) => BuildForecast) | undefined {
  const { constraints, seed } = study;
  const objective = study.objectives[0];
  if (measured.length === 0 || !objective) return undefined;

  const searchesOf = (build: Parameters) => {
    const searches = planSearches(study, build, 'Trial').map(({ search }) => search);
    const step = Math.ceil(searches.length / MAX_CELLS);
    return searches.filter((_, i) => i % step === 0);
  };
  const builds = [...considered, ...measured.map(({ build }) => build)];
  const { encode } = encoderOf([
    ...builds.flatMap((build) => searchesOf(build).map((search) => flat({ build, search }))),
    ...measured.flatMap(({ searches }) => searches.map(flat)),
  ]);
  const at = (configuration: Configuration) => encode(flat(configuration));

  const recalls = recallObservations(measured, constraints, seed);
  const recall = fitGaussianProcess(
    recalls.map(({ of }) => at(of)),
    recalls.map(({ odds }) => odds),
    seed,
  );
  const worths = worthObservations(measured, objective, seed);
  const points = worths.map(({ of }) => at(of));
  // What is learnt is how worths differ from the usual decline with the beam, so that other beams are not thought alike.
  const usual = (of: Configuration) =>
    FOLLOWS_WORK.includes(objective.metric) ? RATE_EXPONENT * Math.log(beamOf(of.search)) : 0;
  const residual = fitGaussianProcess(
    points,
    worths.map((observation) => observation.worth - usual(observation.of)),
    seed,
  );
  const gain = (of: Configuration): Prediction => {
    const { mean, sd } = residual(at(of));
    return { mean: mean + usual(of), sd };
  };
  const margins = marginObservations(measured, constraints);
  const margin = fitGaussianProcess(
    margins.map(({ of }) => at(of)),
    margins.map((observation) => observation.margin),
    seed,
  );

  // The posterior mean, not the measurement: the highest of many measurements is high by luck as well.
  const passed = worths.flatMap((observation) => (observation.passed ? [gain(observation.of).mean] : []));
  const incumbent = Math.max(...passed);
  const oddsNeeded = constraints.recall ? logit(constraints.recall.min) : -Infinity;
  const buildPoint = encoderOf(builds).encode;

  const opinion = (build: Parameters, search: Parameters) => {
    const odds = recall(at({ build, search }));
    const kept = margins.length > 0 ? margin(at({ build, search })) : undefined;
    const probability = normalCdf((odds.mean - oddsNeeded) / odds.sd) * (kept ? normalCdf(kept.mean / kept.sd) : 1);
    const prediction = gain({ build, search });
    const promise =
      passed.length > 0 ? expectedImprovement(prediction.mean, prediction.sd, incumbent) * probability : probability;
    return { search, odds, prediction, probability, promise };
  };
  return (build) => {
    const ranked = searchesOf(build)
      .map((search) => opinion(build, search))
      .toSorted((a, b) => b.promise - a.promise);
    const acquisition = ranked[0]?.promise ?? 0;
    // A build may be worth trying for a search that is not likely to do; what is announced is one that is.
    const shown = (ranked.find(({ probability }) => probability >= 0.5) ?? ranked[0]) as ReturnType<typeof opinion>;
    const expected: BuildForecast['expected'] = [];
    if (worths.length > 0) {
      expected.push({ name: objective.metric, value: rounded(valueOfWorth(shown.prediction.mean, objective)) });
    }
    if (recalls.length > 0 && objective.metric !== 'recall') {
      expected.push({ name: 'recall', value: Number(fromLogit(shown.odds.mean).toFixed(3)) });
    }
    return {
      build,
      search: shown.search,
      expected,
      probabilityFeasible: Number(shown.probability.toFixed(2)),
      acquisition,
      somethingPassed: passed.length > 0,
      nearest: nearestOutcome(measured, build, buildPoint),
    };
  };
}

/** Four significant digits: a forecast has no more. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** Build and search in one, with the beam written out. */
function flat({ build, search }: Configuration): Parameters {
  return { ...build, ...search, 'params.hnsw_ef': beamOf(search) };
}

/** The measured recalls, those nearest to the bound first where there are too many. */
function recallObservations(measured: readonly Outcome[], { recall }: Constraints, seed: number) {
  const all = measured.flatMap(({ searches }) =>
    searches.flatMap((of) => {
      const value = recallMetric(of.metrics, recall)?.value;
      return value === undefined ? [] : [{ of, odds: logit(value) }];
    }),
  );
  const needed = recall ? logit(recall.min) : 0;
  return shuffled(all, seededRandom(seed, 6))
    .toSorted((a, b) => Math.abs(a.odds - needed) - Math.abs(b.odds - needed))
    .slice(0, MAX_RECALLS);
}

/**
 * The worths, the best first where there are too many: as measured under load, and, for searches that were not loaded,
 * as the server's CPU time per query of the recall phase says they compare with a loaded search of the same build.
 */
function worthObservations(measured: readonly Outcome[], objective: Objective, seed: number) {
  const all = measured.flatMap(({ loaded, searches }) => {
    const observations = loaded.flatMap(({ configuration: of, metrics, judgement }) => {
      const value = metricValue(metrics, objective.metric);
      return value === undefined
        ? []
        : [{ of, worth: worth(value, objective), passed: judgement.verdict === 'Passed' }];
    });
    const anchor = loaded.find(
      ({ metrics }) => cpuOf(metrics) !== undefined && metricValue(metrics, objective.metric) !== undefined,
    );
    if (!anchor || !FOLLOWS_CPU.includes(objective.metric)) return observations;
    const known = worth(metricValue(anchor.metrics, objective.metric) as number, objective);
    const compared = searches.flatMap((of) => {
      const cpu = cpuOf(of.metrics);
      if (of.stage !== 'Recall' || cpu === undefined) return [];
      return [{ of, worth: known + Math.log((cpuOf(anchor.metrics) as number) / cpu), passed: false }];
    });
    return [...observations, ...compared];
  });
  if (all.length <= MAX_WORTHS) return all;
  const ranked = all.toSorted((a, b) => Number(b.passed) - Number(a.passed) || b.worth - a.worth);
  const top = ranked.slice(0, (MAX_WORTHS * 3) / 4);
  return [...top, ...shuffled(ranked.slice(top.length), seededRandom(seed, 7)).slice(0, MAX_WORTHS - top.length)];
}

/** Objectives whose worth rises as the server's CPU time per query falls, in the same proportion. */
const FOLLOWS_CPU: readonly MetricName[] = ['throughput', 'serverCpuPerQuery', 'costPerMillionQueries'];

function cpuOf(metrics: readonly Metric[]): number | undefined {
  const value = metricValue(metrics, 'serverCpuPerQuery');
  return value !== undefined && value > 0 ? value : undefined;
}

/** Log-ratios by which constraints other than recall were kept (positive) or broken, the worst of each candidate, in −2 … 2. */
function marginObservations(measured: readonly Outcome[], constraints: Constraints) {
  const bounds = boundsOf(constraints).filter(({ name }) => name !== 'recall');
  if (bounds.length === 0) return [];
  const of = (metrics: readonly Metric[]) =>
    Math.min(
      2,
      ...bounds.flatMap(({ name, bound }) => {
        const value = metricValue(metrics, name);
        return value === undefined ? [] : [Math.log(Math.max(bound, 1e-4) / Math.max(value, 1e-4))];
      }),
    );
  return measured
    .flatMap(({ loaded }) =>
      loaded.map(({ configuration, metrics, judgement }) => ({
        of: configuration,
        margin: Math.max(-2, judgement.reason === 'NoSustainableRate' ? -1 : of(metrics)),
      })),
    )
    .toSorted((a, b) => Math.abs(a.margin) - Math.abs(b.margin))
    .slice(0, MAX_WORTHS);
}

/** The measured build most like this one; of equally near ones one that passed. */
function nearestOutcome(
  measured: readonly Outcome[],
  build: Parameters,
  encode: (build: Parameters) => Point,
): Outcome {
  const point = encode(build);
  const ranked = measured
    .map((outcome) => ({ outcome, away: distance(encode(outcome.build), point) }))
    .toSorted(
      (a, b) =>
        a.away - b.away ||
        Number(a.outcome.worth === undefined) - Number(b.outcome.worth === undefined) ||
        (parametersKey(a.outcome.build) < parametersKey(b.outcome.build) ? -1 : 1),
    );
  return ranked[0]?.outcome as Outcome;
}
