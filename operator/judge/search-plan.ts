import { beamOf, canonicalSearch, parametersKey } from './canonical.ts';
import type { Parameters } from './configuration.ts';
import { MAX_SEARCHES } from './check-parameters.ts';
import type { RunRole } from './history.ts';
import type { Study } from './study.ts';

/** One search to measure on a build. `Always`: under load whatever its recall; `Boundary`: if `boundary` chooses it. */
export interface SearchOfBuild {
  /** Canonical. */
  search: Parameters;
  load: 'Always' | 'Boundary';
}

/**
 * The searches to measure on a build: every combination of the space, each effect once. It depends on the space and the
 * build alone, never on what was measured, so that a sweep taken up again asks for the same ones.
 * The baseline's default search comes first and is always loaded.
 * @throws {RangeError} when the space has more than MAX_SEARCHES combinations; `checkParameters` reports it before.
 */
export function planSearches(
  study: Pick<Study, 'space' | 'limit' | 'dataset'>,
  build: Parameters,
  role: Exclude<RunRole, 'Final'>,
): SearchOfBuild[] {
  const { space, limit, dataset } = study;
  const planned = new Map<string, SearchOfBuild>();
  const add = (search: Parameters, load: SearchOfBuild['load']) => {
    const canonical = canonicalSearch(search, build, limit, dataset);
    const key = parametersKey(canonical);
    if (!planned.has(key)) planned.set(key, { search: canonical, load });
  };
  if (role === 'Baseline') add({}, 'Always');
  let combinations: Parameters[] = [{}];
  for (const { name, values } of space.search) {
    combinations = combinations.flatMap((search) => values.map((value) => ({ ...search, [name]: value })));
    if (combinations.length > MAX_SEARCHES) {
      throw new RangeError(`the space has more than ${MAX_SEARCHES} searches on each build; give fewer values`);
    }
  }
  for (const search of combinations) add(withRescoring(search), 'Boundary');
  if (planned.size === 0) add({}, 'Boundary');
  return [...planned.values()];
}

/** Who varies oversampling means it with rescoring, which Qdrant does by itself only for some quantizations. */
function withRescoring(search: Parameters): Parameters {
  const oversampled = Number(search['params.quantization.oversampling'] ?? 1) > 1;
  const told = search['params.quantization.rescore'] !== undefined;
  return oversampled && !told ? { ...search, 'params.quantization.rescore': true } : search;
}

/** What is known of a search before it is loaded. */
export interface ProbedSearch {
  id: string;
  /** Canonical. */
  search: Parameters;
  recall: number;
  /** Answers per second of the closed-loop recall phase: only its order matters. */
  probeRate: number;
}

/**
 * Which searches of a build are worth loading, best first: of each group that differs only in the beam the narrowest that
 * reaches the recall, and of those the `count` fastest. When none reaches it, the one nearest to it: there is always one.
 * Independent of the order of the searches.
 */
export function boundary(searches: readonly ProbedSearch[], recallMin: number, count: number): string[] {
  const finite = (value: number) => (Number.isFinite(value) ? value : -1);
  const groups = new Map<string, ProbedSearch>();
  for (const search of searches) {
    if (!(search.recall >= recallMin)) continue;
    const { 'params.hnsw_ef': _, ...others } = search.search;
    const key = parametersKey(others);
    const chosen = groups.get(key);
    if (!chosen || narrowerFirst(search, chosen) < 0) groups.set(key, search);
  }
  if (groups.size > 0) {
    return [...groups.values()]
      .toSorted((a, b) => finite(b.probeRate) - finite(a.probeRate) || compareText(a.id, b.id))
      .slice(0, Math.max(1, count))
      .map(({ id }) => id);
  }
  return searches
    .toSorted(
      (a, b) =>
        finite(b.recall) - finite(a.recall) || finite(b.probeRate) - finite(a.probeRate) || compareText(a.id, b.id),
    )
    .slice(0, 1)
    .map(({ id }) => id);

  function narrowerFirst(a: ProbedSearch, b: ProbedSearch): number {
    return beamOf(a.search) - beamOf(b.search) || finite(b.probeRate) - finite(a.probeRate) || compareText(a.id, b.id);
  }
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
