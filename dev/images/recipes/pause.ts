import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProcess } from '../../qdrant/run-process.ts';
import type { MakeOptions, Recipe } from '../recipe.ts';
import { Rootfs } from '../rootfs.ts';
import { addShell } from './shell.ts';

const SOURCE = join(import.meta.dirname, 'pause.c');
/** The user Kubernetes' own pause image has. */
const USER = 65_535;

/** The same in the shell's words, for a machine without a C compiler; the shell takes in orphans by itself. */
const SCRIPT = `#!/bin/sh
trap 'exit 0' TERM INT
while :; do
  sleep 2147483647 &
  wait $!
done
`;

/** The static program, the same whenever it is compiled; undefined where no compiler makes one. Takes a moment. */
export async function compilePause({ signal, env = process.env }: MakeOptions = {}): Promise<Buffer | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'qdrant-bench-pause-'));
  const path = join(folder, 'pause');
  try {
    const flags = ['-static', '-Os', '-s', '-Wall'];
    const { code } = await runProcess('cc', [...flags, '-o', path, SOURCE], { env, signal, timeoutMs: 120_000 });
    return code === 0 ? await readFile(path) : undefined;
  } catch (error) {
    if (signal?.aborted === true) throw error;
    return undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
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
      rootfs.file('/pause', { content: compiled }, 0o755);
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
