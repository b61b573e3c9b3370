/** The versions dev/go/go.mod requires, which its test compares. */
export const kubernetesVersion = '1.36.3';
export const natsVersion = '2.15.2';
export const helmVersion = '3.22.0';
export const corednsVersion = '1.14.7';
export const localPathVersion = '0.0.30';

export const goTools = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'kubectl',
  'coredns',
  'nats-server',
  'helm',
  'local-path-provisioner',
] as const;

/** A Go program this project builds or downloads. */
export type GoTool = (typeof goTools)[number];

export type Program = {
  /** The Go package of its `main`. */
  package: string;
  /** Go variables to set when linking, by their full name. */
  stamps: Readonly<Record<string, string>>;
  /** How it is asked for its version, and what its answer must contain. */
  version: { args: readonly string[]; says: string };
  /** Where its own project publishes it for a system such as `linux-amd64`; a `.tar.gz` holds a file of its name. */
  release?: (system: string) => string;
};

// Without these a server calls itself v0.0.0, and clients take it for one that is older than everything.
const kubernetesStamps = {
  'k8s.io/component-base/version.gitVersion': `v${kubernetesVersion}`,
  'k8s.io/component-base/version.gitMajor': '1',
  'k8s.io/component-base/version.gitMinor': '36',
  'k8s.io/client-go/pkg/version.gitVersion': `v${kubernetesVersion}`,
};

function kubernetes(name: string, args: readonly string[] = ['--version']): Program {
  return {
    package: `k8s.io/kubernetes/cmd/${name}`,
    stamps: kubernetesStamps,
    version: { args, says: `v${kubernetesVersion}` },
    release: (system) => `https://dl.k8s.io/release/v${kubernetesVersion}/bin/${system.replace('-', '/')}/${name}`,
  };
}

export const programs: Readonly<Record<GoTool, Program>> = {
  'kube-apiserver': kubernetes('kube-apiserver'),
  'kube-controller-manager': kubernetes('kube-controller-manager'),
  'kube-scheduler': kubernetes('kube-scheduler'),
  kubelet: kubernetes('kubelet'),
  'kube-proxy': kubernetes('kube-proxy'),
  kubectl: kubernetes('kubectl', ['version', '--client']),
  coredns: {
    package: 'github.com/coredns/coredns',
    stamps: {},
    version: { args: ['-version'], says: corednsVersion },
    release: (system) =>
      `https://github.com/coredns/coredns/releases/download/v${corednsVersion}/coredns_${corednsVersion}_${system.replace('-', '_')}.tgz`,
  },
  'nats-server': {
    package: 'github.com/nats-io/nats-server/v2',
    stamps: {},
    version: { args: ['--version'], says: `v${natsVersion}` },
    release: (system) =>
      `https://github.com/nats-io/nats-server/releases/download/v${natsVersion}/nats-server-v${natsVersion}-${system}.tar.gz`,
  },
  helm: {
    package: 'helm.sh/helm/v3/cmd/helm',
    stamps: {
      'helm.sh/helm/v3/internal/version.version': `v${helmVersion}`,
      // What `helm template` and `helm lint` take the cluster for.
      'helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor': '1',
      'helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor': '36',
      'helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor': '1',
      'helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor': '36',
    },
    version: { args: ['version', '--short'], says: `v${helmVersion}` },
    release: (system) => `https://get.helm.sh/helm-v${helmVersion}-${system}.tar.gz`,
  },
  'local-path-provisioner': {
    package: 'github.com/rancher/local-path-provisioner',
    stamps: { 'main.VERSION': `v${localPathVersion}` },
    version: { args: ['--version'], says: `v${localPathVersion}` },
  },
};
