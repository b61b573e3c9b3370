import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable, Writable } from 'node:stream';
import { ensureEngineBinary, engineVersion } from './engine-binary.ts';
import { runProcess } from './run-process.ts';

export type EngineExit = { code: number | null; signal: NodeJS.Signals | null };

export type Engine = {
  /** As `http://127.0.0.1:6333`. */
  url: string;
  pid: number;
  /** The Qdrant version whose API it speaks. */
  version: string;
  /** Resolves when the process has ended, however it did. */
  exited: Promise<EngineExit>;
  /** SIGTERM, and SIGKILL ten seconds later. Resolves when it has ended; may be called twice. */
  stop(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
};

export type EngineOptions = {
  /** Default: `ensureEngineBinary()`. */
  binary?: string;
  /** Created when missing; the data stays there. */
  dataDir: string;
  host?: string;
  /** 0 picks a free one. */
  port?: number;
  /** Goes to the process by its environment, never by its arguments. */
  apiKey?: string;
  env?: NodeJS.ProcessEnv;
  /** A line the server wrote. */
  onLog?: (line: string) => void;
  /** How long it may take to load its data and serve. */
  startMs?: number;
  /** How long `stop` waits before it kills. */
  stopMs?: number;
  signal?: AbortSignal;
};

/** The server did not come up; the message holds its last words. */
export class EngineStartError extends Error {
  override readonly name = 'EngineStartError';
}

const lastWordsMs = 500;

/**
 * Starts a Qdrant server and waits until it serves. It ends with this process even when that is killed: our own server
 * watches its standard input, an official binary gets a watchdog that does.
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { dataDir, host = '127.0.0.1', port = 0, onLog, startMs = 60_000, stopMs = 10_000, signal } = options;
  const binary = options.binary ?? (await ensureEngineBinary({ signal })).path;
  const about = (await runProcess(binary, ['--version'], { signal, timeoutMs: 20_000 })).stdout;
  const version = engineVersion(about);
  if (version === undefined) throw new EngineStartError(`\`${binary} --version\` does not name a Qdrant version`);
  const ours = about.startsWith('qdrant-dev');
  // Only our server can pick a port itself, free of races.
  const chosen = port === 0 && !ours ? await freePort(host) : port;
  await mkdir(dataDir, { recursive: true });

  const child = spawn(binary, [], {
    cwd: dataDir,
    env: {
      ...process.env,
      ...options.env,
      QDRANT__SERVICE__HOST: host,
      QDRANT__SERVICE__HTTP_PORT: String(chosen),
      QDRANT__STORAGE__STORAGE_PATH: dataDir,
      QDRANT__TELEMETRY_DISABLED: 'true',
      ...(options.apiKey === undefined ? {} : { QDRANT__SERVICE__API_KEY: options.apiKey }),
      ...(ours ? { QDRANT_DEV_EXIT_ON_STDIN_EOF: '1' } : {}),
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const lastWords: string[] = [];
  const exited = new Promise<EngineExit>((resolve) => {
    child.once('exit', (code, exitSignal) => resolve({ code, signal: exitSignal }));
    child.once('error', (error) => {
      lastWords.push(error.message);
      resolve({ code: null, signal: null });
    });
  });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let over = false;
  void exited.then(() => {
    over = true;
  });
  const announced = firstAddress(child, (line) => {
    lastWords.push(line);
    if (lastWords.length > 20) lastWords.shift();
    onLog?.(line);
  });
  const watchdog = ours || child.pid === undefined ? undefined : watch(child.pid);

  const stop = async (): Promise<void> => {
    if (!over) child.kill('SIGTERM');
    const late = new AbortController();
    const killer = sleep(stopMs, undefined, { signal: late.signal, ref: false }).then(
      () => child.kill('SIGKILL'),
      () => false,
    );
    await exited;
    late.abort();
    await killer;
    watchdog?.kill('SIGKILL');
  };
  const url = ours ? announced : Promise.resolve(`http://${host}:${chosen}`);
  try {
    const address = await ready(url, exited, options.apiKey, startMs, signal);
    return { url: address, pid: child.pid ?? 0, version, exited, stop, kill: (name) => void child.kill(name) };
  } catch (error) {
    child.kill('SIGKILL');
    await exited;
    watchdog?.kill('SIGKILL');
    // Its last words may come after its end, but a child of its own may also hold the pipe open.
    await Promise.race([closed, sleep(lastWordsMs)]);
    const reason = error instanceof Error ? error.message : String(error);
    throw new EngineStartError(`the Qdrant server did not start: ${reason}\n${lastWords.join('\n')}`.trim());
  }
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Passes every line on; resolves with the address our server prints. */
function firstAddress(child: Child, onLine: (line: string) => void): Promise<string> {
  return new Promise((resolve) => {
    createInterface({ input: child.stderr }).on('line', onLine);
    createInterface({ input: child.stdout }).on('line', (line) => {
      const url = announcedUrl(line);
      if (url === undefined) onLine(line);
      else resolve(url);
    });
  });
}

/** The `url` of a JSON line such as `{"url":"http://127.0.0.1:6333"}`. */
export function announcedUrl(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || !('url' in value)) return undefined;
    return typeof value.url === 'string' ? value.url : undefined;
  } catch {
    return undefined;
  }
}

async function ready(
  url: Promise<string>,
  exited: Promise<EngineExit>,
  apiKey: string | undefined,
  startMs: number,
  signal: AbortSignal | undefined,
): Promise<string> {
  const limit = AbortSignal.timeout(startMs);
  const stopped = signal === undefined ? limit : AbortSignal.any([limit, signal]);
  const aborted = new Promise<never>((_, reject) => {
    const fail = (): void => reject(signal?.aborted ? signal.reason : new Error(`not ready after ${startMs} ms`));
    if (stopped.aborted) fail();
    else stopped.addEventListener('abort', fail, { once: true });
  });
  const died = exited.then((exit) => {
    throw new Error(`it ended with ${exit.signal ?? `exit code ${exit.code}`}`);
  });
  const serving = async (): Promise<string> => {
    const address = await url;
    const headers: Record<string, string> = apiKey === undefined ? {} : { 'api-key': apiKey };
    for (;;) {
      const answer = await fetch(`${address}/readyz`, { headers, signal: stopped }).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.status === 200) return address;
      await sleep(25, undefined, { signal: stopped });
    }
  };
  return Promise.race([serving(), died, aborted]);
}

/** Ends `pid` when this process ends: its input is a pipe that only we hold open. */
function watch(pid: number): Child {
  const script = 'cat >/dev/null; kill -TERM "$1"; sleep 5; kill -KILL "$1"';
  const watchdog = spawn('/bin/sh', ['-c', script, 'watchdog', String(pid)], { stdio: ['pipe', 'pipe', 'pipe'] });
  watchdog.unref();
  return watchdog;
}

/** A port nobody listens on now. Another process may take it before it is used. */
export function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, host, () => {
      const address = probe.address();
      probe.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error(`no free port on ${host}`));
      });
    });
  });
}
