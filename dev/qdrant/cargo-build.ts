import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runProcess } from './run-process.ts';

/** The engine crate's language level. */
const oldestCargo = [1, 95] as const;

const remedy =
  'Install Rust 1.95 or newer (https://rustup.rs, or `rustup update stable`), ' +
  'or set QDRANT_BIN to a Qdrant binary you have, or use a server that runs already with --qdrant URL.';

/** The engine cannot be built here; the message says what is missing and what to do. */
export class EngineBuildError extends Error {
  override readonly name = 'EngineBuildError';
}

/** `[major, minor]` of `cargo 1.95.0 (…)`; undefined for anything else. */
export function cargoVersion(text: string): [number, number] | undefined {
  const match = /^cargo (\d+)\.(\d+)\./.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

/** Throws an `EngineBuildError` unless `cargo --version` said something new enough. */
export function checkCargoVersion(text: string): void {
  const version = cargoVersion(text);
  if (version === undefined) {
    throw new EngineBuildError(`\`cargo --version\` says \`${text.trim()}\`, expected a version. ${remedy}`);
  }
  const [major, minor] = version;
  if (major < oldestCargo[0] || (major === oldestCargo[0] && minor < oldestCargo[1])) {
    throw new EngineBuildError(`cargo is ${major}.${minor}, the engine needs ${oldestCargo.join('.')}. ${remedy}`);
  }
}

/** The crate, and the environment and the cancellation of the programs run there. */
type Where = { dir: string; env: NodeJS.ProcessEnv; signal?: AbortSignal };

async function ask(command: string, args: string[], where: Where): Promise<string> {
  const result = await runProcess(command, args, {
    cwd: where.dir,
    env: where.env,
    signal: where.signal,
    timeoutMs: 60_000,
  });
  if (result.code !== 0) {
    throw new EngineBuildError(`\`${command} ${args.join(' ')}\` failed: ${result.stderr.trim()}. ${remedy}`);
  }
  return result.stdout;
}

/** The compiler's full version text. Throws an `EngineBuildError` when there is no usable Rust. */
export async function findRust(where: Where): Promise<string> {
  try {
    checkCargoVersion(await ask('cargo', ['--version'], where));
    return await ask('rustc', ['-vV'], where);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new EngineBuildError(`The engine is built from source and cargo is not installed. ${remedy}`);
    }
    throw error;
  }
}

/** The latest `crates done/total` and crate name in cargo's progress output; undefined when there is none. */
export function cargoProgress(text: string): { done: number; total: number; crate: string } | undefined {
  const last = [...text.matchAll(/\]\s+(\d+)\/(\d+): ([^\r\n]+)/g)].at(-1);
  if (last === undefined) return undefined;
  const crate = (last[3] ?? '').split(',')[0] ?? '';
  // Escape sequences follow the names on the progress line.
  return { done: Number(last[1]), total: Number(last[2]), crate: crate.split('\u001b')[0]?.trim() ?? '' };
}

/** At least this long between two progress lines. */
const progressEveryMs = 2000;

/**
 * Builds the crate in `dir` and returns the binary's path inside `targetDir`. Cargo itself locks `targetDir`, by a lock
 * that dies with its process, so builders wait for each other. `key` is compiled in, and `--version` prints it.
 */
export async function cargoBuild(
  options: Where & {
    targetDir: string;
    key: string;
    onProgress?: (line: string) => void;
    now?: () => number;
  },
): Promise<string> {
  const { dir, env, targetDir, key, onProgress, signal, now = Date.now } = options;
  await mkdir(targetDir, { recursive: true });
  let toldAt = -Infinity;
  const result = await runProcess('cargo', ['build', '--release', '--locked'], {
    cwd: dir,
    signal,
    env: {
      ...env,
      CARGO_TARGET_DIR: targetDir,
      // The user's own wrapper (sccache, say) would take the place of the one the crate needs.
      RUSTC_WRAPPER: join(dir, 'rustc-wrapper.sh'),
      CARGO_TERM_PROGRESS_WHEN: 'always',
      CARGO_TERM_PROGRESS_WIDTH: '100',
      QDRANT_DEV_BUILD_KEY: key,
    },
    onStderr: (text) => {
      const progress = cargoProgress(text);
      if (progress === undefined || now() - toldAt < progressEveryMs) return;
      toldAt = now();
      onProgress?.(`building the engine: crate ${progress.done} of ${progress.total} (${progress.crate})`);
    },
  });
  if (result.code !== 0) {
    const tail = result.stderr.trim().split('\n').slice(-20).join('\n');
    throw new EngineBuildError(`cargo build of the engine failed (${result.code ?? result.signal}):\n${tail}`);
  }
  return join(targetDir, 'release', 'qdrant-dev');
}
