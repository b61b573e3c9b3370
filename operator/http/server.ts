import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface HttpOptions {
  port: number;
  registry: Registry;
  /** Empty when ready; else why not. */
  notReady: () => string;
  /** Empty when alive; else why this process should be restarted. */
  notAlive: () => string;
}

/** Serves `/livez`, `/readyz` and `/metrics`. */
export async function serveHttp(options: HttpOptions): Promise<{ port: number; close: () => Promise<void> }> {
  const { registry, notReady, notAlive } = options;
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5000, maxHeaderSize: 8192 },
    (request, reply) => {
      const answer = (status: number, body: string, type = 'text/plain; charset=utf-8'): void => {
        reply.writeHead(status, { 'content-type': type, connection: 'close' }).end(body);
      };
      const probe = (why: string): void => answer(why === '' ? 200 : 503, why === '' ? 'ok\n' : `${why}\n`);
      const path = request.url?.split('?', 1)[0];
      if (request.method !== 'GET' && request.method !== 'HEAD') answer(405, 'only GET\n');
      else if (path === '/livez') probe(notAlive());
      else if (path === '/readyz') probe(notReady());
      else if (path === '/metrics') {
        registry.metrics().then(
          (text) => answer(200, text, registry.contentType),
          (error: unknown) => answer(500, `metrics could not be collected: ${String(error)}\n`),
        );
      } else answer(404, 'here are /livez, /readyz and /metrics\n');
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => closeServer(server) };
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
}
