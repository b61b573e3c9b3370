import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { cpus, setPriority } from 'node:os';
import { promisify } from 'node:util';
import type { Isolation } from '../protocol.ts';

const run = promisify(execFile);

const MEASURING_NICENESS = -10;

/** Moves all threads of a process to the given cores. Rejects where that is impossible. */
export async function pin(pid: number, cores: readonly number[]): Promise<void> {
  // `taskset -a` says nothing when there is no such process.
  process.kill(pid, 0);
  await run('taskset', ['-a', '-p', '-c', cores.join(','), String(pid)], { timeout: 5000 });
}

/**
 * Puts all threads of a process before (or back among) the machine's other work, where that is permitted: what else
 * runs on a core then disturbs a measurement less.
 */
export function prioritise(pid: number, niceness: number): void {
  try {
    // Linux's setpriority(2) is by thread.
    for (const tid of readdirSync(`/proc/${pid}/task`)) setPriority(Number(tid), niceness);
  } catch {
    // Not Linux, or not permitted: it is as it is.
  }
}

/**
 * Lets our own main thread run the moment it has something to do (SCHED_FIFO, sched(7)), where that is permitted: niceness
 * alone still waits for the end of a neighbour's slice of 3 ms. It naps whenever it has nothing to do, so nobody starves.
 */
export async function preempt(on: boolean): Promise<void> {
  const policy = on ? ['-f', '-p', '1'] : ['-o', '-p', '0'];
  await run('chrt', [...policy, String(process.pid)], { timeout: 5000 }).catch(() => undefined);
}

function allCores(): number[] {
  return cpus().map((_, core) => core);
}

/** What is done to processes; tests put their own in its place. */
export interface Machine {
  pin: typeof pin;
  prioritise: typeof prioritise;
  preempt: typeof preempt;
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
  machine: Machine = { pin, prioritise, preempt },
): Isolator {
  if (isolation === undefined) return { isolate: async () => undefined, release: async () => undefined };
  let broken = false;
  const pids = [process.pid, ...(serverPid === undefined ? [] : [serverPid])];
  const favour = (niceness: number): void => pids.forEach((pid) => machine.prioritise(pid, niceness));
  const set = async (server: readonly number[], client: readonly number[]): Promise<void> => {
    if (broken) return;
    try {
      await Promise.all([
        machine.pin(process.pid, client),
        ...(serverPid === undefined ? [] : [machine.pin(serverPid, server)]),
      ]);
    } catch (error) {
      broken = true;
      note(`engine and load generator share cores: pinning failed (${(error as Error).message.trim()})`);
    }
  };
  return {
    isolate: async () => {
      await set(isolation.serverCores, isolation.clientCores);
      favour(MEASURING_NICENESS);
      await machine.preempt(true);
    },
    release: async () => {
      await set(allCores(), allCores());
      await machine.preempt(false);
      favour(0);
    },
  };
}
