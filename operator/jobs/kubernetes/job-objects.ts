import type { SweepSpec } from '../../../crds/sweep/sweep-spec.ts';
import type { AddressSettings } from '../../../loadgen/net/address-rules.ts';
import { CLAIMS_DIR, sourceClaims } from '../../../loadgen/dataset-sources.ts';
import type { Job } from '../../../loadgen/protocol.ts';
import type { KubeObject, ObjectMeta } from '../../runtime/kube.ts';
import { awayFrom, CONTAINER_SECURITY, podSecurity } from '../../owned/pod-defaults.ts';
import { LABELS, ownerReference, sweepLabels, type SweepRef } from '../../owned/sweep-ref.ts';
import type { JobSecret } from '../job-runner.ts';
import { datasetClaimName, jobName } from './job-name.ts';

/** How an installation wants load generators to run. */
export interface LoadgenPodSettings {
  image: string;
  imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  natsUrl: string;
  /** Where a user's URLs may lead besides the public internet, and where they never may. */
  addresses: AddressSettings;
  /** Requests and limits as Kubernetes takes them. Equal ones with a whole `cpu` get cores of their own where the kubelet gives such. */
  resources: Readonly<Record<'requests' | 'limits', Readonly<Record<string, string>>>>;
  /** Nodes they may run on, and whose taints they bear. */
  nodeSelector?: Readonly<Record<string, string>>;
  tolerations?: readonly object[];
  /** Size of the claim that holds a sweep's dataset. */
  datasetStorage: string;
  datasetStorageClassName?: string;
  /** A Job is ended after so many seconds. */
  deadlineSeconds: number;
}

/** Where a pod finds its job, and the dataset. */
const JOB_DIR = '/etc/qdrant-bench/job';
export const DATASETS_DIR = '/var/lib/qdrant-bench/datasets';
/** Exit code of a pod that was started wrongly (loadgen/pod): another one would fail alike. */
const EXIT_BAD_CONFIGURATION = 64;
/** The image's own user. */
const USER = 65_532;
/** Finished Jobs are deleted once their results are recorded; this is for those nobody could. */
const FORGOTTEN_SECONDS = 7 * 86_400;

/** Metadata of an object that goes when its sweep goes. */
export function ownedMetadata(sweep: SweepRef, name: string, labels: Record<string, string> = {}): ObjectMeta {
  return {
    name,
    namespace: sweep.namespace,
    labels: { ...sweepLabels(sweep), ...labels },
    ownerReferences: [ownerReference(sweep)],
  };
}

function jobLabels(job: Job): Record<string, string> {
  return {
    [LABELS.component]: 'loadgen',
    [LABELS.job]: job.kind,
    ...(job.kind === 'Measure' ? { [LABELS.run]: job.run, [LABELS.attempt]: String(job.attempt) } : {}),
  };
}

/** The Secret a pod reads its job, its NATS credentials and its environment from. */
export function jobSecret(
  sweep: SweepRef,
  job: Job,
  credentials: string,
  secrets: Readonly<Record<string, JobSecret>>,
): KubeObject {
  // What is in a Secret already stays there alone.
  const texts = Object.entries(secrets).filter(([, secret]) => typeof secret === 'string');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: ownedMetadata(sweep, jobName(sweep, job), jobLabels(job)),
    type: 'Opaque',
    stringData: { 'job.json': JSON.stringify(job), 'nats.creds': credentials, ...Object.fromEntries(texts) },
  };
}

/** Where a sweep's prepared dataset stays. */
export function datasetClaim(sweep: SweepRef, settings: LoadgenPodSettings): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: ownedMetadata(sweep, datasetClaimName(sweep), { [LABELS.component]: 'dataset' }),
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: settings.datasetStorage } },
      ...(settings.datasetStorageClassName ? { storageClassName: settings.datasetStorageClassName } : {}),
    },
  };
}

/** What a sweep's own `spec.loadgen` changes of the installation's settings. Requests equal limits, as the installation has them. */
export function withLoadgen(
  settings: LoadgenPodSettings,
  { resources, nodeSelector, tolerations }: NonNullable<SweepSpec['loadgen']> = {},
): LoadgenPodSettings {
  const asked = Object.fromEntries(Object.entries(resources ?? {}).filter(([, quantity]) => quantity !== undefined));
  const { requests, limits } = settings.resources;
  return {
    ...settings,
    resources: { requests: { ...requests, ...asked }, limits: { ...limits, ...asked } },
    ...(nodeSelector ? { nodeSelector } : {}),
    ...(tolerations ? { tolerations } : {}),
  };
}

/** Pods that share a job. */
function podsOf(job: Job): number {
  return job.kind === 'Prepare' ? 1 : (job.pods ?? 1);
}

