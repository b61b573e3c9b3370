import { Pool, type Dispatcher } from 'undici';
import type { AddressRules } from '../net/address-rules.ts';
import { checkedConnector } from '../net/connect.ts';
import { collectionPath, endpointHeaders } from '../rest.ts';
import type { Endpoint } from '../protocol.ts';
import { scanIds } from './answer-ids.ts';
import type { LatencyHistogram } from './histogram.ts';

/** How a request ended: `ok`, or the kind of error it is counted under. */
export type Ending = 'ok' | 'timeout' | 'connection' | 'invalid' | `http${number}`;

/** Told of a request's end; `ids` are valid only during the call. -1 fills up when fewer than `limit` came back. */
export type OnEnd = (tag: number, ending: Ending, ids: Int32Array) => void;

export interface QueryClientOptions {
  limit: number;
  /** Most connections, and so requests under way. */
  connections: number;
  timeoutMilliseconds: number;
  /** Whether answers carry payloads, which may have ids of their own. Default false. */
  withPayload?: boolean;
  /** Where the server may be. */
  rules: AddressRules;
  /** Where the API key is looked up; default: the process's. */
  env?: NodeJS.ProcessEnv;
}

/** What a write does to points. */
export type WriteKind = 'upserts' | 'deletes';

/** Sends pre-encoded bodies of queries and writes over keep-alive connections, at the least cost a request. */
export class QueryClient {
  #pool: Pool;
  readonly #options: Dispatcher.DispatchOptions;
  readonly #writes: Readonly<Record<WriteKind, Dispatcher.DispatchOptions>>;
  readonly #read: (body: Buffer | undefined, ids: Int32Array) => boolean;
  readonly #ids: Int32Array;
  readonly #origin: string;
  readonly #limits: QueryClientOptions;
  /** One for all pools: the server is looked up once. */
  readonly #connect: ReturnType<typeof checkedConnector>;

  constructor(endpoint: Endpoint, options: QueryClientOptions) {
    this.#origin = new URL(endpoint.url).origin;
    this.#limits = options;
    this.#connect = checkedConnector({ rules: options.rules, timeoutMilliseconds: options.timeoutMilliseconds });
    this.#pool = this.#newPool();
    const points = `${collectionPath(endpoint.collection)}/points`;
    const headers = endpointHeaders(endpoint, options.env);
    this.#options = { method: 'POST', path: `${points}/query`, headers };
    // Acknowledged once they are in the log, as Qdrant does unless asked otherwise; freshness tells when they can be found.
    this.#writes = {
      upserts: { method: 'PUT', path: `${points}?wait=false`, headers },
      deletes: { method: 'POST', path: `${points}/delete?wait=false`, headers },
    };
    this.#read = options.withPayload ? parseIdsBesidePayloads : parseIds;
    this.#ids = new Int32Array(options.limit);
  }

  #newPool(): Pool {
    const { connections, timeoutMilliseconds } = this.#limits;
    return new Pool(this.#origin, {
      connections,
      pipelining: 1,
      headersTimeout: timeoutMilliseconds,
      bodyTimeout: timeoutMilliseconds,
      connect: this.#connect,
      keepAliveTimeout: 60_000,
    });
  }

  /** While it is set, takes what answers say of themselves: `time`, of the server alone. */
  serverTime: LatencyHistogram | undefined;

  /** Breaks off what is under way and begins with new connections: what was given up must not disturb what follows. */
  async reset(): Promise<void> {
    const old = this.#pool;
    this.#pool = this.#newPool();
    await old.destroy();
  }

  /** Sends one query; `onEnd` is called exactly once, later. */
  send(body: Buffer, tag: number, onEnd: OnEnd): void {
    this.#dispatch(this.#options, this.#read, body, tag, onEnd);
  }

  /** Sends one write; `onEnd` is called exactly once, later, without ids. */
  write(kind: WriteKind, body: Buffer, tag: number, onEnd: OnEnd): void {
    this.#dispatch(this.#writes[kind], isAcknowledged, body, tag, onEnd);
  }

  #dispatch(
    options: Dispatcher.DispatchOptions,
    read: (body: Buffer | undefined, ids: Int32Array) => boolean,
    body: Buffer,
    tag: number,
    onEnd: OnEnd,
  ): void {
    const ids = this.#ids;
    const { serverTime } = this;
    let status = 0;
    let first: Buffer | undefined;
    let more: Buffer[] | undefined;
    let ended = false;
    this.#pool.dispatch(
      { ...options, body },
      {
        onRequestStart() {},
        onResponseStart(_controller, statusCode) {
          status = statusCode;
        },
        onResponseData(_controller, chunk) {
          if (first === undefined) first = chunk;
          else (more ??= [first]).push(chunk);
        },
        onResponseEnd() {
          if (ended) return;
          ended = true;
          if (status !== 200) {
            onEnd(tag, `http${status}`, ids.fill(-1));
            return;
          }
          const whole = more ? Buffer.concat(more) : first;
          if (serverTime) recordTime(whole, serverTime);
          onEnd(tag, read(whole, ids) ? 'ok' : 'invalid', ids);
        },
        onResponseError(_controller, error) {
          if (ended) return;
          ended = true;
          onEnd(tag, /Timeout/.test(error.name) ? 'timeout' : 'connection', ids.fill(-1));
        },
      },
    );
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

