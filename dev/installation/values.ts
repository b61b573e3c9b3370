import { imageValues, mergeValues } from '../../manifests/quickstart.ts';

/** Image references as dev/images gives them. */
export type ImageRefs = Readonly<Record<'bench' | 'nats' | 'postgres' | 'qdrant-dev', string>>;

/** The images an installation on our own cluster needs. */
export const INSTALLED_IMAGES = ['bench', 'nats', 'postgres', 'qdrant-dev'] as const;

/** The user our own images of Postgres and NATS run as. */
const USER = { runAsUser: 65_532, runAsGroup: 65_532, fsGroup: 65_532 };
/**
 * No CPU is requested but by Qdrant: on two cores one is Qdrant's alone, and all else shares the other, which the kubelet
 * keeps for itself and has therefore none to give.
 */
const memory = (request: string, limit: string) => ({
  requests: { cpu: null, memory: request },
  limits: { memory: limit },
});

/** Values of the chart for one small machine and images made on it. */
export function installationValues(refs: ImageRefs): Record<string, unknown> {
  const { bench, nats, postgres, 'qdrant-dev': qdrant } = refs;
  return mergeValues(imageValues({ bench, nats, postgres, qdrant }), {
    imagePullPolicy: 'IfNotPresent',
    // The benchmark range, which our cluster and this machine's end of it have: datasets and existing Qdrants of tests.
    addresses: { allow: ['198.18.0.0/15'] },
    resources: memory('256Mi', '512Mi'),
    loadgen: {
      resources: { requests: { cpu: null, memory: '512Mi' }, limits: { cpu: null, memory: '1Gi' } },
      datasetStorage: '2Gi',
    },
    nats: { resources: memory('64Mi', '256Mi'), podSecurityContext: USER },
    postgres: { resources: memory('128Mi', '512Mi'), podSecurityContext: USER },
    nodeMetrics: { enabled: true, throttling: true },
  }) as Record<string, unknown>;
}
