import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, relative } from 'node:path';

/** The folder of this module: the Rust crate lies beside it. */
export const crateDir: string = import.meta.dirname;

/** `$XDG_CACHE_HOME/qdrant-bench`, by default `~/.cache/qdrant-bench`. */
export function cacheRoot(env: NodeJS.ProcessEnv): string {
  const xdg = env['XDG_CACHE_HOME'];
  return join(xdg !== undefined && xdg !== '' ? xdg : join(homedir(), '.cache'), 'qdrant-bench');
}

/** Paths of everything that decides what `cargo build` makes, relative to `dir`, sorted. */
export async function sourceFiles(dir: string): Promise<string[]> {
  const found = ['.cargo/config.toml', 'Cargo.lock', 'Cargo.toml', 'rustc-wrapper.sh'];
  for (const entry of await readdir(join(dir, 'src'), { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) found.push(relative(dir, join(entry.parentPath, entry.name)));
  }
  return found.toSorted();
}

/**
 * Names a build by its content: 16 hex digits over the sources, a dash, 8 over the compiler. Two hashes, so that a
 * binary can be found again where no compiler is left.
 */
export async function cacheKey(dir: string, rustc: string): Promise<string> {
  const sources = createHash('sha256').update(process.arch);
  for (const path of await sourceFiles(dir)) {
    const content = await readFile(join(dir, path));
    sources.update(`${path}\0${content.length}\0`).update(content);
  }
  const compiler = createHash('sha256').update(rustc).digest('hex').slice(0, 8);
  return `${sources.digest('hex').slice(0, 16)}-${compiler}`;
}

/** Which cache entries to remove: all but `current` and the newest `keep - 1` others. */
export function staleEntries(
  entries: readonly { name: string; modifiedMs: number }[],
  current: string,
  keep: number,
): string[] {
  return entries
    .filter((entry) => entry.name !== current)
    .toSorted((a, b) => b.modifiedMs - a.modifiedMs)
    .slice(Math.max(0, keep - 1))
    .map((entry) => entry.name);
}

/** Removes old builds. A binary that still runs keeps its file until it ends. */
export async function prune(folder: string, current: string, keep: number): Promise<void> {
  const entries = [];
  for (const name of await readdir(folder)) {
    const info = await stat(join(folder, name)).catch(() => undefined);
    if (info !== undefined) entries.push({ name, modifiedMs: info.mtimeMs });
  }
  for (const name of staleEntries(entries, current, keep)) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
}
