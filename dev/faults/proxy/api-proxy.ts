import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Upstream } from '../upstream.ts';
import { answerOf, describe, type ApiFault, type ApiRequest, type WatchShape } from './api-fault.ts';
import { WatchLines } from './watch-lines.ts';

/** A request as it was answered. */
export interface Passed extends ApiRequest {
  /** When the API server had it carried out, ms since the epoch. */
  at: number;
  /** The API server's status; 0 when it was not asked. */
  status: number;
}

/**
 * A plain HTTP door to the API server for one operator process, through which everything it asks for goes: told to, it
 * answers in the API server's place, loses an answer, falls silent, or changes what a watch brings.
 */
export class ApiProxy {
  readonly #upstream: Upstream;
  readonly #as: Readonly<Record<string, string>>;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #watches = new Set<Socket>();
  readonly #faults: { fault: ApiFault; left: number }[] = [];
  readonly #lists = new Map<string, Buffer>();
  #away = false;
  /** What each watch's events are changed to. */
  shape: WatchShape | undefined;
  /** Lists are answered as they were first seen, for so many times. */
  staleLists = 0;
  /** Told of every request as it comes in, whatever becomes of it. */
  onRequest: ((request: ApiRequest) => void) | undefined;
  /** Every write that reached the API server, in order. */
  readonly writes: Passed[] = [];
  /** Requests that a fault met, as `503 PATCH qdrantsweeps`. */
  readonly met: string[] = [];

  private constructor(upstream: Upstream, user: string | undefined) {
    this.#upstream = upstream;
    this.#as = user === undefined ? {} : { 'impersonate-user': user };
    this.#server = createServer((request, reply) => {
      this.#serve(request, reply).catch(() => reply.destroy());
    });
    this.#server.keepAliveTimeout = 120_000;
    this.#server.on('connection', (socket) => {
      if (this.#away) socket.resetAndDestroy();
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** @param user whose rights all requests have; by default the upstream's own. */
  static async start(upstream: Upstream, user?: string): Promise<ApiProxy> {
    const proxy = new ApiProxy(upstream, user);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Has the next requests that match go wrong. */
  inject(fault: ApiFault): void {
    this.#faults.push({ fault, left: fault.times ?? 1 });
  }

  /** Requests go through as they are again. */
  heal(): void {
    this.#faults.length = 0;
    this.shape = undefined;
    this.staleLists = 0;
    this.#away = false;
  }

  /** The API server is gone, with all connections, until `heal`. */
  goAway(): void {
    this.#away = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Ends all watches, as the API server does when it restarts. */
  cutWatches(): void {
    for (const socket of this.#watches) socket.destroy();
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const asked = describe(request.method ?? 'GET', request.url ?? '/');
    this.onRequest?.(asked);
    const body = await buffer(request);
    const fault = this.#take(asked);
    if (fault) this.met.push(`${fault.name} ${asked.method} ${asked.resource}`);
    if (fault?.act === 'hold') return;
    if (fault?.act === 'cut') return void reply.destroy();
    if (typeof fault?.act === 'object') {
      const { status, headers, text } = answerOf(fault.act, asked);
      return void reply.writeHead(status, headers).end(text);
    }
    const answer = await this.#ask(request, body);
    const status = answer.statusCode ?? 0;
    if (asked.watch && status === 200) return this.#watch(answer, reply);
    const text = await buffer(answer);
    if (asked.write) this.writes.push({ ...asked, at: Date.now(), status });
    // Carried out, and nobody hears of it.
    if (fault?.act === 'lose') return void reply.destroy();
    if (fault?.act === 'silence') return;
    reply.writeHead(status, withoutHops(answer.headers)).end(this.#list(asked, status, text));
  }

  #take(asked: ApiRequest): ApiFault | undefined {
    const found = this.#faults.find(({ fault, left }) => left > 0 && fault.matches(asked));
    if (!found) return undefined;
    found.left -= 1;
    return found.fault;
  }

  #list(asked: ApiRequest, status: number, text: Buffer): Buffer {
    if (asked.method !== 'GET' || asked.name !== undefined || status !== 200) return text;
    const key = asked.path;
    const known = this.#lists.get(key);
    if (!known) this.#lists.set(key, text);
    if (!known || this.staleLists === 0) return text;
    this.staleLists -= 1;
    this.met.push(`stale ${asked.resource}`);
    return known;
  }

  #watch(answer: IncomingMessage, reply: ServerResponse): void {
    const { socket } = reply;
    if (socket) {
      this.#watches.add(socket);
      socket.on('close', () => {
        this.#watches.delete(socket);
        answer.destroy();
      });
    }
    reply.writeHead(200, withoutHops(answer.headers));
    reply.flushHeaders();
    const lines = new WatchLines((event) => {
      const events = this.shape?.(event) ?? [event];
      if (events.length !== 1) this.met.push(`${events.length === 0 ? 'dropped' : 'doubled'} ${event.type}`);
      return events;
    });
    answer.on('data', (chunk: Buffer) => {
      const text = lines.feed(chunk);
      if (text !== '') reply.write(text);
    });
    answer.on('end', () => reply.end());
    answer.on('error', () => reply.destroy());
  }

  #ask(request: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const { host: _, authorization: __, connection: ___, ...headers } = request.headers;
    const asked = httpsRequest(
      { ...this.#upstream.options, method: request.method, path: request.url, headers: { ...headers, ...this.#as } },
      resolve,
    );
    asked.on('error', reject);
    asked.end(body);
    return promise;
  }
}

/** Headers that are about one connection and not about the answer. */
function withoutHops(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  const { connection: _, 'transfer-encoding': __, 'content-length': ___, ...rest } = headers;
  return rest;
}
