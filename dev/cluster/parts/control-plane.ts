import { join } from 'node:path';
import { probeHttp } from '../probe.ts';
import { etcdArgs } from './etcd.ts';
import { apiServerArgs } from './kube-apiserver.ts';
import type { Part, PartContext } from './part.ts';

/** Where the API server listens, on the node's address. */
export const apiPort = 6443;

const ok = (status: number | undefined): boolean => status === 200;

/** etcd, on the namespace's own loopback; it tells its health on the node's address, where this machine can ask. */
export function etcd(context: PartContext, command: string): Part {
  const health = `http://${context.node}:2381`;
  const dataDir = join(context.stateDir, 'etcd');
  const args = etcdArgs({ dataDir, host: '127.0.0.1', clientPort: 2379, peerPort: 2380 });
  return {
    name: 'etcd',
    command,
    args: [...args, `--listen-metrics-urls=${health}`],
    healthy: async () => ok(await probeHttp(`${health}/health`)),
  };
}

/** `authority` is the certificate by which its own is checked. */
export function apiServer(context: PartContext, auditLog: string, authority: string): Part {
  const { node, services } = context;
  return {
    name: 'kube-apiserver',
    command: context.tool('kube-apiserver'),
    args: apiServerArgs({
      dir: context.pki('.'),
      etcd: 'http://127.0.0.1:2379',
      host: node,
      port: apiPort,
      auditLog,
      serviceRange: services,
      wholeCluster: true,
    }),
    healthy: async () => ok(await probeHttp(`https://${node}:${apiPort}/readyz`, { ca: authority })),
  };
}

export function controllerManager(context: PartContext): Part {
  return {
    name: 'kube-controller-manager',
    command: context.tool('kube-controller-manager'),
    args: [
      `--kubeconfig=${context.config('kube-controller-manager.kubeconfig')}`,
      `--bind-address=${context.node}`,
      '--authentication-skip-lookup=true',
      '--leader-elect=false',
      '--profiling=false',
      '--use-service-account-credentials=true',
      `--service-account-private-key-file=${context.pki('service-accounts.key')}`,
      `--root-ca-file=${context.pki('ca.crt')}`,
      `--cert-dir=${context.config('controller-manager-certs')}`,
      // Its default is a folder of the machine's, which it would make.
      `--flex-volume-plugin-dir=${join(context.stateDir, 'volume-plugins')}`,
    ],
    healthy: async () => ok(await probeHttp(`https://${context.node}:10257/healthz`)),
  };
}

export function scheduler(context: PartContext): Part {
  return {
    name: 'kube-scheduler',
    command: context.tool('kube-scheduler'),
    args: [
      `--kubeconfig=${context.config('kube-scheduler.kubeconfig')}`,
      `--bind-address=${context.node}`,
      '--authentication-skip-lookup=true',
      '--leader-elect=false',
      '--profiling=false',
      `--cert-dir=${context.config('scheduler-certs')}`,
    ],
    healthy: async () => ok(await probeHttp(`https://${context.node}:10259/healthz`)),
  };
}
