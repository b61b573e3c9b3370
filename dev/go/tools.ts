import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheRoot, prune } from '../qdrant/engine-cache.ts';
import { runProcess } from '../qdrant/run-process.ts';
import { findGo, goBuild, moduleDir, ToolsUnavailable } from './go-build.ts';
import { type GoTool, programs } from './programs.ts';
import { fetchRelease, readPins } from './releases.ts';

export { ToolsUnavailable } from './go-build.ts';
export { type GoTool, goTools } from './programs.ts';

export type EnsureToolsOptions = {
  /** A line for the user, at most every two seconds while building. */
  onProgress?: (line: string) => void;
  signal?: AbortSignal;
  env?: NodeJS.ProcessEnv;
  /** Where go.mod, go.sum and releases.json are. */
  dir?: string;
};

/** How many sets of programs the cache keeps: some hundred megabytes each. */
const keptSets = 2;

/**
 * Finds or makes Go programs and returns their absolute paths: from the cache; else the project's own release where
 * dev/go/releases.json pins its SHA-256 and the network has it; else built from dev/go. The API server takes some
 * minutes the first time. Throws `ToolsUnavailable`, whose message says what to do, or a `PinMismatch`.
 */
export async function ensureGoTools<Name extends GoTool>(
  names: readonly Name[],
  options: EnsureToolsOptions = {},
): Promise<Record<Name, string>> {
  const { onProgress, signal, env = process.env, dir = moduleDir } = options;
  const root = join(cacheRoot(env), 'go-tools');
  const sources = await sourcesKey(dir);
  const found = new Map<Name, string>();
  const missing: Name[] = [];
  await Promise.all(
    [...new Set(names)].map(async (name) => {
      const path = await cached(name, root, sources, signal);
      if (path === undefined) missing.push(name);
      else found.set(name, path);
    }),
  );
  if (missing.length > 0) {
    const pins = await readPins(join(dir, 'releases.json'));
    const memory = join(cacheRoot(env), 'release-servers');
    for (const name of names.filter((name) => missing.includes(name) && !found.has(name))) {
      const path =
        (await released(name, join(root, `${sources}-release`), { memory, pins, onProgress, signal })) ??
        (await built(name, root, sources, { dir, env, onProgress, signal }));
      found.set(name, path);
    }
  }
  for (const path of found.values()) {
    const now = new Date();
    await utimes(dirname(path), now, now).catch(() => undefined);
  }
  const current = [...found.values()][0];
  if (missing.length > 0 && current !== undefined) await prune(root, dirname(current).slice(root.length + 1), keptSets);
  return Object.fromEntries(found) as Record<Name, string>;
}

/** Whether all of these are in the cache, so that `ensureGoTools` needs neither Go nor a network. */
export async function haveGoTools(
  names: readonly GoTool[],
  { signal, env = process.env, dir = moduleDir }: EnsureToolsOptions = {},
): Promise<boolean> {
  const root = join(cacheRoot(env), 'go-tools');
  const sources = await sourcesKey(dir);
  const paths = await Promise.all(names.map((name) => cached(name, root, sources, signal)));
  return paths.every((path) => path !== undefined);
}

/** Names a set of programs by what decides their content: 16 hex digits. */
async function sourcesKey(dir: string): Promise<string> {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${JSON.stringify(programs)}`);
  for (const file of ['go.mod', 'go.sum']) hash.update(await readFile(join(dir, file)));
  return hash.digest('hex').slice(0, 16);
}

/** The program from any set of these sources, whoever compiled it: a machine without Go can still run it. */
async function cached(name: GoTool, root: string, sources: string, signal?: AbortSignal): Promise<string | undefined> {
  const sets = await readdir(root).catch(() => []);
  for (const set of sets.filter((set) => set.startsWith(`${sources}-`)).toSorted()) {
    const path = join(root, set, name);
    if (await answers(name, path, signal)) return path;
  }
  return undefined;
}

/** Whether the file at `path` starts and is the right version of `name`: a damaged or foreign file is not. */
async function answers(name: GoTool, path: string, signal?: AbortSignal): Promise<boolean> {
  const { args, says } = programs[name].version;
  try {
    const result = await runProcess(path, args, { signal, timeoutMs: 60_000 });
    return result.code === 0 && `${result.stdout}${result.stderr}`.includes(says);
  } catch (error) {
    if (signal?.aborted === true) throw error;
    return false;
  }
}

async function released(
  name: GoTool,
  set: string,
  options: {
    memory: string;
    pins: Readonly<Record<string, string>>;
    onProgress?: (line: string) => void;
    signal?: AbortSignal;
  },
): Promise<string | undefined> {
  const { memory, pins, onProgress, signal } = options;
  const program = programs[name];
  const system = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  const pin = pins[`${name} ${program.version.says} ${system}`];
  if (program.release === undefined || pin === undefined) return undefined;
  const url = program.release(system);
  const path = join(set, name);
  onProgress?.(`fetching ${name}`);
  if (await fetchRelease(url, pin, path, { memory, signal })) {
    if (await answers(name, path, signal)) return path;
    await rm(path, { force: true });
  }
  onProgress?.(`no release of ${name} from ${new URL(url).host}; building it instead`);
  return undefined;
}

async function built(
  name: GoTool,
  root: string,
  sources: string,
  options: { dir: string; env: NodeJS.ProcessEnv; onProgress?: (line: string) => void; signal?: AbortSignal },
): Promise<string> {
  const compiler = createHash('sha256')
    .update(await findGo(options))
    .digest('hex')
    .slice(0, 8);
  const set = join(root, `${sources}-${compiler}`);
  await mkdir(set, { recursive: true });
  const path = join(set, name);
  const draft = `${path}.${randomUUID()}.part`;
  options.onProgress?.(`building ${name} from source; this takes some minutes the first time`);
  try {
    await goBuild(name, programs[name], draft, options);
    // Appears under its final name complete or not at all, whoever else builds the same.
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
  if (await answers(name, path, options.signal)) return path;
  await rm(path, { force: true });
  const { args, says } = programs[name].version;
  throw new ToolsUnavailable(
    `${name} was built but \`${name} ${args.join(' ')}\` does not say ${says}: the binary does not run here, or go.mod ` +
      'and dev/go/programs.ts name different versions. Run the command again; if it stays, compare the two.',
  );
}