/**
 * Reads the point ids of a query's answer into `ids`. The usual answer, as Qdrant prints it, is scanned for `"id":`,
 * which can only be a point's id, since payloads are not asked for; anything else is parsed as JSON.
 * @returns false when it is no answer to a query, or has more ids than asked for.
 */
export function parseIds(body: Buffer | undefined, ids: Int32Array): boolean {
  ids.fill(-1);
  if (body === undefined) return false;
  const text = body.toString('latin1');
  let count = 0;
  for (let at = text.indexOf('"id":'); at !== -1; at = text.indexOf('"id":', at)) {
    at += 5;
    let id = 0;
    const begin = at;
    for (;;) {
      const digit = text.charCodeAt(at) - 48;
      if (!(digit >= 0 && digit <= 9)) break;
      id = id * 10 + digit;
      at += 1;
    }
    // Not a bare number (an UUID, a space): leave it to the parser.
    if (at === begin || count === ids.length) return parseSlowly(text, ids.fill(-1));
    ids[count] = id;
    count += 1;
  }
  return count > 0 || parseSlowly(text, ids);
}

/** As `parseIds`, of answers whose points carry payloads. */
export function parseIdsBesidePayloads(body: Buffer | undefined, ids: Int32Array): boolean {
  ids.fill(-1);
  if (body === undefined) return false;
  const text = body.toString('latin1');
  return scanIds(text, ids) !== undefined || parseSlowly(text, ids.fill(-1));
}

/** What an answer says at its end: `,"time":0.000123}`, seconds. One that doesn't say it is passed over. */
function recordTime(body: Buffer | undefined, histogram: LatencyHistogram): void {
  const at = body === undefined ? -1 : body.lastIndexOf('"time":');
  if (body === undefined || at === -1) return;
  const seconds = Number.parseFloat(body.toString('latin1', at + 7, at + 7 + 24));
  if (Number.isFinite(seconds)) histogram.record(seconds * 1000);
}

/** Whether a write was taken: `{"result":{"operation_id":…,"status":"acknowledged"},…}`, or completed at once. */
function isAcknowledged(body: Buffer | undefined): boolean {
  return body !== undefined && (body.includes('"acknowledged"') || body.includes('"completed"'));
}

function parseSlowly(text: string, ids: Int32Array): boolean {
  try {
    const { points } = (JSON.parse(text) as { result: { points: { id: number | string }[] } }).result;
    if (!Array.isArray(points) || points.length > ids.length) return false;
    // Ids that are no row numbers are not ours: they stay -1 and never count as hits.
    points.forEach(({ id }, i) => {
      if (typeof id === 'number') ids[i] = id;
    });
    return true;
  } catch {
    return false;
  }
}
