import { canonicalSearch, parametersKey } from './canonical.ts';
import { describeParameter, shortName, summary } from './bodies.ts';
import type { Parameters } from './configuration.ts';
import { buildCount, buildsToConsider, MAX_ENUMERATED, sampledBuilds, trialBuilds } from './enumerate.ts';
import { metricLabel, metricUnit, showNumber } from './format.ts';
import { metricValue } from './metrics.ts';
import { fitModel, type BuildForecast } from './model.ts';
import { outcomes, type Outcome } from './outcomes.ts';
import { seededRandom, shuffled } from './prng.ts';
import { searchProposals, type RankedProposal } from './search-proposals.ts';
import { START_BUILDS, startBuilds, type StartBuild } from './start-builds.ts';
import type { Proposal, Study } from './study.ts';

/** Most proposals given at once. */
export const MAX_PROPOSALS = 8;

/** At most this many of them change the search alone. */
const MAX_SEARCH_PROPOSALS = 3;

/** A sweep stops when no build promises more than this gain, as a log-ratio, … */
export const STOP_GAIN = 0.01;

/** … once this many builds were measured, and the one before the last did not change it. */
export const STOP_BUILDS = 8;

/**
 * What to try next, best first: whole configurations, none of them run before. First the builds every sweep starts with,
 * then what the model expects most of, with beams between two measured ones where that promises more; under `Grid` the
 * space in order, under `Random` shuffled by the seed. A pure function of the study: neither the order of the history
 * nor runs still under way change it. Written also when the budget is spent.
 */
export function propose(study: Study): Proposal[] {
  return ranked(study)
    .slice(0, MAX_PROPOSALS)
    .map(({ proposal }) => proposal);
}

/** Proposals with what they promise, best first; those of the start promise without bound, since they come first. */
function ranked(study: Study): RankedProposal[] {
  const done = buildsRun(study);
  const measured = outcomes(study);
  if (study.strategy !== 'Adaptive') return atOnce(listed(study, done));

  const start = pendingStart(study, done);
  const around = measured.toSorted((a, b) => (b.worth ?? -1e9) - (a.worth ?? -1e9)).slice(0, 3);
  const considered = buildsToConsider(
    study.space,
    study.dataset,
    study.seed,
    around.map(({ build }) => build),
  );
  const model = fitModel(study, measured, [...considered, ...start.map(({ build }) => build)]);

  const first = start.map(({ build, why }): Proposal => {
    const opinion = model?.(build);
    return {
      configuration: { build, search: opinion?.search ?? defaultSearch(study, build) },
      source: 'Start',
      change: 'Recreate',
      expected: opinion?.expected ?? [],
      ...(opinion ? { probabilityFeasible: opinion.probabilityFeasible } : {}),
      rationale: opinion ? `${capital(why)}; ${comparedWith(opinion, study)}` : capital(why),
    };
  });
  if (!model) return atOnce([...first, ...fill(study, considered, done, first)]);

  const taken = new Set([...done, ...start.map(({ build }) => parametersKey(build))]);
  const modelled = considered
    .filter((build) => !taken.has(parametersKey(build)))
    .map((build) => model(build))
    .toSorted((a, b) => b.acquisition - a.acquisition || compareText(parametersKey(a.build), parametersKey(b.build)))
    .slice(0, MAX_PROPOSALS)
    .map((opinion): RankedProposal => ({ acquisition: opinion.acquisition, proposal: modelProposal(opinion, study) }));
  const incumbent = Math.max(...measured.map(({ worth }) => worth ?? -Infinity));
  const between = searchProposals(study, measured, incumbent).toSorted(byRank).slice(0, MAX_SEARCH_PROPOSALS);
  return [...atOnce(first), ...[...modelled, ...between].toSorted(byRank)];
}

/** The start's builds still to be run: the baseline in any case, the others while fewer than START_BUILDS builds were run. */
function pendingStart({ space, dataset, seed }: Study, done: ReadonlySet<string>): StartBuild[] {
  const left = startBuilds(space, dataset, seed).filter(({ build }) => !done.has(parametersKey(build)));
  const baseline = left.filter(({ build }) => parametersKey(build) === parametersKey({}));
  return left.slice(0, Math.max(baseline.length, START_BUILDS - done.size));
}

