import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { SweepStatus } from '../crds/sweep/sweep-status.ts';
import { cli } from './cli.ts';
import type { SearchRow } from './sweep-object.ts';

/** What a command said and how it ended. */
export interface Said {
  code: number;
  out: string;
  err: string;
}

/** Runs a command line in this process. */
export async function inProcess(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  signal?: AbortSignal,
): Promise<Said> {
  let [out, err] = ['', ''];
  const code = await cli(args, {
    env: { ...process.env, ...env },
    out: (text) => void (out += text),
    progress: { write: (text) => void (err += text), isTerminal: false, columns: 120, now: Date.now },
    signal: signal ?? new AbortController().signal,
  });
  return { code, out, err };
}

/** Runs a command line as a process of its own; with `killAfterMs` it is killed by SIGKILL then, and `code` is 137. */
export function asProcess(args: readonly string[], killAfterMs?: number): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code: signal === 'SIGKILL' ? 137 : (code ?? 143), out, err });
    });
  });
}

/** What `--output json` prints. */
export interface Printed {
  status: SweepStatus;
  searches: SearchRow[];
}

export const printed = (said: Said): Printed => JSON.parse(said.out) as Printed;

/** A folder that goes when the tests are over. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'qdrant-bench-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A sweep's YAML of a spec. */
export function sweepYaml(name: string, spec: Record<string, unknown>): string {
  return stringify({
    apiVersion: 'qdrantbench.io/v1alpha1',
    kind: 'QdrantSweep',
    metadata: { name },
    spec: { target: { kubernetes: {} }, ...spec },
  });
}

/** A sweep small enough for tests and still on real graphs: its grid is fixed, so its search ids are too. */
export const SMALL_SPEC = {
  dataset: { synthetic: { points: 4000, dimensions: 32, queries: 100, seed: 3, clusters: 20 } },
  workload: { duration: '300ms', warmup: '100ms', repeats: 1 },
  parameters: [
    { name: 'hnsw_config.m', numbers: [8, 24] },
    { name: 'params.hnsw_ef', numbers: [16, 64, 256] },
  ],
  constraints: { recall: { min: 0.9 } },
  judge: { strategy: 'Grid' },
  budget: { builds: 3 },
};
