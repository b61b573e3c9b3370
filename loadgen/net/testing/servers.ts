import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { LookupAddress } from 'node:dns';
import { isIPv6, type AddressInfo } from 'node:net';
import type { Resolve } from '../connect.ts';

/** A server on a loopback address, and the paths it was asked for. */
export interface Played {
  port: number;
  /** Method, path and headers of each request. */
  asked: { path: string; headers: Record<string, unknown> }[];
  /** Connections that were made to it. */
  connections: number;
  close(): Promise<void>;
}

export async function play(
  listener: RequestListener,
  options: { host?: string; port?: number; tls?: { key: string; cert: string } } = {},
): Promise<Played> {
  const asked: Played['asked'] = [];
  const answer: RequestListener = (request, reply) => {
    asked.push({ path: request.url ?? '', headers: request.headers });
    reply.on('error', () => undefined);
    listener(request, reply);
  };
  const server: Server = options.tls ? createSecureServer(options.tls, answer) : createServer(answer);
  server.listen(options.port ?? 0, options.host ?? '127.0.0.1');
  await once(server, 'listening');
  const played: Played = {
    port: (server.address() as AddressInfo).port,
    asked,
    connections: 0,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  server.on('connection', () => (played.connections += 1));
  return played;
}

/**
 * A name server in memory: each name has a list of answers, one a question, of which the last is repeated. Tells how
 * often it was asked.
 */
export function names(answers: Readonly<Record<string, readonly (readonly string[])[]>>): {
  resolve: Resolve;
  questions: string[];
} {
  const questions: string[] = [];
  return {
    questions,
    resolve: (host) => {
      const list = answers[host];
      if (!list)
        return Promise.reject(Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' }));
      const answer = list[Math.min(questions.filter((name) => name === host).length, list.length - 1)] ?? [];
      questions.push(host);
      return Promise.resolve(answer.map((address): LookupAddress => ({ address, family: isIPv6(address) ? 6 : 4 })));
    },
  };
}
