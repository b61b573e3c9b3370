import type { QuantizationSpec } from '../../crds/sweep/sweep-spec.ts';
import { canonicalBuild } from './canonical.ts';
import type { Configuration, Parameters, ParameterValue } from './configuration.ts';
import { knownParameter, PARAMETERS } from './parameters.ts';
import { quantizationBody } from './quantizations.ts';
import type { DatasetFacts } from './space.ts';

type Body = Record<string, unknown>;

/** The full body of `PUT /collections/{name}` for a build. */
export function collectionBody(
  build: Parameters,
  facts: DatasetFacts,
  quantizations: readonly QuantizationSpec[] = [],
): Body {
  const { vectors, ...rest } = nested(build, quantizations);
  return { vectors: { size: facts.dimensions, distance: facts.distance, ...(vectors as Body | undefined) }, ...rest };
}

/** What of a collection's body differs from Qdrant's defaults: `configuration.collection` in status. */
export function collectionPatch(build: Parameters, quantizations: readonly QuantizationSpec[] = []): Body {
  return nested(canonicalBuild(build), quantizations);
}

/** The body of a query's `params`; {} where all is Qdrant's default. */
export function searchParams(search: Parameters): Body {
  const inner = Object.entries(search).map(([name, value]) => [name.replace(/^params\./, ''), value] as const);
  return nested(Object.fromEntries(inner), []);
}

/** One line for people: `m=32 ef_construct=256 scalar · hnsw_ef=96 oversampling=2`. */
export function summary({ build, search }: Configuration): string {
  const first = describe(build, ['hnsw_config.m', 'hnsw_config.ef_construct', 'quantization_config']);
  const second = describe(search, ['params.hnsw_ef', 'params.quantization.oversampling']);
  if (first === '') return second === '' ? "Qdrant's defaults" : `Qdrant's defaults · ${second}`;
  return second === '' ? first : `${first} · ${second}`;
}

/** A parameter's short name: the last part of its path, or the whole path where that would be ambiguous. */
export function shortName(name: string): string {
  const tail = lastPart(name);
  const level = knownParameter(name)?.level;
  const same = PARAMETERS.filter((parameter) => parameter.level === level && lastPart(parameter.name) === tail);
  return same.length > 1 ? name : tail;
}

/** `m=32`, or the bare name of a quantization. */
export function describeParameter(name: string, value: ParameterValue): string {
  return name === 'quantization_config' ? String(value) : `${shortName(name)}=${value}`;
}

function describe(parameters: Parameters, leading: readonly string[]): string {
  const names = [...leading, ...Object.keys(parameters).filter((name) => !leading.includes(name))];
  const implied =
    'params.quantization.oversampling' in parameters && parameters['params.quantization.rescore'] === true;
  return names
    .filter((name) => parameters[name] !== undefined && !(implied && name === 'params.quantization.rescore'))
    .map((name) => describeParameter(name, parameters[name] as ParameterValue))
    .join(' ');
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

function nested(parameters: Parameters, quantizations: readonly QuantizationSpec[]): Body {
  const body: Body = {};
  for (const [name, value] of Object.entries(parameters)) {
    if (name === 'quantization_config') {
      const quantization = quantizationBody(value, quantizations);
      if (quantization) body[name] = structuredClone(quantization);
      continue;
    }
    const path = name.split('.');
    const leaf = path.pop() as string;
    let node = body;
    for (const part of path) node = (node[part] ??= {}) as Body;
    node[leaf] = value;
  }
  return body;
}
