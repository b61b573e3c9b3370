import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { chownSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { postgresPrograms, publicDirectory } from './binaries.ts';

/** A running Postgres server that ends with the process that started it. */
export interface PostgresServer {
  /** `postgres://user:password@127.0.0.1:port/postgres` */
  url: string;
  port: number;
  /** The postmaster's process id. */
  pid: number;
  /** Ends it in order; a data folder made here is removed. Safe to call twice. */
  stop(): Promise<void>;
  /** Ends it and all its children with SIGKILL, as a crash would; the data folder stays. */
  crash(): Promise<void>;
}

export interface PostgresOptions {
  /** Kept between starts, with its password; made when missing. Without it a temporary one is used. */
  dataDir?: string;
  /** A free one is taken when absent. */
  port?: number;
}

const HOST = '127.0.0.1';
const USER = 'postgres';
/** nobody: Postgres refuses to run as root. */
const UNPRIVILEGED = 65_534;
const START_SECONDS = 60;

/**
 * Runs Postgres under a shell that waits on a pipe from this process: when the pipe ends, however this process ended,
 * the shell stops the server, and removes the folder if it was temporary. $1 folder to remove or empty, rest: the command.
 */
const WATCHDOG = `
remove=$1; shift
"$@" >&2 & server=$!
echo "$server"
read -r order
kill -QUIT "$server" 2>/dev/null
wait "$server"
[ -z "$remove" ] || rm -rf "$remove"
`;

/** Starts a real Postgres on a free loopback port, with a random password; also when run as root. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const asRoot = process.getuid?.() === 0;
  const identity = asRoot ? { uid: UNPRIVILEGED, gid: UNPRIVILEGED } : {};
  const programs = postgresPrograms(asRoot);
  const temporary = options.dataDir === undefined;
  const folder = options.dataDir ?? mkdtempSync(join(publicDirectory(), 'qdrant-bench-pg-'));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (asRoot) chownSync(folder, UNPRIVILEGED, UNPRIVILEGED);
  try {
    const password = await initialise(programs, folder, identity);
    for (let attempt = 1; ; attempt += 1) {
      const port = options.port ?? (await freePort());
      try {
        return await run({ programs, folder, port, password, identity, temporary });
      } catch (error) {
        // Another process may take the port between our look and the server's bind.
        if (attempt === 3 || !String(error).includes('could not bind')) throw error;
      }
    }
  } catch (error) {
    if (temporary) rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

type Identity = { uid?: number; gid?: number };

/** Makes the cluster unless it is there, and returns its superuser's password. */
async function initialise(programs: string, folder: string, identity: Identity): Promise<string> {
  const passwordFile = join(folder, 'password');
  const data = join(folder, 'data');
  if (existsSync(join(data, 'PG_VERSION'))) return readFileSync(passwordFile, 'utf8');
  rmSync(data, { recursive: true, force: true });
  const password = randomBytes(18).toString('base64url');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (identity.uid !== undefined) chownSync(passwordFile, identity.uid, identity.gid ?? identity.uid);
  const settings = ['--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'];
  await promisify(execFile)(
    join(programs, 'bin', 'initdb'),
    [`--pgdata=${data}`, `--username=${USER}`, `--pwfile=${passwordFile}`, ...settings],
    { ...identity, cwd: folder, env: environment() },
  );
  return password;
}

interface Start {
  programs: string;
  folder: string;
  port: number;
  password: string;
  identity: Identity;
  temporary: boolean;
}

async function run({ programs, folder, port, password, identity, temporary }: Start): Promise<PostgresServer> {
  const settings = {
    listen_addresses: HOST,
    port: String(port),
    unix_socket_directories: '',
    max_connections: '50',
    shared_buffers: '16MB',
    // Survives the server's crash; only a crash of the machine could lose something.
    fsync: 'off',
  };
  const shell = spawn(
    '/bin/sh',
    [
      '-c',
      WATCHDOG,
      'watchdog',
      temporary ? folder : '',
      join(programs, 'bin', 'postgres'),
      '-D',
      join(folder, 'data'),
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    { ...identity, cwd: folder, env: environment(), stdio: ['pipe', 'pipe', 'pipe'], detached: true },
  );
  const ended = once(shell, 'exit');
  const pid = Number(await firstLine(shell.stdout));
  try {
    await ready(shell.stderr, () => shell.exitCode !== null || !alive(pid));
  } catch (error) {
    shell.stdin.end();
    await ended;
    throw error;
  }
  // Neither the server nor its log keeps this process from ending.
  shell.unref();
  for (const stream of [shell.stdin, shell.stdout, shell.stderr]) (stream as unknown as { unref?(): void }).unref?.();
  shell.stderr.resume();

  const finish = async (): Promise<void> => {
    shell.ref();
    shell.stdin.end();
    if (shell.exitCode === null && shell.signalCode === null) await ended;
  };
  return {
    url: `postgres://${USER}:${password}@${HOST}:${String(port)}/postgres`,
    port,
    pid,
    async stop() {
      await end(pid, 'SIGINT');
      await finish();
    },
    async crash() {
      const family = [pid, ...children(pid)];
      await Promise.all(family.map((member) => end(member, 'SIGKILL')));
      if (!temporary) await finish();
    },
  };
}

/** Postgres looks at few variables; what names a server elsewhere must not reach it. */
function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' };
}

async function firstLine(stream: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: stream })) return line;
  throw new Error('the shell that runs Postgres ended at once');
}

/** Waits for the server's own word in its log. */
async function ready(log: NodeJS.ReadableStream, ended: () => boolean): Promise<void> {
  let text = '';
  const heard = Promise.withResolvers<void>();
  const listen = (chunk: Buffer): void => {
    text = (text + chunk.toString('utf8')).slice(-10_000);
    if (text.includes('ready to accept connections')) heard.resolve();
  };
  log.on('data', listen);
  try {
    for (let waited = 0; waited < START_SECONDS * 20; waited += 1) {
      const done = await Promise.race([heard.promise.then(() => true), sleep(50, false)]);
      if (done) return;
      if (ended()) throw new Error(`Postgres ended while starting:\n${text}`);
    }
    throw new Error(`Postgres was not ready after ${String(START_SECONDS)} s:\n${text}`);
  } finally {
    log.off('data', listen);
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, HOST);
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free loopback port');
  return address.port;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Signals a process and waits until it is gone. */
async function end(pid: number, signal: NodeJS.Signals): Promise<void> {
  if (alive(pid)) process.kill(pid, signal);
  while (alive(pid)) await sleep(10);
}

function children(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/stat`, 'utf8')
          .replace(/^\d+ \(.*\) \S /s, '')
          .startsWith(`${String(pid)} `);
      } catch {
        return false;
      }
    })
    .map(Number);
}
