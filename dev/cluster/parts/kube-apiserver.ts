import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Credentials, issue, signingKeys } from '../pki.ts';

/** The certificate authority's name in its certificate. */
export const authorityName = 'qdrant-bench-cluster';

/** What an API server needs to know. */
export type ApiServerConfig = {
  /** Where its certificates are; `writeApiServerFiles` wrote them. */
  dir: string;
  etcd: string;
  host: string;
  port: number;
  auditLog: string;
  /** As `198.18.2.0/24`. */
  serviceRange: string;
  /** Whether there are nodes and a controller manager. Without, pods need no service account to be accepted. */
  wholeCluster: boolean;
};

/** Who did what to which object, without the objects: it may hold Secrets. */
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    users: ["system:kube-controller-manager", "system:kube-scheduler", "system:kube-proxy"]
    verbs: [get, list, watch]
  - level: None
    resources: [{ group: coordination.k8s.io, resources: [leases] }, { group: "", resources: [events] }]
    userGroups: ["system:nodes"]
  - level: None
    nonResourceURLs: ["/healthz*", "/livez*", "/readyz*", "/openapi*"]
  - level: Metadata
`;

/** Writes the certificates, keys and the audit policy an API server starts with. */
export async function writeApiServerFiles(
  dir: string,
  authority: Credentials,
  hosts: readonly string[],
): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const serving = issue(authority, authorityName, { commonName: 'kube-apiserver', hosts, usage: 'server' });
  const toKubelet = issue(authority, authorityName, {
    commonName: 'kube-apiserver-kubelet-client',
    organizations: ['system:masters'],
    usage: 'client',
  });
  const accounts = signingKeys();
  const files = {
    'ca.crt': authority.cert,
    'apiserver.crt': serving.cert,
    'apiserver.key': serving.key,
    'kubelet-client.crt': toKubelet.cert,
    'kubelet-client.key': toKubelet.key,
    'service-accounts.pub': accounts.publicKey,
    'service-accounts.key': accounts.privateKey,
    'audit-policy.yaml': auditPolicy,
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), content, { mode: 0o600 });
}

/** The API server's command line. */
export function apiServerArgs(config: ApiServerConfig): string[] {
  const { dir, etcd, host, port, auditLog, serviceRange, wholeCluster } = config;
  const file = (name: string): string => join(dir, name);
  return [
    `--etcd-servers=${etcd}`,
    `--bind-address=${host}`,
    `--advertise-address=${host}`,
    `--secure-port=${port}`,
    `--service-cluster-ip-range=${serviceRange}`,
    `--client-ca-file=${file('ca.crt')}`,
    `--tls-cert-file=${file('apiserver.crt')}`,
    `--tls-private-key-file=${file('apiserver.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${file('service-accounts.pub')}`,
    `--service-account-signing-key-file=${file('service-accounts.key')}`,
    '--authorization-mode=Node,RBAC',
    '--anonymous-auth=true',
    '--profiling=false',
    '--event-ttl=2h',
    `--audit-policy-file=${file('audit-policy.yaml')}`,
    `--audit-log-path=${auditLog}`,
    '--audit-log-maxsize=100',
    '--audit-log-maxbackup=1',
    ...(wholeCluster
      ? [
          '--enable-admission-plugins=NodeRestriction',
          `--kubelet-certificate-authority=${file('ca.crt')}`,
          `--kubelet-client-certificate=${file('kubelet-client.crt')}`,
          `--kubelet-client-key=${file('kubelet-client.key')}`,
          // Names of nodes are in nobody's DNS.
          '--kubelet-preferred-address-types=InternalIP',
        ]
      : ['--disable-admission-plugins=ServiceAccount', '--endpoint-reconciler-type=none']),
  ];
}
