import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process of ours. The start time (clock ticks since boot) tells it from a later one that got the same id. */
export type ProcessId = { pid: number; startTime: string };

/** The state letter and the start time of process `pid`; undefined when there is none. Linux only. */
function processStat(pid: number): { state: string; startTime: string } | undefined {
  try {
    // The name, in brackets, may hold anything; the fields are counted from behind it (proc_pid_stat(5)).
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return { state: fields[0] ?? '', startTime: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

/** Identifies a process that runs now; undefined when it does not. */
export function identify(pid: number): ProcessId | undefined {
  const stat = processStat(pid);
  return stat === undefined || stat.state === 'Z' ? undefined : { pid, startTime: stat.startTime };
}

/** Whether this very process still runs. A zombie does not. */
export function isAlive(id: ProcessId): boolean {
  return identify(id.pid)?.startTime === id.startTime;
}

/** Starts a program that outlives this process, with its output appended to the file `log`. */
export async function startDetached(
  command: string,
  args: readonly string[],
  options: { log: string; env?: NodeJS.ProcessEnv; cwd?: string },
): Promise<ProcessId> {
  await mkdir(dirname(options.log), { recursive: true });
  const output = await open(options.log, 'a', 0o600);
  try {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
    });
    const pid = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('spawn', () => resolve(child.pid ?? 0));
    });
    child.unref();
    return identify(pid) ?? { pid, startTime: 'ended' };
  } finally {
    await output.close();
  }
}

/** Ends a process: SIGTERM, SIGKILL `graceMs` later. Resolves when it is gone; does nothing when it is already. */
export async function stopProcess(id: ProcessId, graceMs = 10_000): Promise<void> {
  const send = (signal: NodeJS.Signals): void => {
    try {
      if (isAlive(id)) process.kill(id.pid, signal);
    } catch (error) {
      // It ended in between.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  };
  send('SIGTERM');
  const killAt = Date.now() + graceMs;
  while (isAlive(id)) {
    if (Date.now() > killAt) send('SIGKILL');
    if (Date.now() > killAt + 20_000) throw new Error(`process ${id.pid} does not end, even by SIGKILL`);
    await sleep(20);
  }
}

/** The last lines of a log file, for an error message. */
export async function lastWords(log: string, lines = 12): Promise<string> {
  const file = await open(log, 'r').catch(() => undefined);
  if (file === undefined) return `(no log at ${log})`;
  try {
    const { size } = await file.stat();
    const length = Math.min(size, 16_384);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8').trim().split('\n').slice(-lines).join('\n');
  } finally {
    await file.close();
  }
}
