import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { existsSync } from 'node:fs';
import { cacheRoot, prune } from '../../qdrant/engine-cache.ts';
import { runProcess } from '../../qdrant/run-process.ts';
import type { MakeOptions, Recipe } from '../recipe.ts';
import { Rootfs } from '../rootfs.ts';
import { addShell } from './shell.ts';

const SOURCE = join(import.meta.dirname, 'pause.c');
/** The user Kubernetes' own pause image has. */
const USER = 65_535;
const KEPT_BUILDS = 2;

/** The same in the shell's words, for a machine without a C compiler; the shell takes in orphans by itself. */
const SCRIPT = `#!/bin/sh
trap 'exit 0' TERM INT
while :; do
  sleep 2147483647 &
  wait $!
done
`;

/** The static program, compiled once for each source; undefined where no compiler makes one. */
export async function compilePause({ signal, env = process.env }: MakeOptions = {}): Promise<string | undefined> {
  const key = createHash('sha256')
    .update(process.arch)
    .update(await readFile(SOURCE))
    .digest('hex')
    .slice(0, 16);
  const home = join(cacheRoot(env), 'images', 'pause');
  const path = join(home, key);
  if (existsSync(path)) return path;
  await mkdir(home, { recursive: true });
  const draft = `${path}.${randomUUID()}`;
  try {
    const flags = ['-static', '-Os', '-s', '-Wall', '-Werror'];
    const { code } = await runProcess('cc', [...flags, '-o', draft, SOURCE], { signal, timeoutMs: 120_000 });
    if (code !== 0) return undefined;
    await rename(draft, path);
  } catch (error) {
    if (signal?.aborted === true) throw error;
    return undefined;
  } finally {
    await rm(draft, { force: true });
  }
  await prune(home, key, KEPT_BUILDS);
  return path;
}

export const pause: Recipe = {
  repository: 'pause',
  summary: 'sleeps, so that a pod keeps its network',
  async make(options) {
    const compiled = await compilePause(options);
    const rootfs = new Rootfs();
    if (compiled === undefined) {
      await addShell(rootfs, options);
      rootfs.file('/pause', { content: SCRIPT }, 0o755);
    } else {
      rootfs.file('/pause', { file: compiled }, 0o755);
    }
    return {
      version: '1',
      tagByContent: false,
      spec: {
        layers: [rootfs.entries()],
        config: { Entrypoint: ['/pause'], Env: ['PATH=/bin'], WorkingDir: '/', User: `${USER}:${USER}` },
      },
    };
  },
};
