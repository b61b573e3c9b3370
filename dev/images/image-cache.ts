import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheRoot, prune } from '../qdrant/engine-cache.ts';
import { writeImage, type ImagePlan } from './oci.ts';
import { BrokenImageError, readImage } from './read-image.ts';

/** How many tars of one image the cache keeps. */
const KEPT = 2;
/** Drafts older than this were left by a process that died. */
const DRAFT_MS = 60 * 60 * 1000;

export type Cached = { tar: string; cached: boolean };

/**
 * The tar of a planned image, from the cache when it has a whole one under that name, else written: it appears under
 * its final name complete or not at all, whoever else makes the same.
 *
 * @param name the image's folder in the cache
 */
export async function cachedTar(
  name: string,
  plan: ImagePlan,
  ref: string,
  { env = process.env, signal }: { env?: NodeJS.ProcessEnv; signal?: AbortSignal } = {},
): Promise<Cached> {
  const root = join(cacheRoot(env), 'images');
  const folder = join(root, 'tars', name);
  const file = `${plan.digest.replace('sha256:', '').slice(0, 32)}.tar`;
  const tar = join(folder, file);
  if (await isWhole(tar, plan, ref, signal)) {
    // Marks it as used, which keeps it when the cache is pruned.
    await utimes(tar, new Date(), new Date()).catch(() => undefined);
    return { tar, cached: true };
  }
  const drafts = join(root, 'drafts');
  await mkdir(folder, { recursive: true });
  await mkdir(drafts, { recursive: true });
  await sweep(drafts);
  const draft = join(drafts, randomUUID());
  try {
    await writeImage(plan, ref, draft, signal);
    await rename(draft, tar);
  } finally {
    await rm(draft, { force: true });
  }
  await prune(folder, file, KEPT);
  return { tar, cached: false };
}

/** Whether the file is this very image. A damaged one is not, and is written again. */
async function isWhole(tar: string, plan: ImagePlan, ref: string, signal?: AbortSignal): Promise<boolean> {
  try {
    const found = await readImage(tar, signal);
    return found.digest === plan.digest && found.ref === ref;
  } catch (error) {
    if (error instanceof BrokenImageError) return false;
    throw error;
  }
}

async function sweep(drafts: string): Promise<void> {
  for (const name of await readdir(drafts)) {
    const info = await stat(join(drafts, name)).catch(() => undefined);
    if (info !== undefined && Date.now() - info.mtimeMs > DRAFT_MS) await rm(join(drafts, name), { force: true });
  }
}