function atOnce(proposals: readonly Proposal[]): RankedProposal[] {
  return proposals.map((proposal) => ({ proposal, acquisition: Infinity }));
}

/** The build a sweep runs next, or why it ends. */
export type NextStep =
  { build: Parameters; proposal: Proposal } | { stop: 'SpaceExhausted' | 'NothingBetterLikely'; message: string };

/**
 * The build to run next: the first proposal that needs one. A sweep ends when every build of the space was run, or
 * (Adaptive) when the model expects no build to gain more than STOP_GAIN, now and before the last run.
 */
export function nextStep(study: Study): NextStep {
  const next = ranked(study).find(({ proposal: { change } }) => change !== 'SearchOnly');
  if (!next) {
    return { stop: 'SpaceExhausted', message: 'every build of the space was run; widen parameters to go on' };
  }
  if (next.acquisition < STOP_GAIN && somethingPassed(study) && settled(study)) {
    const message =
      'the model expects no other build to be better by a margin worth a run; widen parameters or change the constraints to go on';
    return { stop: 'NothingBetterLikely', message };
  }
  return { build: next.proposal.configuration.build, proposal: next.proposal };
}

/** Keys of the builds that were run or are under way. */
function buildsRun({ history }: Study): Set<string> {
  return new Set([...history.runs, ...history.searches].map(({ build }) => parametersKey(build)));
}

/** The space in order or shuffled, the baseline first; by the strategies that do not learn. */
function listed(study: Study, done: ReadonlySet<string>): Proposal[] {
  const { space, dataset, strategy, seed } = study;
  const random = () =>
    buildCount(space) <= MAX_ENUMERATED
      ? shuffled([...trialBuilds(space, dataset)], seededRandom(seed, 3))
      : sampledBuilds(space, dataset, MAX_ENUMERATED, seed);
  const builds = strategy === 'Grid' ? trialBuilds(space, dataset) : random();
  const proposals: Proposal[] = [];
  const seen = new Set(done);
  const add = (build: Parameters, source: Proposal['source'], rationale: string) => {
    if (seen.has(parametersKey(build))) return;
    seen.add(parametersKey(build));
    const configuration = { build, search: defaultSearch(study, build) };
    proposals.push({ configuration, source, change: 'Recreate', expected: [], rationale });
  };
  add({}, 'Start', "Qdrant's defaults come first: all else is compared with them");
  const why = strategy === 'Grid' ? 'Next in the order of the grid' : 'Next in the order drawn by the seed';
  for (const build of builds) {
    if (proposals.length >= MAX_PROPOSALS) break;
    add(build, 'Rule', why);
  }
  return proposals;
}

/** More builds to look at while nothing was measured: those farthest apart are in `startBuilds`, the rest follow by the seed. */
function fill(
  study: Study,
  considered: readonly Parameters[],
  done: ReadonlySet<string>,
  first: readonly Proposal[],
): Proposal[] {
  const taken = new Set([...done, ...first.map(({ configuration }) => parametersKey(configuration.build))]);
  return shuffled(considered, seededRandom(study.seed, 4))
    .filter((build) => !taken.has(parametersKey(build)))
    .map((build) => ({
      configuration: { build, search: defaultSearch(study, build) },
      source: 'Start',
      change: 'Recreate',
      expected: [],
      rationale: 'Another part of the space; nothing was measured yet to choose by',
    }));
}

function modelProposal(opinion: BuildForecast, study: Study): Proposal {
  const { build, search, expected, probabilityFeasible } = opinion;
  return {
    configuration: { build, search },
    source: 'Model',
    change: 'Recreate',
    expected,
    probabilityFeasible,
    rationale: capital(comparedWith(opinion, study)),
  };
}

