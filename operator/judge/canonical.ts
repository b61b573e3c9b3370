import { mayBeIndexed, mayUseGraph } from './collection-size.ts';
import type { Configuration, Parameters, ParameterValue } from './configuration.ts';
import { defaultOf } from './parameters.ts';
import { rescoresByDefault } from './quantizations.ts';
import type { DatasetFacts } from './space.ts';

/** Qdrant's default `ef_construct`, which is also the `hnsw_ef` of a search that names none. */
export const DEFAULT_EF = Number(defaultOf('hnsw_config.ef_construct'));

/** Build parameters that only matter where a graph is built. */
const GRAPH_PARAMETERS = [
  'hnsw_config.m',
  'hnsw_config.ef_construct',
  'hnsw_config.payload_m',
  'hnsw_config.full_scan_threshold',
  'hnsw_config.max_indexing_threads',
];

/**
 * The one way to write a build: names sorted, Qdrant's defaults left out, what has no effect left out.
 * With facts about the data, graph settings are left out too where certainly nothing is indexed.
 */
export function canonicalBuild(build: Parameters, facts?: DatasetFacts): Parameters {
  const kept = new Map<string, ParameterValue>(Object.entries(build).filter(([, value]) => value !== undefined));
  for (const group of ['hnsw_config', 'vectors']) {
    if (kept.has(`${group}.memory`)) kept.delete(`${group}.on_disk`);
  }
  const m = kept.get('hnsw_config.m') ?? defaultOf('hnsw_config.m');
  if (kept.get('hnsw_config.payload_m') === m) kept.delete('hnsw_config.payload_m');
  if (m === 0 && !kept.get('hnsw_config.payload_m')) {
    for (const name of GRAPH_PARAMETERS) if (name !== 'hnsw_config.m') kept.delete(name);
  }
  if (facts && !mayBeIndexed(build, facts)) for (const name of GRAPH_PARAMETERS) kept.delete(name);
  return sorted([...kept].filter(([name, value]) => value !== defaultOf(name)));
}

/**
 * The one way to write a search of a build. Two searches that the engine cannot tell apart become one:
 * - a search without `hnsw_ef` walks with the build's `ef_construct`;
 * - the beam is max(hnsw_ef, limit, ⌊limit × oversampling⌋), as in the engine's graph search, with or without rescoring;
 * - oversampling without rescoring widens the beam and does nothing else, so it becomes a wider beam;
 * - quantization settings mean nothing without quantization, and nothing but `exact` matters where it is set;
 * - with facts about the data, graph settings are left out where certainly no graph is used.
 *
 * What is left is explicit: `hnsw_ef` is absent only where it is Qdrant's default of 100 and the build's `ef_construct` is
 * too, so that {} stays {}.
 */
export function canonicalSearch(
  search: Parameters,
  build: Parameters,
  limit: number,
  facts?: DatasetFacts,
): Parameters {
  const quantization = build.quantization_config ?? 'none';
  const quantized = quantization !== 'none';
  const graph = mayUseGraph(build, facts);
  const result: [string, ParameterValue][] = [];

  if (search['params.indexed_only'] === true) result.push(['params.indexed_only', true]);
  if (search['params.exact'] === true) {
    if (graph || quantized) result.push(['params.exact', true]);
    return sorted(result);
  }

  const ignored = quantized && search['params.quantization.ignore'] === true;
  const active = quantized && !ignored;
  if (ignored) result.push(['params.quantization.ignore', true]);

  const asked = search['params.quantization.rescore'];
  const byDefault = rescoresByDefault(quantization);
  const rescore = active ? (asked ?? byDefault) : false;
  const oversampling = active ? Number(search['params.quantization.oversampling'] ?? 1) : 1;
  const candidates = Math.max(limit, Math.floor(limit * oversampling));
  if (candidates > limit && rescore !== false) {
    const shortest = candidates / limit;
    const exact = Math.floor(limit * shortest) === candidates;
    result.push(['params.quantization.oversampling', exact ? shortest : oversampling]);
    if (rescore === true) result.push(['params.quantization.rescore', true]);
  } else if (active && asked !== undefined && asked !== byDefault) {
    result.push(['params.quantization.rescore', asked]);
  }

  if (graph) {
    const efConstruct = Number(build['hnsw_config.ef_construct'] ?? DEFAULT_EF);
    const beam = Math.max(Number(search['params.hnsw_ef'] ?? efConstruct), candidates);
    if (beam !== DEFAULT_EF || efConstruct !== DEFAULT_EF) result.push(['params.hnsw_ef', beam]);
    if (search['params.acorn.enable'] === true) {
      result.push(['params.acorn.enable', true]);
      const selectivity = search['params.acorn.max_selectivity'];
      if (selectivity !== undefined && selectivity !== defaultOf('params.acorn.max_selectivity')) {
        result.push(['params.acorn.max_selectivity', selectivity]);
      }
    }
  }
  return sorted(result);
}

/** Both halves in their canonical form. */
export function canonical(
  configuration: Configuration,
  { limit, facts }: { limit: number; facts?: DatasetFacts },
): Configuration {
  const build = canonicalBuild(configuration.build, facts);
  return { build, search: canonicalSearch(configuration.search, build, limit, facts) };
}

/** The beam of a canonical search: `hnsw_ef`, or Qdrant's default where it is absent. */
export function beamOf(search: Parameters): number {
  return Number(search['params.hnsw_ef'] ?? DEFAULT_EF);
}

/** A stable text for parameters, whatever the order of their names. */
export function parametersKey(parameters: Parameters): string {
  return JSON.stringify(Object.entries(parameters).toSorted(byName));
}

/** A stable text for a configuration: equal exactly when build and search are. Meant for canonical ones. */
export function configurationKey({ build, search }: Configuration): string {
  return `${parametersKey(build)}${parametersKey(search)}`;
}

function sorted(entries: [string, ParameterValue][]): Parameters {
  return Object.fromEntries(entries.toSorted(byName));
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
