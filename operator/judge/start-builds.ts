import { canonicalBuild, parametersKey } from './canonical.ts';
import type { Parameters, ParameterValue } from './configuration.ts';
import { buildCount, buildsToConsider, MAX_ENUMERATED, sampledBuilds } from './enumerate.ts';
import { distance, encoderOf } from './features.ts';
import { defaultOf } from './parameters.ts';
import { shuffled, seededRandom } from './prng.ts';
import type { DatasetFacts, Dimension, Space } from './space.ts';

/** How many builds, the baseline included, are chosen without looking at measurements. */
export const START_BUILDS = 4;

/** A build to begin with and why, in one sentence without numbers. */
export interface StartBuild {
  build: Parameters;
  why: string;
}

/** A wish: what a build of the portfolio should have; what the space lacks is taken from its nearest value. */
interface Wish {
  build: Parameters;
  why: string;
}

const GRAPH_ALONE: Wish = {
  build: {},
  why: "the same as Qdrant's defaults but for the thresholds, so that a graph is used at all",
};

/**
 * Configurations that are good on many datasets, from the simplest change to the boldest: a small fixed portfolio tried
 * first gets most of what a warm start can give.
 */
const PORTFOLIO: readonly Wish[] = [
  {
    build: { quantization_config: 'scalar' },
    why: 'the default graph with scalar quantization: a quarter of the bytes to read for little recall',
  },
  {
    build: { quantization_config: 'turbo.bits4' },
    why: 'the default graph with an eighth of the bytes to read, rescored where that is needed',
  },
  {
    build: { 'hnsw_config.m': 32, 'hnsw_config.ef_construct': 200, quantization_config: 'scalar' },
    why: 'a denser graph built with more care: a narrower beam may then be enough',
  },
  {
    build: { 'hnsw_config.m': 8, 'hnsw_config.ef_construct': 200, quantization_config: 'scalar' },
    why: 'a sparser graph: cheaper steps, if the data are easy',
  },
];

/**
 * The builds a sweep begins with: Qdrant's defaults, then the portfolio as far as the space has it, then builds far from
 * all these. A function of space, data and seed alone: a sweep taken up again begins with the same ones.
 * May be fewer than START_BUILDS when the space is small.
 */
export function startBuilds(space: Space, facts: DatasetFacts, seed: number): StartBuild[] {
  const chosen = new Map<string, StartBuild>();
  const add = (build: Parameters, why: string) => {
    const key = parametersKey(build);
    if (chosen.size < START_BUILDS && !chosen.has(key)) chosen.set(key, { build, why });
  };
  add({}, "Qdrant's defaults come first: all else is compared with them");
  if (space.build.some(({ values }) => values.length === 0)) return [...chosen.values()];
  const wishes = Object.keys(space.fixed).length > 0 ? [GRAPH_ALONE, ...PORTFOLIO] : PORTFOLIO;
  for (const { build, why } of wishes) {
    const nearest = nearestInSpace(build, space, facts);
    if (nearest) add(nearest, why);
  }
  const pool = shuffled(
    buildCount(space) <= MAX_ENUMERATED
      ? buildsToConsider(space, facts, seed, [])
      : sampledBuilds(space, facts, 512, seed),
    seededRandom(seed, 2),
  );
  const { encode } = encoderOf([...pool, ...[...chosen.values()].map(({ build }) => build)]);
  while (chosen.size < START_BUILDS) {
    const known = [...chosen.values()].map(({ build }) => encode(build));
    let farthest: { build: Parameters; away: number } | undefined;
    for (const build of pool) {
      const away = Math.min(...known.map((point) => distance(point, encode(build))));
      if (away > 0 && (!farthest || away > farthest.away)) farthest = { build, away };
    }
    if (!farthest) break;
    add(farthest.build, 'the build farthest from those before it: it tells most about the space');
  }
  return [...chosen.values()];
}

/** The wish with each value replaced by the space's nearest; undefined when it asks for a name the space does not have. */
function nearestInSpace(wish: Parameters, space: Space, facts: DatasetFacts): Parameters | undefined {
  const build: Record<string, ParameterValue> = { ...space.fixed };
  for (const dimension of space.build) {
    const wanted = wish[dimension.name] ?? defaultOf(dimension.name);
    const value = nearestValue(dimension, wanted);
    const named = typeof wanted === 'string' && wish[dimension.name] !== undefined;
    if (named && value !== wanted) return undefined;
    build[dimension.name] = value;
  }
  return canonicalBuild(build, facts);
}

function nearestValue({ values }: Dimension, wanted: ParameterValue | undefined): ParameterValue {
  if (typeof wanted !== 'number')
    return values.includes(wanted as ParameterValue) ? (wanted as ParameterValue) : (values[0] as ParameterValue);
  const away = (value: ParameterValue) => Math.abs(Math.log2(1 + Number(value)) - Math.log2(1 + wanted));
  return values.reduce((nearest, value) => (away(value) < away(nearest) ? value : nearest));
}
