import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { promisify } from 'node:util';
import type { Isolation } from '../protocol.ts';

const run = promisify(execFile);

/** Moves all threads of a process to the given cores. Rejects where that is impossible. */
export async function pin(pid: number, cores: readonly number[]): Promise<void> {
  // `taskset -a` says nothing when there is no such process.
  process.kill(pid, 0);
  await run('taskset', ['-a', '-p', '-c', cores.join(','), String(pid)], { timeout: 5000 });
}

function allCores(): number[] {
  return cpus().map((_, core) => core);
}

export interface Isolator {
  /** Gives engine and load generator their own cores. */
  isolate(): Promise<void>;
  /** Lets both use all cores again, as while building. */
  release(): Promise<void>;
}

/**
 * Keeps the engine's threads and our own on different cores while load is measured. Where that can't be done
 * (no `taskset`, not permitted, not this machine) it goes on without, and says so once.
 */
export function makeIsolator(
  isolation: Isolation | undefined,
  serverPid: number | undefined,
  note: (text: string) => void,
  move: typeof pin = pin,
): Isolator {
  if (isolation === undefined) return { isolate: async () => undefined, release: async () => undefined };
  let broken = false;
  const set = async (server: readonly number[], client: readonly number[]): Promise<void> => {
    if (broken) return;
    try {
      await Promise.all([move(process.pid, client), ...(serverPid === undefined ? [] : [move(serverPid, server)])]);
    } catch (error) {
      broken = true;
      note(`engine and load generator share cores: pinning failed (${(error as Error).message.trim()})`);
    }
  };
  return {
    isolate: () => set(isolation.serverCores, isolation.clientCores),
    release: () => set(allCores(), allCores()),
  };
}
