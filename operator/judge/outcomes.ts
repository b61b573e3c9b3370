import { candidates, type Candidate } from './candidates.ts';
import { parametersKey } from './canonical.ts';
import type { Parameters } from './configuration.ts';
import type { SearchRecord } from './history.ts';
import { metricValue } from './metrics.ts';
import { compareByObjectives, worth } from './objective.ts';
import type { Study } from './study.ts';

/** What is known of one build after its run. */
export interface Outcome {
  build: Parameters;
  /** Its candidates that passed or failed: what was loaded and told something. */
  loaded: readonly Candidate[];
  /** Its best candidate that passed. */
  best?: Candidate;
  /** Worth of the first objective there (see `worth`). */
  worth?: number;
  /** All rows of the build with a recall, by beam and the rest. */
  searches: readonly SearchRecord[];
}

/**
 * What each finished build came to, in a stable order. Runs under way say nothing yet: what a sweep does after an
 * interruption must not depend on where it was interrupted. Builds that told nothing (errors, inconclusive) are left out.
 */
export function outcomes(study: Study): Outcome[] {
  const running = new Set(study.history.runs.filter(({ state }) => state === 'Running').map(({ id }) => id));
  const history = { ...study.history, searches: study.history.searches.filter(({ run }) => !running.has(run)) };
  const byBuild = new Map<string, { build: Parameters; loaded: Candidate[]; searches: SearchRecord[] }>();
  const entry = (build: Parameters) => {
    const key = parametersKey(build);
    const known = byBuild.get(key) ?? { build, loaded: [], searches: [] };
    byBuild.set(key, known);
    return known;
  };
  for (const candidate of candidates({ ...study, history })) {
    const { verdict } = candidate.judgement;
    if (verdict === 'Passed' || verdict === 'Failed') entry(candidate.configuration.build).loaded.push(candidate);
  }
  for (const search of history.searches.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    if (metricValue(search.metrics, 'recall') !== undefined && search.verdict !== 'Error') {
      entry(search.build).searches.push(search);
    }
  }
  return [...byBuild]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, outcome]) => (outcome.loaded.length === 0 ? [] : [{ ...outcome, ...bestOf(outcome.loaded, study) }]));
}

function bestOf(loaded: readonly Candidate[], { objectives }: Study): Pick<Outcome, 'best' | 'worth'> {
  const objective = objectives[0];
  if (!objective) return {};
  const best = loaded
    .filter(
      ({ judgement, metrics }) =>
        judgement.verdict === 'Passed' && metricValue(metrics, objective.metric) !== undefined,
    )
    .toSorted((a, b) => compareByObjectives(a.metrics, b.metrics, objectives))[0];
  return best ? { best, worth: worth(metricValue(best.metrics, objective.metric) as number, objective) } : {};
}
