import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Logger } from 'pino';
import { messageSchema, type Job, type Message } from '../../loadgen/protocol.ts';
import { JobLost, type JobRunner } from './job-runner.ts';

/** A message is a few kilobytes; a line beyond this is not one of ours. */
const MAX_LINE_BYTES = 1_000_000;
const GRACE_MS = 5_000;
/** As Node and the C++ runtime begin their very last words. */
const FATAL = /FATAL ERROR|Fatal process|terminate called/;

/**
 * Runs each job as a child process of this one, or several that share it: the job goes in by standard input, messages come
 * out as lines of JSON.
 */
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
    const pods = job.kind === 'Prepare' ? 1 : (job.pods ?? 1);
    const generators = Array.from({ length: pods }, (_, pod) => {
      const shared: Record<string, string> =
        pods === 1 ? {} : { QDRANT_BENCH_POD: String(pod), QDRANT_BENCH_PODS: String(pods) };
      return new Generator(this.#entry, job, { ...Object.fromEntries(texts), ...shared }, this.#log);
    });
    relay(generators);
    const [leader, ...others] = generators as [Generator, ...Generator[]];
    const { child, exited } = leader;
    const stop = (): void => generators.forEach((generator) => generator.stop());
    signal.addEventListener('abort', stop, { once: true });

    let lostOther: string | undefined;
    for (const [index, other] of others.entries()) {
      other.child.stdout.resume();
      void other.exited.then((how) => {
        if (child.exitCode !== null || how === 'exited with code 0') return;
        // What it would still have brought is missing: the others cannot go on without.
        lostOther ??= `number ${index + 1} of ${pods} ${how}${other.lastWords ? `: ${other.lastWords}` : ''}`;
        leader.stop();
      });
    }

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
      for (const other of others) void other.endSoon();
    }
    const how = await exited;
    await Promise.all(others.map((other) => other.exited));
    if (last) return last;
    signal.throwIfAborted();
    if (lostOther !== undefined) throw new JobLost(`of the load generators, ${lostOther}`);
    throw new JobLost(`the load generator ${how}${leader.lastWords ? `: ${leader.lastWords}` : ''}`);
  };
}

/** One load generator process with its job. */
class Generator {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** How it ended. */
  readonly exited: Promise<string>;
  lastWords = '';

  constructor(entry: string, job: Job, env: Readonly<Record<string, string>>, log: Logger) {
    this.child = spawn(process.execPath, [entry], {
      // The channel closes when we die, even by SIGKILL, and the child goes too.
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...env },
    }) as ChildProcessByStdio<Writable, Readable, Readable>;
    const { child } = this;
    this.exited = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(`could not be started: ${error.message}`));
      child.once('close', (code, by) => resolve(by ? `was killed by ${by}` : `exited with code ${code}`));
    });
    child.stdin.on('error', () => {}); // a child that died early is reported by its exit
    child.stdin.end(JSON.stringify(job));
    createInterface({ input: child.stderr }).on('line', (line) => {
      // A fatal error is followed by stacks and addresses that say nothing.
      if (!FATAL.test(this.lastWords)) this.lastWords = line.slice(0, 2000);
      log.debug({ job: job.kind }, line.slice(0, 2000));
    });
  }

  stop(): void {
    this.child.kill('SIGTERM');
    setTimeout(() => this.child.kill('SIGKILL'), GRACE_MS).unref();
  }

  /** One that was told that it may go does; any other is stopped. */
  async endSoon(): Promise<void> {
    const timer = setTimeout(() => this.stop(), GRACE_MS);
    await this.exited;
    clearTimeout(timer);
  }
}

/** Passes on what load generators say to one another: a machine's pods have only us in common. */
function relay(generators: readonly Generator[]): void {
  if (generators.length < 2) return;
  for (const [from, { child }] of generators.entries()) {
    child.on('message', (message: { to?: unknown; text?: unknown }) => {
      const other = generators[message.to as number]?.child;
      if (other?.connected && typeof message.text === 'string') other.send({ from, text: message.text }, () => {});
    });
  }
}

function parseMessage(line: string): Message | undefined {
  try {
    return messageSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
