import { setTimeout as sleep } from 'node:timers/promises';
import { NatsError, type ConsumerConfig, type JetStreamManager, type Msg, type NatsConnection } from 'nats';
import type { Logger } from 'pino';
import { effects } from '../runtime/effects.ts';
import { jobCredentials, type BusKeys } from './auth.ts';
import type { Bus, ConsumeOptions, FinalMessage } from './bus.ts';
import { decodeMessage } from './decode.ts';
import { backOff, busError, NatsLink, unless } from './nats-link.ts';
import { deliveries, pull, respond } from './pull.ts';
import { differs, RESULTS_SECONDS, WANTED_STREAMS } from './streams.ts';
import { consumerName, STREAMS, subjectOf, type JobAddress, type StreamKind } from './subjects.ts';

export interface NatsBusOptions {
  /** `nats://host:port` */
  url: string;
  keys: BusKeys;
  log: Logger;
  /** Seconds without a word of ours after which a result is delivered again, so to a process that follows a dead one. Default 15. */
  ackWaitSeconds?: number;
}

/** What has passed, for metrics. */
export interface BusCounts {
  /** Results handled and acknowledged. */
  results: number;
  /** Results delivered for a second time or more. */
  redelivered: number;
  /** Progress and series handled. */
  series: number;
  /** What was no message of the protocol. */
  garbage: number;
  /** Times `onMessage` rejected. */
  errors: number;
}

/** Longest wait (ms) of a question that does not go on for ever. */
const ANSWER_MS = 15_000;
/** In a millisecond. */
const NANOSECONDS = 1_000_000;
/** JetStream's `err_code`s. */
const NOT_FOUND: readonly (number | undefined)[] = [10_014, 10_037, 10_059];

/** The bus over NATS JetStream. Only it, nats-link.ts and pull.ts use the `nats` package here. */
export class NatsBus implements Bus {
  readonly counts: BusCounts = { results: 0, redelivered: 0, series: 0, garbage: 0, errors: 0 };
  readonly #options: NatsBusOptions;
  readonly #link: NatsLink;
  readonly #ackWaitMs: number;

  constructor(options: NatsBusOptions) {
    this.#options = options;
    this.#ackWaitMs = (options.ackWaitSeconds ?? 15) * 1000;
    this.#link = new NatsLink({ url: options.url, creds: options.keys.operatorCreds, log: options.log });
  }

  /** Whether NATS answers now, as far as is known. */
  get connected(): boolean {
    return this.#link.connected;
  }

