import { setTimeout as sleep } from 'node:timers/promises';
import { connect, credsAuthenticator, ErrorCode, Events, NatsError, type NatsConnection } from 'nats';
import type { Logger } from 'pino';
import { OPERATOR_INBOX } from './auth.ts';
import { BusError } from './bus.ts';

export interface LinkOptions {
  /** `nats://host:port` */
  url: string;
  /** Text of a creds file. */
  creds: string;
  log: Logger;
}

const FLUSH_MS = 1000;

/** One connection to NATS that comes back whenever it breaks, until closed. */
export class NatsLink {
  readonly #options: LinkOptions;
  #opening: Promise<NatsConnection> | undefined;
  #connected = false;
  #closed = false;
  #lost = new AbortController();
  #back = Promise.withResolvers<void>();

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Whether NATS answers now, as far as is known. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Whether it was closed, and will not come back. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Aborts when the connection that is there now breaks: an answer under way will not come. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** The connection, as soon as it stands. @throws {BusError} when the signal aborts first. */
  async connection(signal: AbortSignal): Promise<NatsConnection> {
    let why: BusError | undefined;
    for (let attempt = 0; ; attempt += 1) {
      if (signal.aborted || this.#closed) {
        throw new BusError(
          why?.reason ?? 'BusUnreachable',
          why?.message ?? `NATS at ${this.#options.url} is not connected`,
          { cause: why ?? signal.reason },
        );
      }
      try {
        const connection = await this.#open();
        if (this.#connected) return connection;
        await unless(this.#back.promise, signal);
      } catch (error) {
        if (signal.aborted) continue;
        const was = why?.message;
        why = busError(error, this.#options.url);
        if (why.message !== was) this.#options.log.warn({ reason: why.reason, err: error }, 'NATS is not reachable');
        await sleep(backOff(attempt), undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const connection = await this.#opening?.catch(() => undefined);
    // What was said last goes out, such as that a message is to come again; nobody is waited for beyond that.
    if (connection && this.#connected) {
      await unless(connection.flush(), AbortSignal.timeout(FLUSH_MS)).catch(() => undefined);
    }
    await connection?.close();
  }

  #open(): Promise<NatsConnection> {
    if (this.#opening) return this.#opening;
    const opening = this.#connect();
    this.#opening = opening;
    opening.then(
      (connection) => void this.#watch(connection),
      () => {
        if (this.#opening === opening) this.#opening = undefined;
      },
    );
    return opening;
  }

  async #connect(): Promise<NatsConnection> {
    const { url, creds } = this.#options;
    const connection = await connect({
      servers: url,
      name: 'qdrant-bench operator',
      authenticator: credsAuthenticator(new TextEncoder().encode(creds)),
      inboxPrefix: OPERATOR_INBOX,
      timeout: 5000,
      maxReconnectAttempts: -1,
      reconnectDelayHandler: () => backOff(1),
      ignoreAuthErrorAbort: true,
      // A peer that is gone without a word is noticed within 30 s.
      pingInterval: 10_000,
      maxPingOut: 2,
      // The system's resolver knows the search domains of a pod; the client's own does not.
      resolve: false,
      noAsyncTraces: true,
    });
    this.#connected = true;
    return connection;
  }

  async #watch(connection: NatsConnection): Promise<void> {
    const { log } = this.#options;
    connection.closed().then(
      () => this.#broken(connection),
      () => this.#broken(connection),
    );
    for await (const { type, data } of connection.status()) {
      if (type === Events.Disconnect) {
        log.warn({ server: data }, 'lost the connection to NATS');
        this.#down();
      } else if (type === Events.Reconnect) {
        log.info({ server: data }, 'connected to NATS again');
        this.#connected = true;
        this.#back.resolve();
        this.#back = Promise.withResolvers();
      } else if (type === Events.Error) {
        log.warn({ code: data }, 'NATS reports an error');
      }
    }
  }

  #down(): void {
    if (!this.#connected) return;
    this.#connected = false;
    this.#lost.abort(new Error('the connection to NATS broke'));
    this.#lost = new AbortController();
  }

  #broken(connection: NatsConnection): void {
    this.#down();
    this.#opening?.then(
      (current) => {
        if (current === connection) this.#opening = undefined;
        // Whoever waits for the old one opens a new one.
        this.#back.resolve();
        this.#back = Promise.withResolvers();
      },
      () => undefined,
    );
  }
}

/** ms: 0.5 s doubling to 8 s, jittered so that not all come back at once. */
export function backOff(attempt: number): number {
  return Math.min(8000, 500 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2);
}

/** What a promise comes to, unless a signal aborts first; then rejects with the signal's reason. */
export async function unless<T>(promise: Promise<T>, ...signals: readonly AbortSignal[]): Promise<T> {
  const stopped = Promise.withResolvers<never>();
  const stop = (event: Event): void => stopped.reject((event.target as AbortSignal).reason);
  for (const signal of signals) signal.addEventListener('abort', stop);
  try {
    for (const signal of signals) signal.throwIfAborted();
    return await Promise.race([promise, stopped.promise]);
  } finally {
    promise.catch(() => undefined);
    for (const signal of signals) signal.removeEventListener('abort', stop);
  }
}

const REFUSED: readonly string[] = [
  ErrorCode.AuthorizationViolation,
  ErrorCode.AuthenticationExpired,
  ErrorCode.BadAuthentication,
  ErrorCode.BadCreds,
  ErrorCode.PermissionsViolation,
  ErrorCode.AccountExpired,
];

/** What an error of the client means to us. */
export function busError(error: unknown, url: string): BusError {
  if (error instanceof BusError) return error;
  const code = error instanceof NatsError ? error.code : undefined;
  const said = error instanceof Error ? error.message : String(error);
  if (code !== undefined && REFUSED.includes(code)) {
    return new BusError(
      'BusRefused',
      `NATS at ${url} refuses our credentials (${said}): does it run with the auth.conf of the same Secret?`,
      { cause: error },
    );
  }
  if (error instanceof NatsError && error.isJetStreamError()) {
    return new BusError('BusMisconfigured', `NATS at ${url} cannot do what is asked: ${said}`, { cause: error });
  }
  return new BusError('BusUnreachable', `NATS at ${url} does not answer (${said}); it is tried again`, {
    cause: error,
  });
}
