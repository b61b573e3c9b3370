import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server that plays as much of Qdrant as a sweep's operator talks to: collections come, are looked for, and go. */
export interface PlayedQdrant {
  url: string;
  version: string;
  collections: Set<string>;
  /** Every collection ever made, in order; a name that was made again is there again. */
  made: string[];
  /** Answers 503 while false. */
  up: boolean;
  /** HTTP status of every attempt to make a collection, if they are refused. */
  refuses: number | undefined;
  close(): Promise<void>;
}

/** @param at where it listens; by default a free port of 127.0.0.1. */
export async function playQdrant(
  at: { host: string; port: number } = { host: '127.0.0.1', port: 0 },
): Promise<PlayedQdrant> {
  const collections = new Set<string>();
  const made: string[] = [];
  const server = createServer((request, reply) => {
    const [, name = '', rest] = /^\/collections\/([^/?]+)(\/exists)?/.exec(request.url ?? '') ?? [];
    const answer = (status: number, body: unknown): void => {
      reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    request.resume();
    request.on('end', () => {
      if (!played.up) return answer(503, { status: { error: 'starting' } });
      if (!name) return answer(200, { title: 'qdrant', version: played.version });
      if (rest) return answer(200, { result: { exists: collections.has(name) } });
      if (request.method === 'DELETE') return answer(200, { result: collections.delete(name) });
      const refused = played.refuses ?? (collections.has(name) ? 409 : undefined);
      if (refused !== undefined) return answer(refused, { status: { error: 'it says no' } });
      collections.add(name);
      made.push(name);
      answer(200, { result: true });
    });
  }).listen(at.port, at.host);
  await once(server, 'listening');
  const played: PlayedQdrant = {
    url: `http://${at.host}:${(server.address() as AddressInfo).port}`,
    version: '1.19.0',
    collections,
    made,
    up: true,
    refuses: undefined,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return played;
}
