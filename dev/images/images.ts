import { cachedTar } from './image-cache.ts';
import { ImageChangedError, planImage } from './oci.ts';
import type { MakeOptions, Recipe } from './recipe.ts';
import { bench } from './recipes/bench.ts';
import { coredns, localPathProvisioner, nats } from './recipes/go-programs.ts';
import { pause } from './recipes/pause.ts';
import { postgres } from './recipes/postgres.ts';
import { qdrantDev } from './recipes/qdrant-dev.ts';
import { tools } from './recipes/shell.ts';

/** No such host exists, so that nothing ever tries to pull these. */
export const REGISTRY = 'qdrant-bench.local';

export const RECIPES = {
  pause,
  tools,
  bench,
  nats,
  postgres,
  'qdrant-dev': qdrantDev,
  coredns,
  'local-path-provisioner': localPathProvisioner,
} as const satisfies Record<string, Recipe>;

export type ImageName = keyof typeof RECIPES;

export const IMAGE_NAMES = Object.keys(RECIPES) as ImageName[];

export type BuiltImage = {
  /** Absolute path of an OCI image layout in a tar, for `ctr -n k8s.io images import`. */
  tar: string;
  /** The name it is imported under, `qdrant-bench.local/…:…`: what a pod's `image` says. */
  ref: string;
};

/** How often an image is tried whose files change while it is made. */
const ATTEMPTS = 3;

/**
 * Makes container images of what is on this machine, without a container engine and without an image to start from.
 * Each is kept in the user's cache by the digest of its content; making it again from the same content only reads it.
 *
 * Throws what the recipes throw: the message says what is missing and how to get it.
 */
export async function buildImages<const N extends ImageName>(
  names: readonly N[],
  options: MakeOptions = {},
): Promise<Record<N, BuiltImage>> {
  const built: Partial<Record<ImageName, BuiltImage>> = {};
  for (const name of names) {
    if (built[name] === undefined) built[name] = await buildImage(name, RECIPES[name], options);
  }
  return built as Record<N, BuiltImage>;
}

/** Makes one image from a recipe, of ours or not. `name` is its folder in the cache. */
export async function buildImage(name: string, recipe: Recipe, options: MakeOptions = {}): Promise<BuiltImage> {
  const { onProgress, signal } = options;
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    onProgress?.(`image ${name}: reading what goes into it`);
    const made = await recipe.make(options);
    const plan = await planImage(made.spec, signal);
    const suffix = made.tagByContent ? `-${plan.digest.replace('sha256:', '').slice(0, 8)}` : '';
    const ref = `${REGISTRY}/${recipe.repository}:${made.version}${suffix}`;
    try {
      const { tar, cached } = await cachedTar(name, plan, ref, options);
      onProgress?.(`image ${name}: ${cached ? 'unchanged' : 'written'}, ${ref}`);
      return { tar, ref };
    } catch (error) {
      // Somebody edits the sources meanwhile.
      if (!(error instanceof ImageChangedError) || attempt === ATTEMPTS) throw error;
    }
  }
}
