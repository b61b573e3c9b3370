import type { KubeObject } from '../../runtime/kube.ts';
import { awayFrom, CONTAINER_SECURITY, podSecurity } from '../../owned/pod-defaults.ts';
import { LABELS, ownerReference, sweepLabels, type SweepRef } from '../../owned/sweep-ref.ts';

/** Where an installation wants Qdrant to run, and what it gets unless the sweep says otherwise. */
export interface QdrantSettings {
  /** `qdrant/qdrant:v{version}`; an image without `{version}` is taken as it is. */
  image: string;
  imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  imagePullSecrets?: readonly string[];
  /** Without `v`. */
  version: string;
  /** Kubernetes quantities; requests equal limits. */
  cpu: string;
  memory: string;
  storage: string;
  /** Default: the cluster's default class. */
  storageClassName?: string;
  nodeSelector?: Readonly<Record<string, string>>;
  tolerations?: readonly unknown[];
}

/** What a sweep's Qdrant is made of. */
export interface QdrantPlan extends QdrantSettings {
  sweep: SweepRef;
  /** Not owned by the sweep, so that it outlives it: `retention.onDelete: Keep`. */
  outlives?: boolean;
  /** Of StatefulSet, Service and Secret. */
  name: string;
}

export const PORT = 6333;
export const CONTAINER = 'qdrant';
export const API_KEY = 'api-key';
const STORAGE = '/qdrant/storage';
/** The user of Qdrant's unprivileged images; the others run under it as well. */
const USER = 1000;
/** Written to besides the data, which a read-only root needs to know. */
const SCRATCH = { snapshots: '/qdrant/snapshots', init: '/qdrant/init', tmp: '/tmp' } as const;

export const imageOf = ({ image, version }: Pick<QdrantPlan, 'image' | 'version'>): string =>
  image.replaceAll('{version}', version);

/** The one pod of a StatefulSet, and the claim that holds its data. */
export const podName = (name: string): string => `${name}-0`;
export const claimName = (name: string): string => `storage-${name}-0`;

/** `existing`: what is there already, whose claim templates cannot be changed any more. */
export function qdrantStatefulSet(plan: QdrantPlan, existing?: KubeObject): KubeObject {
  const { sweep, name } = plan;
  const labels = sweepLabels(sweep, 'qdrant');
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name,
      namespace: sweep.namespace,
      ...(existing?.metadata.uid ? { uid: existing.metadata.uid } : {}),
      labels,
      ...(plan.outlives ? {} : { ownerReferences: [ownerReference(sweep)] }),
    },
    spec: {
      replicas: 1,
      serviceName: name,
      selector: { matchLabels: { [LABELS.component]: 'qdrant', [LABELS.sweepUid]: sweep.uid } },
      // Nobody but us may restart a server under measurement; and a pod that never gets ready must be replaceable.
      updateStrategy: { type: 'OnDelete' },
      podManagementPolicy: 'Parallel',
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Retain' },
      template: { metadata: { labels }, spec: podSpec(plan) },
      volumeClaimTemplates: claimTemplates(plan, existing),
    },
  };
}

function podSpec(plan: QdrantPlan) {
  const { name, imagePullSecrets = [], nodeSelector, tolerations, cpu, memory } = plan;
  const resources = { cpu, memory };
  return {
    automountServiceAccountToken: false,
    // Qdrant reads QDRANT_… variables; a Service named qdrant would put some there.
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 30,
    ...(nodeSelector ? { nodeSelector } : {}),
    ...(tolerations ? { tolerations } : {}),
    ...(imagePullSecrets.length > 0 ? { imagePullSecrets: imagePullSecrets.map((secret) => ({ name: secret })) } : {}),
    affinity: awayFrom('loadgen'),
    securityContext: podSecurity(USER),
    containers: [
      {
        name: CONTAINER,
        image: imageOf(plan),
        ...(plan.imagePullPolicy ? { imagePullPolicy: plan.imagePullPolicy } : {}),
        ports: [{ name: 'http', containerPort: PORT, protocol: 'TCP' }],
        env: [
          { name: 'QDRANT__SERVICE__HOST', value: '0.0.0.0' },
          { name: 'QDRANT__SERVICE__HTTP_PORT', value: String(PORT) },
          { name: 'QDRANT__SERVICE__API_KEY', valueFrom: { secretKeyRef: { name, key: API_KEY } } },
          { name: 'QDRANT__STORAGE__STORAGE_PATH', value: STORAGE },
          { name: 'QDRANT__STORAGE__SNAPSHOTS_PATH', value: SCRATCH.snapshots },
          { name: 'QDRANT__TELEMETRY_DISABLED', value: 'true' },
          { name: 'QDRANT_INIT_FILE_PATH', value: `${SCRATCH.init}/.qdrant-initialized` },
        ],
        // Guaranteed: a whole number of CPUs is exclusive where the kubelet's CPU policy is static.
        resources: { requests: resources, limits: resources },
        startupProbe: {
          httpGet: { path: '/readyz', port: 'http' },
          periodSeconds: 1,
          timeoutSeconds: 5,
          failureThreshold: 600,
        },
        // Patient: a server at its limit answers late, which is a result and no reason to call it dead.
        readinessProbe: {
          httpGet: { path: '/readyz', port: 'http' },
          periodSeconds: 5,
          timeoutSeconds: 15,
          failureThreshold: 12,
        },
        securityContext: CONTAINER_SECURITY,
        volumeMounts: [
          { name: 'storage', mountPath: STORAGE },
          ...Object.entries(SCRATCH).map(([volume, mountPath]) => ({ name: volume, mountPath })),
        ],
      },
    ],
    volumes: Object.keys(SCRATCH).map((volume) => ({ name: volume, emptyDir: {} })),
  };
}

function claimTemplates({ sweep, storage, storageClassName }: QdrantPlan, existing?: KubeObject): unknown {
  const spec = existing?.['spec'] as { volumeClaimTemplates?: unknown } | undefined;
  return (
    spec?.volumeClaimTemplates ?? [
      {
        metadata: { name: 'storage', labels: sweepLabels(sweep, 'qdrant') },
        spec: {
          accessModes: ['ReadWriteOnce'],
          ...(storageClassName ? { storageClassName } : {}),
          resources: { requests: { storage } },
        },
      },
    ]
  );
}
