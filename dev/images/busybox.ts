import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { existsSync } from 'node:fs';
import { cacheRoot } from '../qdrant/engine-cache.ts';
import { runProcess } from '../qdrant/run-process.ts';
import type { MakeOptions } from './recipe.ts';

const PACKAGE = 'busybox-static';

/** Debian's wget crashes as soon as it starts: a command that is missing is found out sooner than a broken one. */
const BROKEN_APPLETS = new Set(['wget']);

export type Busybox = {
  /** A static binary. */
  path: string;
  /** Where each of its commands goes: `/bin/sh`, `/usr/bin/env`. */
  links: string[];
};

/**
 * Finds a static busybox on this machine, or fetches Debian's package with apt and unpacks it into the cache.
 *
 * @throws when there is neither; the message says what to install
 */
export async function ensureBusybox({ onProgress, signal, env = process.env }: MakeOptions = {}): Promise<Busybox> {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'busybox');
    const links = existsSync(path) && (await isStatic(path, env, signal)) ? await applets(path, signal) : undefined;
    if (links !== undefined) return { path, links };
  }
  const home = join(cacheRoot(env), 'images', 'busybox');
  const path = join(home, 'busybox');
  const cached = await applets(path, signal);
  if (cached !== undefined) return { path, links: cached };

  onProgress?.(`fetching ${PACKAGE} from Debian`);
  await fetchPackage(home, env, signal);
  const links = await applets(path, signal);
  if (links === undefined) throw unobtainable('its binary does not start here');
  return { path, links };
}

/** The commands a busybox has, as absolute paths; undefined when it does not start. */
async function applets(path: string, signal?: AbortSignal): Promise<string[] | undefined> {
  try {
    const { code, stdout } = await runProcess(path, ['--list-full'], { signal, timeoutMs: 20_000 });
    const names = stdout.split('\n').filter((line) => /^(?:usr\/)?s?bin\/\S+$/.test(line));
    if (code !== 0 || !names.includes('bin/sh')) return undefined;
    return names.filter((name) => !BROKEN_APPLETS.has(name.split('/').at(-1) ?? '')).map((name) => `/${name}`);
  } catch (error) {
    if (signal?.aborted === true) throw error;
    return undefined;
  }
}

async function isStatic(path: string, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<boolean> {
  const { stdout, stderr } = await runProcess('ldd', [path], { env: { ...env, LC_ALL: 'C' }, signal });
  return /not a dynamic executable|statically linked/.test(stdout + stderr);
}

async function fetchPackage(home: string, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<void> {
  const draft = `${home}.${randomUUID()}`;
  const run = async (command: string, args: string[], cwd: string): Promise<void> => {
    const { code, stderr } = await runProcess(command, args, { cwd, env, signal, timeoutMs: 300_000 }).catch(
      (error: unknown) => {
        if (signal?.aborted === true) throw error;
        throw unobtainable(`${command} cannot be started`);
      },
    );
    if (code !== 0) throw unobtainable(`\`${command} ${args.join(' ')}\` ended with ${String(code)}: ${stderr.trim()}`);
  };
  await mkdir(draft, { recursive: true });
  try {
    await run('apt-get', ['download', '--quiet', PACKAGE], draft);
    const archive = (await readdir(draft)).find((name) => name.endsWith('.deb'));
    if (archive === undefined) throw unobtainable('apt-get download left no package');
    await run('dpkg', ['-x', archive, 'unpacked'], draft);
    await mkdir(home, { recursive: true });
    await rename(join(draft, 'unpacked', 'bin', 'busybox'), join(home, 'busybox'));
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

const unobtainable = (reason: string): Error =>
  new Error(`No static busybox, which the images take their shell from (${reason}). Install ${PACKAGE}.`);
