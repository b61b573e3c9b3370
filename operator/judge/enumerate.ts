import { canonicalBuild, parametersKey } from './canonical.ts';
import type { Parameters } from './configuration.ts';
import { seededRandom } from './prng.ts';
import type { DatasetFacts, Space } from './space.ts';

/** Spaces up to this many builds are looked at whole, larger ones by sample. */
export const MAX_ENUMERATED = 1024;

/** How many builds the space has before equal ones fall together; may exceed 2⁵³ and then is not exact. */
export function buildCount({ build }: Pick<Space, 'build'>): number {
  return build.reduce((product, { values }) => product * values.length, 1);
}

/** Canonical builds of the space, each effect once, the last dimension varying fastest. Lazy: a space may be astronomically large. */
export function* trialBuilds(space: Space, facts: DatasetFacts): Generator<Parameters, void> {
  const { build: dimensions, fixed } = space;
  if (dimensions.some(({ values }) => values.length === 0)) return;
  const seen = new Set<string>();
  const at = dimensions.map(() => 0);
  for (;;) {
    const chosen = dimensions.map(({ name, values }, i) => [name, values[at[i] as number]] as const);
    const build = canonicalBuild({ ...fixed, ...Object.fromEntries(chosen) } as Parameters, facts);
    const key = parametersKey(build);
    if (!seen.has(key)) {
      seen.add(key);
      yield build;
    }
    let i = dimensions.length - 1;
    while (i >= 0 && at[i] === (dimensions[i]?.values.length ?? 0) - 1) at[i--] = 0;
    if (i < 0) return;
    at[i] = (at[i] as number) + 1;
  }
}

/** Up to `count` different builds drawn at random. */
export function sampledBuilds(space: Space, facts: DatasetFacts, count: number, seed: number): Parameters[] {
  const random = seededRandom(seed, 1);
  const drawn = new Map<string, Parameters>();
  for (let i = 0; i < 4 * count && drawn.size < count; i += 1) {
    const chosen = space.build.map(({ name, values }) => [name, values[Math.floor(random() * values.length)]] as const);
    const build = canonicalBuild({ ...space.fixed, ...Object.fromEntries(chosen) } as Parameters, facts);
    drawn.set(parametersKey(build), build);
  }
  return [...drawn.values()];
}

/** Builds that differ from the given one in one dimension of the space. */
export function neighbours(build: Parameters, space: Space, facts: DatasetFacts): Parameters[] {
  return space.build.flatMap(({ name, values }) =>
    values.map((value) => canonicalBuild({ ...space.fixed, ...build, [name]: value }, facts)),
  );
}

/** The builds a model may choose from: all of them, or a sample with the neighbours of the given ones. */
export function buildsToConsider(
  space: Space,
  facts: DatasetFacts,
  seed: number,
  around: readonly Parameters[],
): Parameters[] {
  if (buildCount(space) <= MAX_ENUMERATED) return [...trialBuilds(space, facts)];
  const all = [
    ...around.flatMap((build) => neighbours(build, space, facts)),
    ...sampledBuilds(space, facts, MAX_ENUMERATED / 2, seed),
  ];
  return [...new Map(all.map((build) => [parametersKey(build), build])).values()];
}
