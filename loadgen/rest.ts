import { Pool } from 'undici';
import { errorText, JobError } from './job-error.ts';
import type { Access } from './net/access.ts';
import { ANYWHERE, type AddressRules } from './net/address-rules.ts';
import { checkedConnector } from './net/connect.ts';
import { NetError } from './net/net-error.ts';
import type { Endpoint } from './protocol.ts';

/** An HTTP answer that is not a success, with Qdrant's own error text. */
export class RestError extends Error {
  override readonly name = 'RestError';
  /** HTTP status; 0 = no answer at all. */
  readonly status: number;
  /** Seconds the server asks to wait. */
  readonly retryAfter: number | undefined;
  constructor(status: number, message: string, retryAfter?: number, options?: { cause?: unknown }) {
    super(message, options);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** May the same request succeed later? Rate limits, timeouts, unavailable shards, broken connections. */
  get retryable(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status === 503;
  }
}

/** Request headers for an endpoint: JSON, and the API key from the environment variable it names. */
export function endpointHeaders(endpoint: Endpoint, env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (endpoint.apiKeyEnv !== undefined) {
    // Straight from a Secret, with the newline editors leave.
    const key = env[endpoint.apiKeyEnv]?.trim();
    if (!key) {
      throw new JobError(
        'TargetUnreachable',
        `the environment variable ${endpoint.apiKeyEnv} holds no API key; set it`,
      );
    }
    headers['api-key'] = key;
  }
  return headers;
}

/** Where an endpoint may be: one of our own wherever it is, one a user named where this process may go. */
export function endpointRules(endpoint: Endpoint, access: Access): AddressRules {
  return endpoint.own ? ANYWHERE : access.rules;
}

/** Path of a collection, its name encoded. */
export function collectionPath(collection: string): string {
  return `/collections/${encodeURIComponent(collection)}`;
}

export interface RequestOptions {
  body?: string | Buffer;
  /** Longest wait for the answer. Default 60 s. */
  timeoutMilliseconds?: number;
  signal?: AbortSignal;
}

const MAX_REPLY = 16 * 2 ** 20;

type Method = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';

/** Qdrant's REST API, just as much of it as is needed here: one answer a call, no retries. */
export class Rest {
  readonly #pool: Pool;
  readonly #headers: Record<string, string>;
  readonly #url: string;

  constructor(endpoint: Endpoint, connections: number, rules: AddressRules, env?: NodeJS.ProcessEnv) {
    this.#url = endpoint.url;
    this.#headers = endpointHeaders(endpoint, env);
    this.#pool = new Pool(new URL(endpoint.url).origin, {
      connections,
      pipelining: 1,
      connect: checkedConnector({ rules }),
    });
  }

  /**
   * The `result` of a successful answer.
   * @throws {RestError} anything else; status 0 when there was no answer.
   * @throws {JobError} TargetUnreachable when the address may not be reached.
   */
  async call<T>(method: Method, path: string, options: RequestOptions = {}): Promise<T> {
    return (await this.plain<{ result: T }>(method, path, options)).result;
  }

  /** The whole of a successful answer, for what has no `result`. Throws as `call` does. */
  async plain<T>(method: Method, path: string, options: RequestOptions = {}): Promise<T> {
    const timeout = options.timeoutMilliseconds ?? 60_000;
    let status: number;
    let retryAfter: number | undefined;
    let text: string;
    try {
      const reply = await this.#pool.request({
        method,
        path,
        headers: this.#headers,
        body: options.body ?? null,
        headersTimeout: timeout,
        bodyTimeout: timeout,
        ...(options.signal ? { signal: options.signal } : {}),
      });
      status = reply.statusCode;
      retryAfter = retryAfterSeconds(reply.headers['retry-after']);
      text = await readText(reply.body);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof RestError) throw error;
      if (error instanceof NetError) throw new JobError('TargetUnreachable', `${this.#url}: ${error.message}`);
      throw new RestError(0, `${method} ${this.#url}${path}: no answer (${errorText(error)})`, undefined, {
        cause: error,
      });
    }
    if (status < 200 || status > 299) {
      throw new RestError(status, `${method} ${path}: HTTP ${status}: ${serverMessage(status, text)}`, retryAfter);
    }
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value !== 'object' || value === null) throw new TypeError('no object');
      return value as T;
    } catch (error) {
      throw new RestError(status, `${method} ${path}: the answer is not JSON, so not Qdrant's`, undefined, {
        cause: error,
      });
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_REPLY) throw new RestError(0, `the answer is longer than ${MAX_REPLY} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Whole seconds, or an HTTP date, as in RFC 9110 10.2.3. */
export function retryAfterSeconds(header: string | string[] | undefined, now = Date.now()): number | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  if (text === undefined) return undefined;
  if (/^[0-9]+$/.test(text)) return Number(text);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - now) / 1000);
}

/** Qdrant's `status.error`. Of any other answer nothing: it would be shown to whoever named the address. */
function serverMessage(status: number, text: string): string {
  try {
    const error = (JSON.parse(text) as { status?: { error?: unknown } }).status?.error;
    if (typeof error === 'string') return error.slice(0, 500);
  } catch {
    // Qdrant's authentication errors are plain text.
  }
  return status === 401 || status === 403 ? 'the API key is refused; check it and its rights' : "not Qdrant's words";
}
