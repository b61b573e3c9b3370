import { setTimeout as sleep } from 'node:timers/promises';
import { connect, credsAuthenticator, ErrorCode, Events, NatsError, type NatsConnection } from 'nats';
import { z } from 'zod';
import {
  inboxPrefix,
  MAX_MESSAGE_BYTES,
  messageId,
  peerSubject,
  subjectOf,
  type JobAddress,
} from '../../operator/bus/subjects.ts';
import { errorText } from '../job-error.ts';
import type { Wire } from '../peers/wire.ts';
import type { Message, ProgressMessage, Publish } from '../protocol.ts';
import { ConfigError } from './config.ts';

/** A result could not be handed over in time; nothing more is. */
export class HandoverError extends Error {
  override readonly name = 'HandoverError';
}

export interface PublisherOptions {
  url: string;
  /** Text of a creds file. */
  creds: string;
  address: JobAddress;
  podUid: string;
  log: { info(fields: object, text: string): void; warn(fields: object, text: string): void };
  /** Ends every wait. */
  signal: AbortSignal;
  /** Seconds until NATS must have been reached for the first time. Default 300. */
  connectSeconds?: number;
  /** Seconds a result is offered to NATS before the job is given up. Default 900. */
  handoverSeconds?: number;
}

export interface Publisher {
  publish: Publish;
  /** To the other pods of the job, for the one of this number. */
  wire: (pod: number) => Wire;
  /** Sends what is still on its way, for at most 2 s, and disconnects. */
  close(): Promise<void>;
}

/** ms: 250 doubling to 5 s, jittered. Measuring goes on meanwhile, and must not notice. */
const backOff = (attempt: number): number =>
  Math.max(250, Math.min(5000, 250 * 2 ** attempt) * (0.5 + Math.random() / 2));
/** Longest wait (ms) for an acknowledgement. */
const ACK_MS = 5000;
const PROGRESS_MS = 1000;
/** Refused credentials are tried this often: a server may be starting with other keys. */
const REFUSALS = 5;
/** Headers and protocol around a message. */
const ENVELOPE_BYTES = 1024;

/**
 * Connects to NATS and publishes a job's messages: results through JetStream, one after the other, each offered until it is
 * acknowledged; progress and series as they come, lost while NATS is away. The only user of the `nats` package here.
 * @throws {ConfigError} when NATS refuses the credentials. @throws {HandoverError} when it is not reached in time.
 */
export async function connectPublisher(options: PublisherOptions): Promise<Publisher> {
  const { url, creds, address, signal, log } = options;
  const deadline = performance.now() + (options.connectSeconds ?? 300) * 1000;
  for (let attempt = 0, refusals = 0; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      const connection = await connect({
        servers: url,
        name: `${address.namespace}/${address.job}`,
        authenticator: credsAuthenticator(new TextEncoder().encode(creds)),
        inboxPrefix: inboxPrefix(address),
        timeout: 5000,
        maxReconnectAttempts: -1,
        reconnectDelayHandler: () => backOff(3),
        ignoreAuthErrorAbort: true,
        pingInterval: 10_000,
        maxPingOut: 2,
        // The system's resolver knows the search domains of a pod; the client's own does not.
        resolve: false,
        noAsyncTraces: true,
      });
      return new NatsPublisher(connection, options);
    } catch (error) {
      if (isRefusal(error) && (refusals += 1) >= REFUSALS) {
        throw new ConfigError(`NATS at ${url} refuses the credentials of this job: ${errorText(error)}`, {
          cause: error,
        });
      }
      if (performance.now() > deadline) {
        throw new HandoverError(`NATS at ${url} was not reached in time: ${errorText(error)}`, { cause: error });
      }
      log.warn({ attempt, error: errorText(error) }, 'NATS is not reachable; trying again');
      await sleep(backOff(attempt), undefined, { signal }).catch(() => undefined);
    }
  }
}

class NatsPublisher implements Publisher {
  readonly #connection: NatsConnection;
  readonly #options: PublisherOptions;
  #connected = true;
  #sequence = 0;
  #last: Promise<void> = Promise.resolve();
  #broken: Error | undefined;
  /** Rejects when told to stop. */
  readonly #stopped: Promise<never>;
  #lastProgress: { at: number; phase?: ProgressMessage['phase'] } = { at: -Infinity };

  constructor(connection: NatsConnection, options: PublisherOptions) {
    this.#connection = connection;
    this.#options = options;
    const { signal } = options;
    this.#stopped = new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    this.#stopped.catch(() => undefined);
    void this.#watch();
  }

