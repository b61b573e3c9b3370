import { randomUUID } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { type Credentials, issue } from './pki.ts';
import { authorityName } from './parts/kube-apiserver.ts';

/** The context's, cluster's and user's name in every kubeconfig written here. */
export const contextName = 'qdrant-bench';

/** A kubeconfig, as the text of a YAML (it is JSON) file, for a client with a certificate. */
export function kubeconfigText(url: string, authorityCert: string, client: Credentials): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: contextName, cluster: { server: url, 'certificate-authority-data': base64(authorityCert) } }],
    users: [
      {
        name: contextName,
        user: { 'client-certificate-data': base64(client.cert), 'client-key-data': base64(client.key) },
      },
    ],
    contexts: [{ name: contextName, context: { cluster: contextName, user: contextName, namespace: 'default' } }],
    'current-context': contextName,
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

/** Issues a certificate for a user of Kubernetes and writes a kubeconfig with it, readable by its owner alone. */
export async function writeKubeconfig(
  path: string,
  options: { url: string; authority: Credentials; commonName: string; organizations?: readonly string[] },
): Promise<Credentials> {
  const { url, authority, commonName, organizations } = options;
  const client = issue(authority, authorityName, { commonName, organizations, usage: 'client' });
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, kubeconfigText(url, authority.cert, client), { mode: 0o600 });
  await rename(draft, path);
  return client;
}
