import { readFile } from 'node:fs/promises';
import { Agent, request, type RequestOptions } from 'node:https';
import { text } from 'node:stream/consumers';

/** The API server itself, asked with the rights of its kubeconfig. */
export interface Upstream {
  /** How to ask it; path, method and headers are the caller's. */
  options: RequestOptions;
  /** @throws when it does not answer 2xx. */
  send(method: string, path: string, body: unknown): Promise<void>;
  close(): void;
}

/** @param kubeconfig as dev/cluster/kubeconfig.ts writes them: JSON, one cluster, one user with a certificate. */
export async function openUpstream(kubeconfig: string): Promise<Upstream> {
  const { clusters, users } = JSON.parse(await readFile(kubeconfig, 'utf8')) as {
    clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }];
    users: [{ user: { 'client-certificate-data': string; 'client-key-data': string } }];
  };
  const plain = (base64: string): Buffer => Buffer.from(base64, 'base64');
  const [{ cluster }] = clusters;
  const [{ user }] = users;
  const { hostname, port } = new URL(cluster.server);
  const agent = new Agent({
    keepAlive: true,
    ca: plain(cluster['certificate-authority-data']),
    cert: plain(user['client-certificate-data']),
    key: plain(user['client-key-data']),
  });
  const options: RequestOptions = { agent, hostname, port };
  return {
    options,
    async send(method, path, body) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const asked = request({ ...options, method, path, headers: { 'content-type': 'application/json' } }, (answer) => {
        void text(answer).then((said) => {
          const { statusCode = 0 } = answer;
          if (statusCode >= 200 && statusCode < 300) resolve();
          else reject(new Error(`${method} ${path}: ${statusCode} ${said.slice(0, 500)}`));
        }, reject);
      });
      asked.on('error', reject);
      asked.end(JSON.stringify(body));
      await promise;
    },
    close: () => agent.destroy(),
  };
}