  publish: Publish = (message) => {
    if (message.type === 'series' || message.type === 'progress') {
      this.#mention(message);
      return Promise.resolve();
    }
    this.#last = this.#last.then(() => this.#handOver(message));
    // Whoever publishes learns of it; the chain itself goes on, to say the same of what follows.
    const result = this.#last;
    this.#last = result.catch(() => undefined);
    return result;
  };

  wire = (pod: number): Wire => ({
    connected: () => this.#connected,
    send: (to, text) => {
      // What is said while NATS is away is said again.
      if (!this.#connected) return;
      try {
        this.#connection.publish(peerSubject(this.#options.address, to), JSON.stringify({ from: pod, text }));
      } catch {
        // So is this.
      }
    },
    listen: (onText) => {
      this.#connection.subscribe(peerSubject(this.#options.address, pod), {
        callback: (error, message) => {
          if (error) {
            this.#options.log.warn(
              { error: errorText(error) },
              'NATS does not let the pods of this job hear each other',
            );
            return;
          }
          const said = saidSchema.safeParse(parsed(message.string())).data;
          if (said) onText(said.from, said.text);
        },
      });
    },
  });

  async close(): Promise<void> {
    if (this.#connected) await Promise.race([this.#connection.flush(), sleep(2000)]).catch(() => undefined);
    await this.#connection.close();
  }

  /** Fire and forget. */
  #mention(message: Message): void {
    if (!this.#connected) return;
    if (message.type === 'progress' && !this.#worthSaying(message)) return;
    try {
      this.#connection.publish(subjectOf('series', this.#options.address), JSON.stringify(message));
    } catch {
      // Lost, as it may be.
    }
  }

  /** One a second, and whatever begins or ends a phase. */
  #worthSaying({ phase, done, total }: ProgressMessage): boolean {
    const now = performance.now();
    const ends = phase !== this.#lastProgress.phase || done >= total;
    if (!ends && now - this.#lastProgress.at < PROGRESS_MS) return false;
    this.#lastProgress = { at: now, phase };
    return true;
  }

  /** Offers a result until it is acknowledged; nothing follows one that could not be handed over. */
  async #handOver(message: Message): Promise<void> {
    if (this.#broken) throw this.#broken;
    const { address, podUid, signal, log, url } = this.#options;
    const data = new TextEncoder().encode(JSON.stringify(message));
    if (data.length + ENVELOPE_BYTES > MAX_MESSAGE_BYTES) {
      throw new Error(`a ${message.type} message has ${data.length} bytes, which is more than NATS takes`);
    }
    this.#sequence += 1;
    const msgID = messageId(address, podUid, this.#sequence);
    const deadline = performance.now() + (this.#options.handoverSeconds ?? 900) * 1000;
    for (let attempt = 0; ; attempt += 1) {
      let why = 'it is not connected';
      try {
        signal.throwIfAborted();
        if (this.#connected) {
          const js = this.#connection.jetstream();
          await Promise.race([
            js.publish(subjectOf('results', address), data, { msgID, timeout: ACK_MS }),
            this.#stopped,
          ]);
          return;
        }
      } catch (error) {
        if (signal.aborted) throw (this.#broken = signal.reason as Error);
        why = errorText(error);
      }
      if (performance.now() > deadline || this.#connection.isClosed()) {
        this.#broken = new HandoverError(`NATS at ${url} did not take a ${message.type} message: ${why}`);
        throw this.#broken;
      }
      if (attempt === 0) log.warn({ type: message.type, why }, 'NATS has not taken a result; offering it again');
      await sleep(backOff(attempt), undefined, { signal }).catch(() => undefined);
    }
  }

  async #watch(): Promise<void> {
    const { log } = this.#options;
    for await (const { type, data } of this.#connection.status()) {
      if (type === Events.Disconnect || type === Events.Reconnect) {
        this.#connected = type === Events.Reconnect;
        log.info({ server: data }, this.#connected ? 'connected to NATS again' : 'lost the connection to NATS');
      } else if (type === Events.Error) {
        log.warn({ code: data }, 'NATS reports an error');
      }
    }
    this.#connected = false;
  }
}

const saidSchema = z.strictObject({ from: z.int().min(0), text: z.string() });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRefusal(error: unknown): boolean {
  const codes: readonly string[] = [
    ErrorCode.AuthorizationViolation,
    ErrorCode.AuthenticationExpired,
    ErrorCode.BadAuthentication,
    ErrorCode.BadCreds,
  ];
  return error instanceof NatsError && codes.includes(error.code);
}
