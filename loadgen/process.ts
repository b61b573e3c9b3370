import { readFile } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { destination, pino } from 'pino';
import { errorText } from './job-error.ts';
import { localAccess } from './net/access.ts';
import { ipcWire, type IpcPort } from './peers/ipc-wire.ts';
import { PeerLink } from './peers/link.ts';
import { lineWriter } from './publish.ts';
import { EXIT, runJob } from './run-job.ts';

/** The parts of a process that are used, so that tests can play it. */
export interface ProcessPort {
  argv: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  stdin: Readable;
  stdout: Writable;
  on(event: 'SIGTERM' | 'SIGINT' | 'disconnect', listener: () => void): unknown;
  /** The IPC channel to whoever started it, where there is one. */
  ipc?: IpcPort;
}

const HELP = `node loadgen/main.ts [JOB.json]

Carries out one load generator job, read from a file or from standard input as JSON (loadgen/protocol.ts has its shape),
and writes its messages to standard output, one a line; logs go to standard error. Meant to be started by qdrant-bench.
Exit codes: 0 done, 1 failed, 143 stopped.
`;

/** A job is at most this long: bodies and searches, no data. */
const MAX_JOB_BYTES = 16 * 2 ** 20;

/**
 * The load generator as a process: one job from the file named as first argument, or from standard input; messages as
 * lines on standard output; logs on standard error. It ends with whoever started it: when the IPC channel closes, or,
 * with QDRANT_BENCH_WATCH_STDIN=1 and the job in a file, when standard input does; and when nobody reads its messages.
 * @returns the exit code.
 */
export async function runProcess(
  port: ProcessPort,
  log: { info(text: string): void; error(text: string): void } = pino(
    { name: 'loadgen' },
    destination({ dest: 2, sync: true }),
  ),
): Promise<number> {
  const abort = new AbortController();
  const stop = (why: string) => (): void => {
    if (abort.signal.aborted) return;
    log.info(`stopping: ${why}`);
    abort.abort(new Error(why));
  };
  port.on('SIGTERM', stop('asked by SIGTERM'));
  port.on('SIGINT', stop('asked by SIGINT'));
  port.on('disconnect', stop('the parent process is gone'));
  port.stdout.on('error', stop('nobody reads the messages'));

  const path = port.argv[2];
  if (path === '--help' || path === '-h') {
    port.stdout.write(HELP);
    return EXIT.done;
  }
  let text: string;
  try {
    text = path === undefined ? await readAll(port.stdin) : await readFile(path, 'utf8');
  } catch (error) {
    log.error(`the job could not be read: ${errorText(error)}`);
    return EXIT.failed;
  }
  if (path !== undefined && port.env.QDRANT_BENCH_WATCH_STDIN === '1') {
    port.stdin.on('end', stop('standard input has ended')).on('error', stop('standard input broke')).resume();
  }
  const publish = lineWriter(port.stdout);
  const [pod, pods] = [Number(port.env.QDRANT_BENCH_POD ?? 0), Number(port.env.QDRANT_BENCH_PODS ?? 1)];
  const peers = pods > 1 && port.ipc ? new PeerLink({ wire: ipcWire(port.ipc), pod, pods }) : undefined;
  const gone = new Promise<number>((resolve) => {
    abort.signal.addEventListener('abort', () => setTimeout(resolve, GRACE_MS, EXIT.terminated).unref(), {
      once: true,
    });
  });
  // Whatever does not heed the signal in time is left behind by the exit.
  const context = {
    publish,
    signal: abort.signal,
    note: (note: string) => log.info(note),
    access: localAccess(port.env),
    ...(peers ? { peers } : {}),
  };
  try {
    return await Promise.race([runJob(text, context), gone]);
  } finally {
    peers?.close();
  }
}

const GRACE_MS = 3000;

async function readAll(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer | string>) {
    const piece = Buffer.from(chunk);
    bytes += piece.length;
    if (bytes > MAX_JOB_BYTES) throw new Error(`longer than ${MAX_JOB_BYTES} bytes`);
    chunks.push(piece);
  }
  return Buffer.concat(chunks).toString('utf8');
}
