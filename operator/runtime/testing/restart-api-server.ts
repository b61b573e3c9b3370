import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Command line and process id of the kube-apiserver that works in `dir`. */
async function findApiServer(dir: string): Promise<{ pid: number; args: string[] }> {
  for (const entry of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(entry)) continue;
    const args = (await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')).split('\0').slice(0, -1);
    if (args[0]?.endsWith('/kube-apiserver') && args.some((arg) => arg.includes(dir)))
      return { pid: Number(entry), args };
  }
  throw new Error(`no kube-apiserver works in ${dir}`);
}

/** Kills the API server of a test, leaving its etcd, and starts it again over the same data. */
export class RestartedApiServer {
  #child: ChildProcess | undefined;
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Ends it and, after `awayMs`, starts it again. It serves some seconds later. */
  async restart(awayMs: number): Promise<void> {
    const { pid, args } = await findApiServer(this.#dir);
    process.kill(pid, 'SIGKILL');
    for (let tries = 0; tries < 200 && (await isAlive(pid)); tries += 1) await sleep(50);
    await sleep(awayMs);
    this.#child = spawn(args[0] as string, args.slice(1), { stdio: 'ignore' });
    await once(this.#child, 'spawn');
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}

/** A zombie, whose parent has yet to look, is not alive. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat !== undefined && !stat.includes(') Z ');
}
