import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Logger } from 'pino';
import { messageSchema, type Message } from '../../loadgen/protocol.ts';
import { JobLost, type JobRunner } from './job-runner.ts';

/** A message is a few kilobytes; a line beyond this is not one of ours. */
const MAX_LINE_BYTES = 1_000_000;
const GRACE_MS = 5_000;
/** As Node and the C++ runtime begin their very last words. */
const FATAL = /FATAL ERROR|Fatal process|terminate called/;

/** Runs each job as a child process of this one: the job goes in by standard input, messages come out as lines of JSON. */
export class LocalProcessRunner implements JobRunner {
  readonly #entry: string;
  readonly #log: Logger;

  /** @param entry the load generator's entry file, started with this Node. */
  constructor(entry: string, log: Logger) {
    this.#entry = entry;
    this.#log = log;
  }

  /** Children end with their parent: nothing is ever left. */
  pending: JobRunner['pending'] = () => Promise.resolve(undefined);
  discard: JobRunner['discard'] = () => Promise.resolve();

  run: JobRunner['run'] = async (job, { onMessage, secrets, signal }) => {
    signal.throwIfAborted();
    const texts = Object.entries(secrets ?? {}).map(([name, secret]): [string, string] => {
      if (typeof secret === 'string') return [name, secret];
      throw new TypeError(`${name} refers to a Secret, and here there are none: expected its text`);
    });
    const child = spawn(process.execPath, [this.#entry], {
      // The channel closes when we die, even by SIGKILL, and the child goes too.
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...Object.fromEntries(texts) },
    }) as ChildProcessByStdio<Writable, Readable, Readable>;
    const exited = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(`could not be started: ${error.message}`));
      child.once('close', (code, by) => resolve(by ? `was killed by ${by}` : `exited with code ${code}`));
    });
    const stop = (): void => {
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref();
    };
    signal.addEventListener('abort', stop, { once: true });
    child.stdin.on('error', () => {}); // a child that died early is reported by its exit
    child.stdin.end(JSON.stringify(job));

    let lastWords = '';
    createInterface({ input: child.stderr }).on('line', (line) => {
      // A fatal error is followed by stacks and addresses that say nothing.
      if (!FATAL.test(lastWords)) lastWords = line.slice(0, 2000);
      this.#log.debug({ job: job.kind }, lastWords);
    });

    let last: Extract<Message, { type: 'done' | 'failed' }> | undefined;
    try {
      for await (const line of createInterface({ input: child.stdout, crlfDelay: Infinity })) {
        if (line.length > MAX_LINE_BYTES)
          throw new JobLost(`the load generator sent a line of ${line.length} characters`);
        const message = parseMessage(line);
        if (!message) {
          this.#log.warn({ line: line.slice(0, 200) }, 'not a message of the load generator');
          continue;
        }
        await onMessage(message);
        if (message.type === 'done' || message.type === 'failed') last = message;
      }
    } finally {
      signal.removeEventListener('abort', stop);
      if (child.exitCode === null && child.signalCode === null && !last) stop();
    }
    const how = await exited;
    if (last) return last;
    signal.throwIfAborted();
    throw new JobLost(`the load generator ${how}${lastWords ? `: ${lastWords}` : ''}`);
  };
}

function parseMessage(line: string): Message | undefined {
  try {
    return messageSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
