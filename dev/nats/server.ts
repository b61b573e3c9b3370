import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureGoTools } from '../go/tools.ts';

/** A running nats-server that ends with the process that started it. */
export interface NatsServer {
  /** `nats://127.0.0.1:port` */
  url: string;
  port: number;
  /** What it has logged since it was last started, at most the last 64 KiB. */
  log(): string;
  /** Ends it in order; a folder made here is removed, and with it all streams. Safe to call twice. */
  stop(): Promise<void>;
  /** Ends it by SIGKILL, as a crash would; the store stays. */
  kill(): Promise<void>;
  /** Starts it again on the same port and store, ending it first where it runs. */
  restart(): Promise<void>;
}

export interface NatsOptions {
  /** Further lines of the configuration file, such as what operator/bus/auth.ts makes. */
  config?: string;
  /** Keeps configuration and streams between starts; made when missing. Without it a temporary one is used. */
  dir?: string;
  /** A free one is taken when absent. */
  port?: number;
}

const HOST = '127.0.0.1';
const START_SECONDS = 30;
const LOG_CHARACTERS = 65_536;

/**
 * Runs the server under a shell that waits on a pipe from this process: when the pipe ends, however this process ended,
 * the shell ends the server, and removes the folder if it was temporary. $1 folder to remove or empty, rest: the command.
 */
const WATCHDOG = `
remove=$1; shift
"$@" >&2 & server=$!
echo "$server"
read -r order
kill -TERM "$server" 2>/dev/null
wait "$server"
[ -z "$remove" ] || rm -rf "$remove"
`;

/**
 * Starts a real nats-server with JetStream on a free loopback port. Like an installation's, it syncs every write
 * (`sync_interval: always`): what it has acknowledged survives a crash. NATS_SERVER_BIN names the program where one is there.
 */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const binary = process.env['NATS_SERVER_BIN'] ?? (await ensureGoTools(['nats-server']))['nats-server'];
  const temporary = options.dir === undefined;
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'qdrant-bench-nats-'));
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const start = (port: number): Promise<Running> => {
    writeFileSync(join(dir, 'nats.conf'), configuration(dir, port, options.config ?? ''), { mode: 0o600 });
    return run(binary, dir);
  };
  let running: Running;
  try {
    running = await start(options.port ?? -1);
  } catch (error) {
    if (temporary) rmSync(dir, { recursive: true, force: true });
    throw error;
  }
  const { port } = running;
  return {
    url: `nats://${HOST}:${String(port)}`,
    port,
    log: () => running.log(),
    async stop() {
      await running.end('SIGTERM');
      if (temporary) rmSync(dir, { recursive: true, force: true });
    },
    kill: () => running.end('SIGKILL'),
    async restart() {
      await running.end('SIGTERM');
      running = await start(port);
    },
  };

  function run(binary: string, dir: string): Promise<Running> {
    return launch([binary, '-c', join(dir, 'nats.conf')], temporary ? dir : '');
  }
}

/** Port -1 lets the system choose. */
function configuration(dir: string, port: number, more: string): string {
  return `listen: "${HOST}:${String(port)}"
jetstream {
  store_dir: ${JSON.stringify(join(dir, 'jetstream'))}
  max_memory_store: 64MiB
  max_file_store: 1GiB
  sync_interval: always
}
${more}
`;
}

interface Running {
  port: number;
  log(): string;
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

async function launch(command: readonly string[], remove: string): Promise<Running> {
  const shell = spawn('/bin/sh', ['-c', WATCHDOG, 'watchdog', remove, ...command], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  }) as ChildProcessByStdio<Writable, Readable, Readable>;
  let text = '';
  shell.stderr.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString('utf8')).slice(-LOG_CHARACTERS);
  });
  const over = once(shell, 'exit');
  const pid = Number(await firstLine(shell.stdout));
  const release = async (): Promise<void> => {
    // By force, so that it removes nothing: that is for when this process ends without a word.
    shell.ref();
    shell.kill('SIGKILL');
    if (shell.exitCode === null && shell.signalCode === null) await over;
  };
  try {
    const port = await listening(
      () => text,
      () => !alive(pid),
    );
    // Neither the server nor its log keeps this process from ending.
    shell.unref();
    for (const stream of [shell.stdin, shell.stdout, shell.stderr]) (stream as unknown as { unref(): void }).unref();
    return {
      port,
      log: () => text,
      async end(signal) {
        if (alive(pid)) process.kill(pid, signal);
        while (alive(pid)) await sleep(10);
        await release();
      },
    };
  } catch (error) {
    if (alive(pid)) process.kill(pid, 'SIGKILL');
    await release();
    throw error;
  }
}

async function firstLine(stream: Readable): Promise<string> {
  for await (const line of createInterface({ input: stream })) return line;
  throw new Error('the shell that runs nats-server ended at once');
}

/** Waits for the server's own word in its log, and returns its port. */
async function listening(log: () => string, ended: () => boolean): Promise<number> {
  for (let waited = 0; waited < START_SECONDS * 50; waited += 1) {
    const port = /Listening for client connections on \S+:(\d+)/.exec(log())?.[1];
    if (port !== undefined && log().includes('Server is ready')) return Number(port);
    if (ended()) {
      // Its last words may come after its end.
      for (let n = 0; n < 25 && log() === ''; n += 1) await sleep(20);
      throw new Error(`nats-server ended while starting:\n${log()}`);
    }
    await sleep(20);
  }
  throw new Error(`nats-server was not ready after ${String(START_SECONDS)} s:\n${log()}`);
}

/** Whether a process runs; one that has ended and waits to be reaped does not. */
function alive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
