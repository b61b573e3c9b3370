import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Addresses } from './addresses.ts';
import { identify, isAlive, type ProcessId } from './process.ts';

/** What a cluster has started and made, as far as `down` must know it. */
export type ClusterState = {
  version: 1;
  addresses: Addresses;
  /** The process that holds the cluster's network and mount namespaces. */
  holder?: ProcessId & { mountNamespace: string };
  /** By part: its process, and a digest of what it was started with. */
  parts: Record<string, ProcessId & { digest: string }>;
  /** Folders outside the state directory that were made as mount points, outermost first. */
  madeDirs: string[];
  cpuPolicy: 'static' | 'none';
};

/** The state, or undefined when there is no cluster. Throws when the file is not one. */
export async function readState(path: string): Promise<ClusterState | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  let state: unknown;
  try {
    state = JSON.parse(text);
  } catch {
    state = undefined;
  }
  if (typeof state !== 'object' || state === null || !('version' in state) || state.version !== 1) {
    throw new Error(
      `${path} is not the state of a cluster this program knows: run \`down\` of the program that made it`,
    );
  }
  return state as ClusterState;
}

export async function writeState(path: string, state: ClusterState): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
  await rename(draft, path);
}

/** How long another `up` or `down` is waited for: building may take this long. */
const waitMs = 30 * 60_000;

/**
 * Runs `work` while no other process does so for the same state directory. A lock whose process has died is taken over.
 */
export async function exclusively<T>(
  stateDir: string,
  work: () => Promise<T>,
  options: { onWait?: (pid: number) => void; signal?: AbortSignal } = {},
): Promise<T> {
  // Beside the directory, which `down` removes.
  const path = `${stateDir}.lock`;
  await mkdir(dirname(path), { recursive: true });
  const until = Date.now() + waitMs;
  let told = false;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      await writeFile(path, JSON.stringify(identify(process.pid)), { flag: 'wx' });
      break;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const owner = await readOwner(path);
    if (owner === undefined || !isAlive(owner)) {
      // A moment for an owner that has made the file and not yet written to it.
      await sleep(200);
      const again = await readOwner(path);
      if (again === undefined || !isAlive(again)) await rm(path, { force: true });
      continue;
    }
    if (!told) options.onWait?.(owner.pid);
    told = true;
    if (Date.now() > until) throw new Error(`process ${owner.pid} works on ${stateDir} for too long: end it`);
    await sleep(500);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function readOwner(path: string): Promise<ProcessId | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ProcessId;
  } catch {
    return undefined;
  }
}