  async ready(signal: AbortSignal): Promise<void> {
    await this.#persist('prepare the streams', signal, async (connection) => {
      await this.#ensureStreams(await manager(connection));
    });
  }

  credentials(job: JobAddress, expiresAt: Date): Promise<string> {
    return jobCredentials(this.#options.keys, { ...job, expiresAt });
  }

  async consume(job: JobAddress, options: ConsumeOptions): Promise<FinalMessage> {
    options.signal.throwIfAborted();
    const over = new AbortController();
    const series = this.#follow('series', job, {
      ...options,
      signal: AbortSignal.any([options.signal, over.signal]),
    }).catch(() => undefined);
    try {
      return await this.#follow('results', job, options);
    } finally {
      over.abort();
      await series;
    }
  }

  hasFinal(job: JobAddress): Promise<boolean> {
    return this.#ask('look for the end of a job', async (connection) => {
      const { final, consumed } = await finalOf(await manager(connection), job);
      return final !== undefined && !consumed;
    });
  }

  forget(job: JobAddress): Promise<void> {
    return this.#ask('forget a job', async (connection) => forget(await manager(connection), job));
  }

  forgetAll(namespace: string, prefix: string): Promise<void> {
    return this.#ask('forget the jobs of a sweep', async (connection) => {
      const jsm = await manager(connection);
      const jobs = await jobsOf(jsm, namespace);
      for (const job of jobs) if (job.startsWith(prefix)) await forget(jsm, { namespace, job });
    });
  }

  async close(): Promise<void> {
    await this.#link.close();
  }

  async #ensureStreams(jsm: JetStreamManager): Promise<void> {
    for (const wanted of WANTED_STREAMS) {
      const found = await jsm.streams.info(wanted.name).catch(unlessMissing);
      if (!found) await effects.perform('bus create stream', () => jsm.streams.add(wanted));
      else if (differs(found.config, wanted)) {
        await effects.perform('bus change stream', () =>
          jsm.streams.update(wanted.name, { ...found.config, ...wanted }),
        );
      }
    }
  }

  /** A question with an end: tried again while NATS does not answer, for ANSWER_MS. */
  async #ask<T>(what: string, question: (connection: NatsConnection) => Promise<T>): Promise<T> {
    return this.#persist(what, AbortSignal.timeout(ANSWER_MS), question);
  }

  /** Tries until it succeeds. @throws {BusError} the last reason when the signal aborts. */
  async #persist<T>(what: string, signal: AbortSignal, step: (connection: NatsConnection) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      const connection = await this.#link.connection(signal);
      try {
        return await unless(step(connection), signal, this.#link.lost);
      } catch (error) {
        const why = busError(error, this.#options.url);
        if (signal.aborted) throw why;
        this.#options.log.warn(
          { reason: why.reason, err: error, what },
          'NATS did not do what was asked; trying again',
        );
        await sleep(backOff(attempt), undefined, { signal }).catch(() => undefined);
        if (signal.aborted) throw why;
      }
    }
  }

  /** Handles a job's messages on one stream until its final one, through every loss of connection, stream or consumer. */
  async #follow(kind: StreamKind, job: JobAddress, options: ConsumeOptions): Promise<FinalMessage> {
    const { signal } = options;
    const log = this.#options.log.child({ ...job, stream: STREAMS[kind] });
    for (let failures = 0; ; failures += 1) {
      try {
        const connection = await this.#link.connection(signal);
        const { lost } = this.#link;
        const jsm = await unless(manager(connection), signal, lost);
        await unless(this.#ensureStreams(jsm), signal, lost);
        if (kind === 'results') {
          const { final, consumed } = await unless(finalOf(jsm, job), signal, lost);
          if (final && consumed) return final;
        }
        const wanted = consumerConfig(kind, job, this.#ackWaitMs);
        const made = effects.perform('bus create consumer', () => jsm.consumers.add(STREAMS[kind], wanted));
        await unless(made, signal, lost);
        for (;;) {
          const found = await pull(connection, kind, job, signal, lost);
          failures = 0;
          if (!found) continue;
          const handled = await this.#handle(connection, kind, found, options, log);
          if (handled) return handled;
          signal.throwIfAborted();
        }
      } catch (error) {
        signal.throwIfAborted();
        if (this.#link.closed) throw busError(error, this.#options.url);
        const level = failures === 2 ? 'warn' : 'debug';
        log[level]({ err: error, failures }, 'reading from NATS broke off; beginning again');
        await sleep(backOff(failures), undefined, { signal }).catch(() => undefined);
        signal.throwIfAborted();
      }
    }
  }

  /** Handles one message and says so to NATS. @returns it if it was the last. */
  async #handle(
    connection: NatsConnection,
    kind: StreamKind,
    found: Msg,
    { onMessage, onError, signal }: ConsumeOptions,
    log: Logger,
  ): Promise<FinalMessage | undefined> {
    const delivery = deliveries(found);
    if (delivery > 1) this.counts.redelivered += 1;
    const decoded = decodeMessage(found.data);
    if ('garbage' in decoded) {
      this.counts.garbage += 1;
      log.warn({ why: decoded.garbage, bytes: found.data.length }, 'dropped what is no message of a load generator');
      if (kind === 'results') respond(found, 'drop', '+TERM no message of the protocol');
      return undefined;
    }
    const { message } = decoded;
    // A slow commit is no reason to deliver again.
    const working = setInterval(() => kind === 'results' && respond(found, 'in progress', '+WPI'), this.#ackWaitMs / 3);
    try {
      await onMessage(message);
    } catch (error) {
      this.counts.errors += 1;
      log.warn({ err: error, type: message.type, delivery }, 'a message could not be handled');
      onError?.(error);
      const delay = signal.aborted ? 0 : backOff(delivery - 1);
      if (kind === 'results') respond(found, 'nak', `-NAK {"delay":${Math.round(delay * NANOSECONDS)}}`);
      return undefined;
    } finally {
      clearInterval(working);
    }
    if (kind === 'series') {
      this.counts.series += 1;
      return undefined;
    }
    // Confirmed, or it would come again; when it cannot be, it does.
    await effects.perform('bus ack', () => connection.request(found.reply ?? '', '+ACK', { timeout: 5000 }));
    this.counts.results += 1;
    return message.type === 'done' || message.type === 'failed' ? message : undefined;
  }
}

const manager = (connection: NatsConnection): Promise<JetStreamManager> =>
  connection.jetstreamManager({ checkAPI: false, timeout: 5000 });

function unlessMissing(error: unknown): undefined {
  if (error instanceof NatsError && NOT_FOUND.includes(error.api_error?.err_code)) return undefined;
  throw error;
}

function consumerConfig(kind: StreamKind, job: JobAddress, ackWaitMs: number): Partial<ConsumerConfig> {
  const common = {
    durable_name: consumerName(job),
    filter_subject: subjectOf(kind, job),
    deliver_policy: 'all' as ConsumerConfig['deliver_policy'],
  };
  if (kind === 'series') {
    // Forgotten by itself when nobody reads any more.
    return {
      ...common,
      ack_policy: 'none' as ConsumerConfig['ack_policy'],
      mem_storage: true,
      inactive_threshold: 600_000 * NANOSECONDS,
    };
  }
  return {
    ...common,
    ack_policy: 'explicit' as ConsumerConfig['ack_policy'],
    ack_wait: ackWaitMs * NANOSECONDS,
    max_deliver: -1,
    // One at a time, or a redelivered one would come after those that follow it.
    max_ack_pending: 1,
    // A consumer nobody came to forget goes once what it could read has aged out.
    inactive_threshold: RESULTS_SECONDS * 1000 * NANOSECONDS,
  };
}

async function forget(jsm: JetStreamManager, job: JobAddress): Promise<void> {
  for (const kind of ['results', 'series'] as const) {
    await effects.perform('bus delete consumer', () =>
      jsm.consumers.delete(STREAMS[kind], consumerName(job)).catch(unlessMissing),
    );
    await effects.perform('bus purge', () =>
      jsm.streams.purge(STREAMS[kind], { filter: subjectOf(kind, job) }).catch(unlessMissing),
    );
  }
}

/** Names of the jobs of a namespace of which anything is kept. */
async function jobsOf(jsm: JetStreamManager, namespace: string): Promise<Set<string>> {
  const jobs = new Set<string>();
  // What consumers and subjects of this namespace's jobs begin with; the job's name is the rest.
  const consumer = consumerName({ namespace, job: 'x' }).slice(0, -1);
  for (const kind of ['results', 'series'] as const) {
    const subject = subjectOf(kind, { namespace, job: 'x' }).slice(0, -1);
    const info = await jsm.streams.info(STREAMS[kind], { subjects_filter: `${subject}*` }).catch(unlessMissing);
    if (!info) continue;
    for (const kept of Object.keys(info.state.subjects ?? {})) jobs.add(kept.slice(subject.length));
    for await (const { name } of jsm.consumers.list(STREAMS[kind])) {
      if (name.startsWith(consumer)) jobs.add(name.slice(consumer.length));
    }
  }
  return jobs;
}

/** The job's last result, if that ends it, and whether the consumer has had it. */
async function finalOf(jsm: JetStreamManager, job: JobAddress): Promise<{ final?: FinalMessage; consumed: boolean }> {
  const last = await jsm.streams
    .getMessage(STREAMS.results, { last_by_subj: subjectOf('results', job) })
    .catch(unlessMissing);
  const decoded = last ? decodeMessage(last.data) : undefined;
  const message = decoded && 'message' in decoded ? decoded.message : undefined;
  if (!last || (message?.type !== 'done' && message?.type !== 'failed')) return { consumed: false };
  const consumer = await jsm.consumers.info(STREAMS.results, consumerName(job)).catch(unlessMissing);
  return { final: message, consumed: (consumer?.ack_floor.stream_seq ?? 0) >= last.seq };
}
