import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProcess } from '../qdrant/run-process.ts';
import type { GoTool, Program } from './programs.ts';

/** The folder of this module: go.mod lies beside it. */
export const moduleDir: string = import.meta.dirname;

/** The programs can be neither found, downloaded nor built here; the message says what is missing and what to do. */
export class ToolsUnavailable extends Error {
  override readonly name = 'ToolsUnavailable';
}

/** The module, and the environment and the cancellation of the programs run there. */
export type Where = { dir: string; env: NodeJS.ProcessEnv; signal?: AbortSignal };

/** At least this long between two progress lines. */
const progressEveryMs = 2000;

/** `[major, minor]` of `go1.26.8`; undefined for anything else. */
export function goVersion(text: string): [number, number] | undefined {
  const match = /^go(\d+)\.(\d+)/.exec(text.trim());
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

/** The Go that go.mod demands, as `[1, 26]`. */
export async function demandedGo(dir: string): Promise<[number, number]> {
  const match = /^go (\d+)\.(\d+)/m.exec(await readFile(join(dir, 'go.mod'), 'utf8'));
  if (match === null) throw new Error(`${join(dir, 'go.mod')} has no line \`go N.N\``);
  return [Number(match[1]), Number(match[2])];
}

/** The Go compiler's version as `go1.26.8`. Throws `ToolsUnavailable` when there is none or it is too old. */
export async function findGo(where: Where): Promise<string> {
  const [major, minor] = await demandedGo(where.dir);
  const remedy = `Install Go ${major}.${minor} or newer (https://go.dev/dl) and run the command again.`;
  let result;
  try {
    result = await runProcess('go', ['env', 'GOVERSION'], {
      cwd: where.dir,
      env: { ...where.env, GOWORK: 'off' },
      signal: where.signal,
      timeoutMs: 120_000,
    });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new ToolsUnavailable(`Kubernetes and NATS are built from source and Go is not installed. ${remedy}`);
    }
    throw error;
  }
  const found = result.stdout.trim();
  const version = goVersion(found);
  if (version === undefined) {
    throw new ToolsUnavailable(`\`go env GOVERSION\` failed: ${result.stderr.trim() || found}. ${remedy}`);
  }
  if (version[0] < major || (version[0] === major && version[1] < minor)) {
    throw new ToolsUnavailable(`Go is ${found.slice(2)}, Kubernetes needs ${major}.${minor}. ${remedy}`);
  }
  return found;
}

/** Builds `tool` into the file `target`. Throws `ToolsUnavailable` with the compiler's last words. */
export async function goBuild(
  tool: GoTool,
  program: Program,
  target: string,
  options: Where & { onProgress?: (line: string) => void; now?: () => number },
): Promise<void> {
  const { dir, env, onProgress, signal, now = Date.now } = options;
  const stamps = Object.entries(program.stamps).map(([name, value]) => ` -X ${name}=${value}`);
  const args = ['build', '-v', '-mod=readonly', '-buildvcs=false', '-trimpath', '-ldflags', `-s -w${stamps.join('')}`];
  const started = now();
  let compiled = 0;
  let fetched = 0;
  let toldAt = started;
  const result = await runProcess('go', [...args, '-o', target, program.package], {
    cwd: dir,
    // No C: the same binary runs on this machine and in an image that has no C library.
    env: { ...env, GOWORK: 'off', CGO_ENABLED: '0' },
    signal,
    onStderr: (text) => {
      for (const line of text.split('\n')) {
        if (line.startsWith('go: downloading')) fetched += 1;
        else if (line.trim() !== '') compiled += 1;
      }
      if (now() - toldAt < progressEveryMs) return;
      toldAt = now();
      const seconds = Math.round((now() - started) / 1000);
      onProgress?.(
        compiled === 0
          ? `building ${tool}: ${fetched} modules downloaded (${seconds} s)`
          : `building ${tool}: ${compiled} packages compiled (${seconds} s)`,
      );
    },
  });
  if (result.code === 0) return;
  const tail = result.stderr.trim().split('\n').slice(-15).join('\n');
  throw new ToolsUnavailable(
    `Building ${tool} failed (${result.code ?? result.signal}). What was compiled is kept, so run the command again; if ` +
      `it fails again: Go needs a module proxy (\`go env GOPROXY\`), some 4 GiB of disk and 3 GiB of memory.\n${tail}`,
  );
}
