import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { existsSync } from 'node:fs';
import { runProcess } from '../qdrant/run-process.ts';

/** How many programs one `ldd` is asked about: its answer must fit into what is kept of a process's output. */
const ASKED_AT_ONCE = 20;
/** Parts of glibc that it loads by itself to look names up; older versions keep them apart from libc. */
const NAME_SERVICE = ['libnss_files.so.2', 'libnss_dns.so.2', 'libresolv.so.2'];

/**
 * The shared libraries in the output of `ldd`, loader included: absolute paths as the loader finds them, none for a
 * static program.
 *
 * @throws when a library is missing; the message names it and the program
 */
export function librariesIn(output: string, program: string): string[] {
  const found = new Set<string>();
  let asked = program;
  for (const line of output.split('\n')) {
    // Asked about several programs, ldd heads each one's lines with its name.
    asked = /^(\/.*):$/.exec(line)?.[1] ?? asked;
    const missing = /^\s*(\S+) => not found/.exec(line);
    if (missing !== null) {
      throw new Error(`${asked} needs the library ${missing[1] ?? ''}, which this machine does not have: install it`);
    }
    const path = /^\s*(?:\S+ => )?(\/\S+) \(0x[0-9a-f]+\)/.exec(line)?.[1];
    if (path !== undefined) found.add(path);
  }
  return [...found];
}

/**
 * What a program needs to start, besides itself, with all that its libraries need: path in the image → file of this
 * machine. Several programs share one list. Libraries under `except` are left out.
 */
export async function sharedLibraries(
  programs: readonly string[],
  options: { except?: string; signal?: AbortSignal } = {},
): Promise<Map<string, string>> {
  const libraries = new Map<string, string>();
  for (let at = 0; at < programs.length; at += ASKED_AT_ONCE) {
    const asked = programs.slice(at, at + ASKED_AT_ONCE);
    const result = await runProcess('ldd', asked, { env: { ...process.env, LC_ALL: 'C' }, signal: options.signal });
    const said = `${result.stdout}\n${result.stderr}`;
    // "not a dynamic executable" comes with exit code 1.
    if (result.code !== 0 && !said.includes('not a dynamic executable')) {
      throw new Error(`ldd could not read ${asked.join(', ')}: ${said.trim()}`);
    }
    for (const path of librariesIn(result.stdout, asked[0] ?? '')) {
      if (options.except !== undefined && path.startsWith(`${options.except}/`)) continue;
      libraries.set(path, await realpath(path));
    }
  }
  const libc = [...libraries.keys()].find((path) => basename(path) === 'libc.so.6');
  for (const name of libc === undefined ? [] : NAME_SERVICE) {
    const path = join(dirname(libc ?? ''), name);
    if (existsSync(path)) libraries.set(path, await realpath(path));
  }
  return libraries;
}