/** Several pods mount one claim, which one node at a time may: without this, one of them would wait for its volume for ever. */
const together = (name: string) => ({
  podAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      {
        topologyKey: 'kubernetes.io/hostname',
        labelSelector: { matchLabels: { 'batch.kubernetes.io/job-name': name } },
      },
    ],
  },
});

/**
 * A user's volume as the pod has it. The volume itself is read-only, not only its mount: else the kubelet would make all
 * that is in it the pod's group's (fsGroup).
 */
function mountedClaim(claimName: string, index: number) {
  const name = `claim-${index}`;
  return {
    mount: { name, mountPath: `${CLAIMS_DIR}/${claimName}`, readOnly: true },
    volume: { name, persistentVolumeClaim: { claimName, readOnly: true } },
  };
}

/**
 * The batch/v1 Job: its pods, each once. A pod that fails or is taken away ends it, whatever the reason: a second one in the
 * same collection would measure what the first one left. Whether there is another attempt is the sweep's decision.
 */
export function jobObject(
  sweep: SweepRef,
  job: Job,
  settings: LoadgenPodSettings,
  secrets: Readonly<Record<string, JobSecret>>,
): KubeObject {
  const name = jobName(sweep, job);
  const pods = podsOf(job);
  const labels = { ...sweepLabels(sweep), ...jobLabels(job) };
  const value = (variable: string, text: string) => ({ name: variable, value: text });
  const claims = job.kind === 'Prepare' ? sourceClaims(job.dataset).map(mountedClaim) : [];
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: ownedMetadata(sweep, name, jobLabels(job)),
    spec: {
      backoffLimit: 0,
      ...(pods > 1 ? { completionMode: 'Indexed' } : {}),
      completions: pods,
      parallelism: pods,
      activeDeadlineSeconds: settings.deadlineSeconds,
      ttlSecondsAfterFinished: FORGOTTEN_SECONDS,
      podReplacementPolicy: 'Failed',
      podFailurePolicy: {
        rules: [
          { action: 'FailJob', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
          {
            action: 'FailJob',
            onExitCodes: { containerName: 'loadgen', operator: 'In', values: [EXIT_BAD_CONFIGURATION] },
          },
        ],
      },
      template: {
        metadata: { labels },
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: 15,
          securityContext: podSecurity(USER),
          affinity: { ...awayFrom('qdrant'), ...(pods > 1 ? together(name) : {}) },
          ...(settings.nodeSelector ? { nodeSelector: settings.nodeSelector } : {}),
          ...(settings.tolerations ? { tolerations: settings.tolerations } : {}),
          containers: [
            {
              name: 'loadgen',
              image: settings.image,
              imagePullPolicy: settings.imagePullPolicy,
              command: ['node', '/app/loadgen/pod/main.ts', `${JOB_DIR}/job.json`],
              env: [
                value('QDRANT_BENCH_NATS_URL', settings.natsUrl),
                value('QDRANT_BENCH_NATS_CREDS', `${JOB_DIR}/nats.creds`),
                value('QDRANT_BENCH_NAMESPACE', sweep.namespace),
                value('QDRANT_BENCH_JOB', name),
                value('QDRANT_BENCH_SWEEP', sweep.name),
                ...(pods > 1 ? [value('QDRANT_BENCH_PODS', String(pods))] : []),
                { name: 'QDRANT_BENCH_POD_UID', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } },
                value('QDRANT_BENCH_ADDRESSES_ALLOW', settings.addresses.allow.join(',')),
                value('QDRANT_BENCH_ADDRESSES_DENY', settings.addresses.deny.join(',')),
                ...Object.entries(secrets).map(([variable, secret]) => ({
                  name: variable,
                  valueFrom: typeof secret === 'string' ? { secretKeyRef: { name, key: variable } } : { ...secret },
                })),
              ],
              resources: settings.resources,
              securityContext: CONTAINER_SECURITY,
              volumeMounts: [
                { name: 'job', mountPath: JOB_DIR, readOnly: true },
                { name: 'datasets', mountPath: DATASETS_DIR, readOnly: job.kind !== 'Prepare' },
                { name: 'tmp', mountPath: '/tmp' },
                ...claims.map(({ mount }) => mount),
              ],
            },
          ],
          volumes: [
            {
              name: 'job',
              secret: {
                secretName: name,
                defaultMode: 0o440,
                items: [
                  { key: 'job.json', path: 'job.json' },
                  { key: 'nats.creds', path: 'nats.creds' },
                ],
              },
            },
            { name: 'datasets', persistentVolumeClaim: { claimName: datasetClaimName(sweep) } },
            { name: 'tmp', emptyDir: {} },
            ...claims.map(({ volume }) => volume),
          ],
        },
      },
    },
  };
}
