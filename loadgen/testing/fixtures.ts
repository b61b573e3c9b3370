import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareDataset } from '../datasets/prepare.ts';
import { openDataset, type Dataset } from '../datasets/dataset.ts';
import { localAccess } from '../net/access.ts';
import type { PrepareJob } from '../protocol.ts';
import type { StubBehaviour } from './stub-qdrant.ts';

/** A temporary folder, gone at the end of the block. */
export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'qdrant-bench-loadgen-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A small prepared synthetic dataset. */
export async function smallDataset(
  cacheDir: string,
  overrides: Partial<NonNullable<PrepareJob['dataset']['synthetic']>> = {},
  limit = 5,
  queries?: PrepareJob['queries'],
): Promise<{ dir: string; dataset: Dataset }> {
  const synthetic = { points: 200, dimensions: 8, queries: 20, seed: 3, distance: 'Euclid' as const, ...overrides };
  const { datasetDir } = await prepareDataset(
    { kind: 'Prepare', dataset: { synthetic }, limit, ...(queries ? { queries } : {}), cacheDir },
    { progress: () => undefined, access: localAccess({}) },
  );
  return { dir: datasetDir, dataset: await openDataset(datasetDir) };
}

/** Starts a Node process on a file of this folder and waits for its first line of output. */
export async function startScript(
  script: string,
  args: readonly string[],
  wrapper: readonly string[] = [],
): Promise<{ child: ChildProcess; line: string; stop: () => Promise<void> }> {
  const [command, ...rest] = [...wrapper, process.execPath, join(import.meta.dirname, script), ...args];
  const child = spawn(command as string, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const line = await new Promise<string>((resolve, reject) => {
    lines.once('line', resolve);
    void exited.then(() => reject(new Error(`${script} ended without a word`)));
  });
  return {
    child,
    line,
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** The stand-in for Qdrant as a process, holding a dataset's points. */
export async function startStubProcess(
  behaviour: Partial<StubBehaviour>,
  points: readonly number[][],
  wrapper: readonly string[] = [],
): Promise<{ url: string; pid: number; stop: () => Promise<void> }> {
  const { child, line, stop } = await startScript('stub-process.ts', [JSON.stringify({ behaviour, points })], wrapper);
  return { url: line, pid: child.pid as number, stop };
}