/**
 * What the most similar measured build came to, what differs, and what that is expected to do. Figures are printed as
 * measured or as set; Qdrant's defaults go by that name, since a default is nowhere in the history.
 */
function comparedWith({ build, expected, nearest, somethingPassed }: BuildForecast, study: Study): string {
  const objective = study.objectives[0]?.metric ?? 'throughput';
  const forecast = expected.find(({ name }) => name === objective);
  const promise =
    forecast && somethingPassed
      ? `the model expects ${metricLabel(objective)} ${showNumber(forecast.value)}${metricUnit(objective)}`
      : 'nothing has kept the constraints yet, and this is likeliest to';
  const like = summary({ build: nearest.build, search: {} });
  return `like ${like}, ${result(nearest, objective)}, but with ${changes(nearest.build, build)}: ${promise}`;
}

/** `m=48 instead of 32 and scalar instead of none`. */
function changes(from: Parameters, to: Parameters): string {
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])].toSorted();
  const differing = names
    .filter((name) => from[name] !== to[name])
    .map((name) => {
      const [before, after] = [from[name], to[name]];
      if (name === 'quantization_config') return `${after ?? 'no quantization'} instead of ${before ?? 'none'}`;
      const value = after === undefined ? `Qdrant's default ${shortName(name)}` : describeParameter(name, after);
      return `${value} instead of ${before === undefined ? "Qdrant's default" : String(before)}`;
    });
  return differing.length > 0 ? differing.join(' and ') : 'nothing changed';
}

/** What a build came to, in figures as they were measured. */
function result({ best, searches }: Outcome, objective: Proposal['expected'][number]['name']): string {
  const figures = best?.repeats[0]?.metrics;
  const recall = figures
    ? metricValue(figures, 'recall')
    : searches
        .map(({ metrics }) => metricValue(metrics, 'recall'))
        .reduce((a, b) => Math.max(a ?? 0, b ?? 0), undefined);
  const reached = recall === undefined ? '' : ` recall ${showNumber(recall)}`;
  if (!best || !figures) return reached === '' ? 'which kept no constraint' : `which reached at most${reached}`;
  const shown = ([objective, 'throughput'] as const).find(
    (name) => name !== 'recall' && metricValue(figures, name) !== undefined,
  );
  const value =
    shown && `${metricLabel(shown)} ${showNumber(metricValue(figures, shown) as number)}${metricUnit(shown)}`;
  return `which gave ${value ?? ''}${value && reached ? ' at' : ''}${reached}`;
}

function defaultSearch(study: Study, build: Parameters): Parameters {
  return canonicalSearch({}, build, study.limit, study.dataset);
}

/** Whether something passed: until then the model is asked for what keeps the constraints, not for gains. */
function somethingPassed(study: Study): boolean {
  return outcomes(study).some(({ worth }) => worth !== undefined);
}

/** Whether too little was expected before the last finished run already, of enough of them. */
function settled(study: Study): boolean {
  const finished = study.history.runs
    .filter(({ state, role }) => state === 'Finished' && role !== 'Final')
    .toSorted((a, b) => compareText(a.finishedAt ?? '', b.finishedAt ?? '') || compareText(a.id, b.id));
  const last = finished.at(-1);
  if (!last || finished.length < STOP_BUILDS) return false;
  const before: Study = {
    ...study,
    history: {
      runs: study.history.runs.filter(({ id }) => id !== last.id),
      searches: study.history.searches.filter(({ run }) => run !== last.id),
    },
  };
  if (!somethingPassed(before)) return false;
  const gains = ranked(before).filter(
    ({ proposal: { change, configuration } }) =>
      change !== 'SearchOnly' && parametersKey(configuration.build) !== parametersKey(last.build),
  );
  return gains.every(({ acquisition }) => acquisition < STOP_GAIN);
}

function byRank(a: RankedProposal, b: RankedProposal): number {
  const key = ({ proposal: { configuration } }: RankedProposal) =>
    parametersKey(configuration.build) + parametersKey(configuration.search);
  return b.acquisition - a.acquisition || compareText(key(a), key(b));
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
