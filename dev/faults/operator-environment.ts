/** What an operator under trial is told, besides what its trial is about. */
export interface Surroundings {
  /** Its pod's name. */
  name: string;
  /** Its own namespace. */
  home: string;
  kubeconfig: string;
  databaseUrl: string;
  natsUrl: string;
  natsSecret: string;
}

/** As charts/qdrant-bench/templates/deployment.yaml sets it, for a world where images and Qdrants are played. */
export function operatorEnvironment(around: Surroundings): Record<string, string> {
  return {
    KUBECONFIG: around.kubeconfig,
    QDRANT_BENCH_NAMESPACE: around.home,
    POD_NAME: around.name,
    QDRANT_BENCH_DATABASE_URL: around.databaseUrl,
    QDRANT_BENCH_NATS_URL: around.natsUrl,
    QDRANT_BENCH_NATS_SECRET: around.natsSecret,
    QDRANT_BENCH_LOADGEN_IMAGE: 'qdrant-bench:played',
    QDRANT_BENCH_DATASET_STORAGE: '1Gi',
    QDRANT_BENCH_IMAGE_PULL_POLICY: 'Never',
    QDRANT_BENCH_HTTP_PORT: '0',
    // The played Qdrants are on loopback, where no installation lets a sweep go.
    QDRANT_BENCH_ADDRESSES_ALLOW: '127.0.0.0/8',
  };
}

/** Text of a kubeconfig that names a server without credentials. */
export function kubeconfigOf(server: string): string {
  const name = 'faults';
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  });
}
