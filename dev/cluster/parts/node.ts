import { join } from 'node:path';
import { probeHttp, probeSocket } from '../probe.ts';
import { type Part, type PartContext, yaml } from './part.ts';

/** The cluster's DNS domain. */
export const clusterDomain = 'cluster.local';

export type ContainerdConfig = {
  command: string;
  socket: string;
  runc: string;
  /** Where the CNI plugins are. */
  plugins: string;
  snapshotter: 'overlayfs' | 'native';
  /** The image that holds a pod's namespaces. */
  sandboxImage: string;
};

export function containerd(context: PartContext, config: ContainerdConfig): Part {
  const { socket, runc, plugins, snapshotter, sandboxImage } = config;
  const path = (name: string): string => JSON.stringify(join(context.stateDir, 'containerd', name));
  const file = context.config('containerd.toml');
  const cni = context.config('cni');
  const cri = '[plugins."io.containerd.grpc.v1.cri"';
  const network = {
    cniVersion: '0.4.0',
    name: 'qdrant-bench',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        hairpinMode: true,
        // Pods meet this machine at their own addresses; there is nothing else they could reach.
        ipMasq: false,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: context.pods }]],
          routes: [{ dst: '0.0.0.0/0' }],
          dataDir: join(context.stateDir, 'cni'),
        },
      },
      { type: 'portmap', capabilities: { portMappings: true }, snat: true },
    ],
  };
  const toml = `version = 2
root = ${path('root')}
state = ${path('run')}
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
]
[debug]
  level = "warn"
[grpc]
  address = ${JSON.stringify(socket)}
${cri}]
  sandbox_image = ${JSON.stringify(sandboxImage)}
  # Without CAP_SYS_RESOURCE nobody may make a process less likely to be killed than its parent.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  enable_unprivileged_ports = true
${cri}.containerd]
  snapshotter = ${JSON.stringify(snapshotter)}
${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
${cri}.containerd.runtimes.runc.options]
  BinaryName = ${JSON.stringify(runc)}
  SystemdCgroup = false
${cri}.cni]
  bin_dir = ${JSON.stringify(plugins)}
  conf_dir = ${JSON.stringify(cni)}
`;
  return {
    name: 'containerd',
    command: config.command,
    args: ['--config', file],
    files: { [file]: toml, [join(cni, '10-bridge.conflist')]: yaml(network) },
    healthy: () => probeSocket(socket),
  };
}

export type KubeletConfig = { socket: string; cgroup: string; cpuPolicy: 'static' | 'none' };

export function kubelet(context: PartContext, config: KubeletConfig): Part {
  const file = context.config('kubelet.yaml');
  const small = { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' };
  const content = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: context.node,
    healthzBindAddress: context.node,
    healthzPort: 10248,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: context.pki('ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: context.pki('kubelet.crt'),
    tlsPrivateKeyFile: context.pki('kubelet.key'),
    containerRuntimeEndpoint: `unix://${config.socket}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${config.cgroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    cpuManagerPolicy: config.cpuPolicy,
    // Pods that have no core of their own leave the one that another gets within this time.
    cpuManagerReconcilePeriod: '2s',
    ...(config.cpuPolicy === 'static' ? { reservedSystemCPUs: '0' } : {}),
    clusterDomain,
    clusterDNS: [context.dns],
    // This machine's name servers cannot be reached from inside.
    resolvConf: '',
    // An image that is removed cannot be pulled again: there is no registry.
    imageGCHighThresholdPercent: 100,
    evictionHard: small,
    makeIPTablesUtilChains: false,
    podLogsDir: '/var/log/pods',
    containerLogMaxSize: '20Mi',
    containerLogMaxFiles: 2,
    volumePluginDir: join(context.stateDir, 'volume-plugins'),
    logging: { verbosity: 0 },
  };
  return {
    name: 'kubelet',
    command: context.tool('kubelet'),
    args: [
      `--config=${file}`,
      `--kubeconfig=${context.config('kubelet.kubeconfig')}`,
      `--hostname-override=${context.nodeName}`,
      `--node-ip=${context.node}`,
    ],
    files: { [file]: yaml(content) },
    healthy: async () => (await probeHttp(`http://${context.node}:10248/healthz`)) === 200,
  };
}

export function kubeProxy(context: PartContext): Part {
  const file = context.config('kube-proxy.yaml');
  const content = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    bindAddress: context.node,
    healthzBindAddress: `${context.node}:10256`,
    metricsBindAddress: '127.0.0.1:10249',
    clusterCIDR: context.pods,
    hostnameOverride: context.nodeName,
    clientConnection: { kubeconfig: context.config('kube-proxy.kubeconfig') },
    // Its settings are the whole machine's, which are not ours.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
  return {
    name: 'kube-proxy',
    command: context.tool('kube-proxy'),
    args: [`--config=${file}`],
    files: { [file]: yaml(content) },
    healthy: async () => (await probeHttp(`http://${context.node}:10256/healthz`)) === 200,
  };
}
