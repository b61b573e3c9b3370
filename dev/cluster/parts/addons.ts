import { join } from 'node:path';
import { probeHttp } from '../probe.ts';
import { isAlive, type ProcessId } from '../process.ts';
import { clusterDomain } from './node.ts';
import { type Part, type PartContext, yaml } from './part.ts';

/** The default StorageClass. */
export const storageClass = 'local-path';
const storageNamespace = 'local-path-storage';

/** CoreDNS as a process on the node's address, behind the Service `kube-dns`: no pod to wait for. */
export function coredns(context: PartContext): Part {
  const file = context.config('Corefile');
  const health = `${context.node}:8181`;
  return {
    name: 'coredns',
    command: context.tool('coredns'),
    args: ['-conf', file],
    files: {
      [file]: `${clusterDomain} in-addr.arpa {
  bind ${context.node}
  errors
  ready ${health}
  kubernetes ${clusterDomain} in-addr.arpa {
    kubeconfig ${context.config('coredns.kubeconfig')}
    ttl 5
  }
  cache 5
}
# No name outside the cluster can be reached; saying so at once is better than an error that is tried again.
. {
  bind ${context.node}
  template ANY ANY {
    rcode NXDOMAIN
  }
}
`,
    },
    healthy: async () => (await probeHttp(`http://${health}/ready`)) === 200,
  };
}

/** The provisioner as a process; it makes and removes volumes by helper pods of `helperImage`. */
export function localPathProvisioner(
  context: PartContext,
  helperImage: string,
  process: () => ProcessId | undefined,
): Part {
  const config = context.config('local-path.json');
  const helper = context.config('local-path-helper.yaml');
  return {
    name: 'local-path-provisioner',
    command: context.tool('local-path-provisioner'),
    args: [
      'start',
      `--config=${config}`,
      `--helper-pod-file=${helper}`,
      `--helper-image=${helperImage}`,
      `--kubeconfig=${context.config('local-path-provisioner.kubeconfig')}`,
      `--namespace=${storageNamespace}`,
      '--service-account-name=default',
    ],
    files: {
      [config]: yaml({
        nodePathMap: [{ node: 'DEFAULT_PATH_FOR_NON_LISTED_NODES', paths: [join(context.stateDir, 'volumes')] }],
      }),
      [helper]: yaml({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'helper-pod' },
        spec: {
          priorityClassName: 'system-node-critical',
          automountServiceAccountToken: false,
          containers: [
            {
              name: 'helper-pod',
              image: helperImage,
              imagePullPolicy: 'IfNotPresent',
              // It removes what others wrote.
              securityContext: { runAsUser: 0, runAsGroup: 0 },
            },
          ],
        },
      }),
    },
    // It serves nothing that could be asked.
    healthy: async () => {
      const id = process();
      return id !== undefined && isAlive(id);
    },
  };
}

/** What the add-ons need in the cluster, as one `List` for `kubectl apply`. */
export function addonObjects(context: PartContext): string {
  const system = { namespace: 'kube-system' };
  const items = [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { ...system, name: 'kube-dns', labels: { 'k8s-app': 'kube-dns' } },
      spec: {
        clusterIP: context.dns,
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP' },
          { name: 'dns-tcp', port: 53, protocol: 'TCP' },
        ],
      },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...system, name: 'kube-dns-node', labels: { 'kubernetes.io/service-name': 'kube-dns' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [context.node], conditions: { ready: true } }],
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53, protocol: 'TCP' },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'system:coredns' },
      rules: [
        { apiGroups: [''], resources: ['services', 'pods', 'namespaces', 'nodes'], verbs: ['list', 'watch', 'get'] },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'system:coredns' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:coredns' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'system:coredns' }],
    },
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: storageNamespace } },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'local-path-config', namespace: storageNamespace },
      data: {
        setup: '#!/bin/sh\nset -eu\nmkdir -m 0777 -p "$VOL_DIR"\n',
        teardown: '#!/bin/sh\nset -eu\nrm -rf "$VOL_DIR"\n',
      },
    },
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: storageClass, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: 'rancher.io/local-path',
      volumeBindingMode: 'WaitForFirstConsumer',
      reclaimPolicy: 'Delete',
    },
  ];
  return yaml({ apiVersion: 'v1', kind: 'List', items });
}
