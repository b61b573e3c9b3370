import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Addresses } from './addresses.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { apiPort } from './parts/control-plane.ts';
import { authorityName, writeApiServerFiles } from './parts/kube-apiserver.ts';
import type { ClusterPaths } from './paths.ts';
import { createAuthority, issue } from './pki.ts';

/** Kubernetes' users for the parts: their rights are in its default roles. */
const users = {
  'kube-controller-manager': { commonName: 'system:kube-controller-manager' },
  'kube-scheduler': { commonName: 'system:kube-scheduler' },
  'kube-proxy': { commonName: 'system:kube-proxy' },
  coredns: { commonName: 'system:coredns' },
  'local-path-provisioner': { commonName: 'local-path-provisioner', organizations: ['system:masters'] },
} as const;

/** The API server's address. */
export const apiUrl = ({ node }: Addresses): string => `https://${node}:${apiPort}`;

/** Makes all keys and certificates of a cluster, and the kubeconfigs of its parts and its administrator, once. */
export async function ensureCredentials(paths: ClusterPaths, addresses: Addresses, nodeName: string): Promise<void> {
  if (await exists(join(paths.pki, 'ca.crt'))) return;
  const { node, services } = addresses;
  const url = apiUrl(addresses);
  const draft = `${paths.pki}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700, recursive: true });
  await mkdir(paths.config, { recursive: true, mode: 0o700 });
  const authority = createAuthority(authorityName);
  // The API server's own Service has the first address of the range.
  const own = services.replace(/\.0\/\d+$/, '.1');
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local'];
  await writeApiServerFiles(draft, authority, [node, own, ...names, 'localhost', '127.0.0.1']);
  for (const [name, user] of Object.entries(users)) {
    await writeKubeconfig(join(paths.config, `${name}.kubeconfig`), { url, authority, ...user });
  }
  await writeKubeconfig(join(paths.config, 'kubelet.kubeconfig'), {
    url,
    authority,
    commonName: `system:node:${nodeName}`,
    organizations: ['system:nodes'],
  });
  const serving = issue(authority, authorityName, {
    commonName: `system:node:${nodeName}`,
    organizations: ['system:nodes'],
    hosts: [node, nodeName],
    usage: 'server',
  });
  await writeFile(join(draft, 'kubelet.crt'), serving.cert, { mode: 0o600 });
  await writeFile(join(draft, 'kubelet.key'), serving.key, { mode: 0o600 });
  const administrator = { commonName: 'administrator', organizations: ['system:masters'] };
  await writeKubeconfig(paths.kubeconfig, { url, authority, ...administrator });
  // All or nothing; the authority's key is kept nowhere, so nobody can issue more.
  await rename(draft, paths.pki);
}

/** The certificate by which the API server's is checked; undefined before it exists. */
export async function authorityCert(paths: ClusterPaths): Promise<string | undefined> {
  return readFile(join(paths.pki, 'ca.crt'), 'utf8').catch(() => undefined);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
