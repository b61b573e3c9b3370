import { randomUUID } from 'node:crypto';
import { copyFile, chmod, mkdir, readdir, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { cargoBuild, EngineBuildError, findRust } from './cargo-build.ts';
import { cacheKey, cacheRoot, crateDir, prune } from './engine-cache.ts';
import { ChecksumError, downloadRelease } from './release-download.ts';
import { runProcess } from './run-process.ts';

export type EngineBinary = {
  path: string;
  source: 'env' | 'release' | 'built';
  /** The Qdrant version whose API it speaks, as `1.19.0`. */
  version: string;
};

export type EnsureOptions = {
  /** A line for the user, at most every two seconds while building. */
  onProgress?: (line: string) => void;
  signal?: AbortSignal;
  env?: NodeJS.ProcessEnv;
  /** The crate to build. */
  dir?: string;
};

/** How often a build is tried that others get in the way of. */
const buildAttempts = 3;
/** How many builds the cache keeps. */
const keptBuilds = 2;

/** What `--version` says: our server names the Qdrant version in brackets. */
export function engineVersion(text: string): string | undefined {
  return /\(qdrant (\d+\.\d+\.\d+)/.exec(text)?.[1] ?? /^qdrant (\d+\.\d+\.\d+)/.exec(text)?.[1];
}

/** The output of `binary --version`; undefined when it does not start. */
async function versionText(binary: string, signal?: AbortSignal): Promise<string | undefined> {
  try {
    const result = await runProcess(binary, ['--version'], { signal, timeoutMs: 20_000 });
    return result.code === 0 ? result.stdout : undefined;
  } catch (error) {
    if (signal?.aborted === true) throw error;
    return undefined;
  }
}

/**
 * Finds or makes a Qdrant server binary: `QDRANT_BIN`; else the release that `QDRANT_RELEASE_URL` and
 * `QDRANT_RELEASE_SHA256` name together; else a build of dev/qdrant, cached by the content of its sources.
 * Throws an `EngineBuildError` whose message says what to do, or a `ChecksumError`.
 */
export async function ensureEngineBinary(options: EnsureOptions = {}): Promise<EngineBinary> {
  const { onProgress, signal, env = process.env, dir = crateDir } = options;
  const given = env['QDRANT_BIN'];
  if (given !== undefined && given !== '') return fromEnvironment(given, signal);
  const root = cacheRoot(env);
  const released = await fromRelease(env, root, options);
  if (released !== undefined) return released;

  const builds = join(root, 'engine');
  await mkdir(builds, { recursive: true });
  const rust = await findRust({ dir, env, signal }).catch((error: unknown) => error);
  if (typeof rust !== 'string') {
    const left = await builtWithoutCompiler(builds, await cacheKey(dir, ''), signal);
    if (left !== undefined) return left;
    throw rust;
  }
  for (let attempt = 1; ; attempt += 1) {
    const key = await cacheKey(dir, rust);
    const cached = join(builds, key, 'qdrant-dev');
    const found = await builtBinary(cached, key, signal);
    if (found !== undefined) return touched(found);

    onProgress?.('building the engine from source; this takes some minutes the first time');
    const made = await cargoBuild({ dir, env, targetDir: join(root, 'target'), key, onProgress, signal });
    // Somebody who edits the sources during the build would have his work cached under the old sources' key.
    if ((await cacheKey(dir, rust)) !== key && attempt < buildAttempts) continue;
    await install(made, cached);
    const built = await builtBinary(cached, key, signal);
    if (built !== undefined) {
      await prune(builds, key, keptBuilds);
      return touched(built);
    }
    await rm(join(builds, key), { recursive: true, force: true });
    // Another checkout shares the target folder and built its own at the same time.
    if (attempt >= buildAttempts) {
      throw new EngineBuildError(
        `The engine was built but \`${made} --version\` does not name build ${key}: the binary does not run here, or ` +
          'other builds got in the way. Run the command again.',
      );
    }
  }
}

async function fromEnvironment(path: string, signal?: AbortSignal): Promise<EngineBinary> {
  const text = await versionText(path, signal);
  const version = text === undefined ? undefined : engineVersion(text);
  if (version === undefined) {
    throw new EngineBuildError(
      `QDRANT_BIN is \`${path}\`, expected a Qdrant binary whose --version answers: correct it, or unset it to build ` +
        'the engine from source.',
    );
  }
  return { path, source: 'env', version };
}

async function fromRelease(
  env: NodeJS.ProcessEnv,
  root: string,
  { onProgress, signal }: EnsureOptions,
): Promise<EngineBinary | undefined> {
  const url = env['QDRANT_RELEASE_URL'] ?? '';
  const sha256 = env['QDRANT_RELEASE_SHA256'] ?? '';
  if (url === '' && sha256 === '') return undefined;
  if (url === '' || !/^[0-9a-f]{64}$/i.test(sha256)) {
    throw new EngineBuildError(
      'QDRANT_RELEASE_URL and QDRANT_RELEASE_SHA256 (64 hex digits) only work together: set both, or neither.',
    );
  }
  const path = join(root, 'releases', sha256.toLowerCase(), 'qdrant');
  const answer = async (): Promise<EngineBinary | undefined> => {
    const version = engineVersion((await versionText(path, signal)) ?? '');
    return version === undefined ? undefined : { path, source: 'release', version };
  };
  const cached = await answer();
  if (cached !== undefined) return cached;
  try {
    await downloadRelease(url, sha256, path, { signal });
    return await answer();
  } catch (error) {
    if (error instanceof ChecksumError || signal?.aborted === true) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    onProgress?.(`no release from ${new URL(url).host} (${reason}); building instead`);
    return undefined;
  }
}

/** The binary at `path` if it starts and says it is build `key`: a damaged or foreign file is none. */
async function builtBinary(path: string, key: string, signal?: AbortSignal): Promise<EngineBinary | undefined> {
  const text = await versionText(path, signal);
  const version = text === undefined ? undefined : engineVersion(text);
  if (text === undefined || version === undefined || !text.includes(`build ${key}`)) return undefined;
  return { path, source: 'built', version };
}

/** A build of the same sources by whatever compiler, for machines that have none now. */
async function builtWithoutCompiler(
  builds: string,
  keyWithoutCompiler: string,
  signal?: AbortSignal,
): Promise<EngineBinary | undefined> {
  const sources = keyWithoutCompiler.split('-')[0];
  for (const key of await readdir(builds)) {
    if (!key.startsWith(`${sources}-`)) continue;
    const found = await builtBinary(join(builds, key, 'qdrant-dev'), key, signal);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Appears under its final name complete or not at all, whoever else installs the same build. */
async function install(from: string, target: string): Promise<void> {
  await mkdir(join(target, '..'), { recursive: true });
  const draft = `${target}.${randomUUID()}`;
  await copyFile(from, draft);
  await chmod(draft, 0o755);
  await rename(draft, target);
}

/** Marks a build as used, which keeps it when the cache is pruned. */
async function touched(binary: EngineBinary): Promise<EngineBinary> {
  const now = new Date();
  await utimes(join(binary.path, '..'), now, now).catch(() => undefined);
  return binary;
}
