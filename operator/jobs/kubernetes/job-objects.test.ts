import fc from 'fast-check';
import type { JobSecret } from '../job-runner.ts';
import { describe, expect, it } from 'vitest';
import type { Job } from '../../../loadgen/protocol.ts';
import { datasetClaimName, jobName, namePrefix } from './job-name.ts';
import { LABELS } from '../../owned/sweep-ref.ts';
import { datasetClaim, jobObject, jobSecret, ownedMetadata, withLoadgen } from './job-objects.ts';
import { finalsJob, measureJob, prepareJob, SETTINGS, SWEEP } from './testing/jobs.ts';

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const sweepName = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
const sweep = fc.record({ name: sweepName, uid: fc.uuid() });
const job = fc.oneof(
  fc.constantFrom<Job>(prepareJob(), finalsJob()),
  fc
    .record({ run: fc.stringMatching(/^[0-9a-f]{12}$/), attempt: fc.integer({ min: 1, max: 1_000_000 }) })
    .map((changes) => measureJob(changes)),
);

interface PodSpec {
  [field: string]: unknown;
  containers: {
    env: { name: string; value?: string; valueFrom?: { secretKeyRef?: { name: string; key: string } } }[];
    volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
    [field: string]: unknown;
  }[];
  volumes: { name: string; secret?: { secretName: string; items: { key: string }[] } }[];
}
interface JobSpec {
  [field: string]: unknown;
  template: { metadata: { labels: Record<string, string> }; spec: PodSpec };
}
const specOf = (of: Job, secrets: Readonly<Record<string, JobSecret>> = {}): JobSpec =>
  jobObject(SWEEP, of, SETTINGS, secrets)['spec'] as JobSpec;
const podOf = (of: Job, secrets?: Readonly<Record<string, JobSecret>>): PodSpec => specOf(of, secrets).template.spec;

describe('the names of a sweep’s objects', () => {
  it('are DNS labels of at most 52 characters, whatever the sweep is called', () => {
    fc.assert(
      fc.property(sweep, job, (of, asked) => {
        expect(namePrefix(of).length).toBeLessThanOrEqual(28);
        for (const name of [jobName(of, asked), datasetClaimName(of)]) {
          expect(name).toMatch(DNS_LABEL);
          expect(name.length).toBeLessThanOrEqual(52);
        }
      }),
    );
  });

  it('are the same for the same job, and others for another sweep, job or attempt', () => {
    fc.assert(
      fc.property(sweep, job, (of, asked) => {
        expect(jobName({ ...of }, structuredClone(asked))).toBe(jobName(of, asked));
        expect(jobName({ ...of, uid: `${of.uid}-other` }, asked)).not.toBe(jobName(of, asked));
      }),
    );
    const all = [
      prepareJob(),
      prepareJob({ limit: 11 }),
      measureJob(),
      measureJob({ attempt: 2 }),
      measureJob({ run: 'ffffffffffff' }),
      finalsJob(),
      finalsJob({ repeats: 3 }),
    ];
    expect(new Set(all.map((one) => jobName(SWEEP, one))).size).toBe(all.length);
  });
});

describe('what is made for a sweep', () => {
  it('goes with it: the sweep is its owner and controller', () => {
    const reference = {
      apiVersion: SWEEP.apiVersion,
      kind: 'QdrantSweep',
      name: SWEEP.name,
      uid: SWEEP.uid,
      controller: true,
      blockOwnerDeletion: true,
    };
    for (const made of [
      jobObject(SWEEP, measureJob(), SETTINGS, {}),
      jobSecret(SWEEP, measureJob(), 'creds', {}),
      datasetClaim(SWEEP, SETTINGS),
    ]) {
      expect(made.metadata.ownerReferences).toEqual([reference]);
      expect(made.metadata.namespace).toBe(SWEEP.namespace);
      expect(made.metadata.labels).toMatchObject({ [LABELS.managedBy]: 'qdrant-bench', [LABELS.sweepUid]: SWEEP.uid });
    }
    expect(ownedMetadata(SWEEP, 'x')).toMatchObject({ name: 'x', labels: { [LABELS.sweep]: SWEEP.name } });
  });

  it('has labels that Kubernetes takes, on Jobs and pods alike', () => {
    fc.assert(
      fc.property(sweep, job, (of, asked) => {
        const made = jobObject({ ...SWEEP, ...of }, asked, SETTINGS, {});
        const { labels } = (made['spec'] as JobSpec).template.metadata;
        expect(labels).toEqual(made.metadata.labels);
        for (const value of Object.values(labels)) expect(value).toMatch(LABEL_VALUE);
        expect(labels[LABELS.component]).toBe('loadgen');
        expect(labels[LABELS.job]).toBe(asked.kind);
      }),
    );
    const { labels } = specOf(measureJob({ attempt: 3 })).template.metadata;
    expect(labels).toMatchObject({ [LABELS.run]: measureJob().run, [LABELS.attempt]: '3' });
    expect(specOf(prepareJob()).template.metadata.labels).not.toHaveProperty([LABELS.run]);
  });
});

describe('a Job', () => {
  it('runs one pod once: another attempt is the sweep’s to decide', () => {
    expect(specOf(measureJob())).toMatchObject({
      backoffLimit: 0,
      completions: 1,
      parallelism: 1,
      activeDeadlineSeconds: SETTINGS.deadlineSeconds,
      podReplacementPolicy: 'Failed',
      template: { spec: { restartPolicy: 'Never' } },
    });
  });

  it.each<[string, Job]>([
    ['a build', measureJob({ pods: 3 })],
    ['the finals', finalsJob({ pods: 3 })],
  ])('runs %s in as many pods as share it, told apart, where they can all mount the dataset', (_, asked) => {
    expect(specOf(asked)).toMatchObject({
      completionMode: 'Indexed',
      completions: 3,
      parallelism: 3,
      backoffLimit: 0,
    });
    const pod = podOf(asked);
    expect(pod.containers[0]?.env).toContainEqual({ name: 'QDRANT_BENCH_PODS', value: '3' });
    expect(pod['affinity']).toMatchObject({
      podAntiAffinity: expect.anything() as unknown,
      podAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          {
            topologyKey: 'kubernetes.io/hostname',
            labelSelector: { matchLabels: { 'batch.kubernetes.io/job-name': jobName(SWEEP, asked) } },
          },
        ],
      },
    });
    const alone = podOf(measureJob());
    expect(alone['affinity']).not.toHaveProperty('podAffinity');
    expect(alone.containers[0]?.env.map(({ name }) => name)).not.toContain('QDRANT_BENCH_PODS');
    expect(specOf(prepareJob())).not.toHaveProperty('completionMode');
  });

  it('gets what its sweep asks for: resources, nodes, taints', () => {
    const tolerations = [{ key: 'load', operator: 'Exists' as const }];
    const settings = withLoadgen(SETTINGS, { resources: { cpu: '4' }, nodeSelector: { disk: 'fast' }, tolerations });
    const { template } = jobObject(SWEEP, measureJob(), settings, {})['spec'] as JobSpec;
    expect(template.spec).toMatchObject({ nodeSelector: { disk: 'fast' }, tolerations });
    const both = { cpu: '4', memory: '1Gi' };
    expect(template.spec.containers[0]?.['resources']).toEqual({ requests: both, limits: both });
    expect(withLoadgen(SETTINGS)).toEqual(SETTINGS);
    expect(podOf(measureJob())).not.toHaveProperty('nodeSelector');
  });

  it('fails for good when its pod is taken away or was started wrongly', () => {
    const { rules } = specOf(measureJob())['podFailurePolicy'] as { rules: { action: string }[] };
    expect(rules.every(({ action }) => action === 'FailJob')).toBe(true);
    expect(rules).toMatchObject([
      { onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
      { onExitCodes: { containerName: 'loadgen', operator: 'In', values: [64] } },
    ]);
  });

  it('may do nothing in the cluster and little on its node', () => {
    const pod = podOf(measureJob());
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(pod.containers).toHaveLength(1);
    expect(pod.containers[0]?.['securityContext']).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    for (const field of ['hostNetwork', 'hostPID', 'hostIPC', 'serviceAccountName'])
      expect(pod).not.toHaveProperty(field);
  });

  it('holds no secret, only where secrets are', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Za-z0-9]{16,40}$/),
        fc.stringMatching(/^[A-Za-z0-9]{16,40}$/),
        (key, creds) => {
          const secrets = { QDRANT_BENCH_TARGET_API_KEY: `s3cret${key}` };
          const made = JSON.stringify(jobObject(SWEEP, measureJob(), SETTINGS, secrets));
          expect(made).not.toContain(secrets.QDRANT_BENCH_TARGET_API_KEY);
          const secret = jobSecret(SWEEP, measureJob(), `creds-${creds}`, secrets);
          expect(secret['stringData']).toMatchObject({ 'nats.creds': `creds-${creds}`, ...secrets });
          expect(made).not.toContain(`creds-${creds}`);
        },
      ),
    );
    const name = jobName(SWEEP, measureJob());
    const env = podOf(measureJob(), { QDRANT_BENCH_TARGET_API_KEY: 'x' }).containers[0]?.env ?? [];
    expect(env.find((one) => one.name === 'QDRANT_BENCH_TARGET_API_KEY')).toEqual({
      name: 'QDRANT_BENCH_TARGET_API_KEY',
      valueFrom: { secretKeyRef: { name, key: 'QDRANT_BENCH_TARGET_API_KEY' } },
    });
  });

  it('takes from a Secret of the user’s own what is there, and copies nothing of it', () => {
    const secretKeyRef = { name: 'data', key: 'headers' };
    const secrets = { QDRANT_BENCH_HEADERS_BASE: { secretKeyRef }, QDRANT_BENCH_TARGET_API_KEY: 'x' };
    const env = podOf(measureJob(), secrets).containers[0]?.env ?? [];
    expect(env.find((one) => one.name === 'QDRANT_BENCH_HEADERS_BASE')).toEqual({
      name: 'QDRANT_BENCH_HEADERS_BASE',
      valueFrom: { secretKeyRef },
    });
    const secret = jobSecret(SWEEP, measureJob(), 'creds', secrets);
    expect(Object.keys(secret['stringData'] as object)).toEqual([
      'job.json',
      'nats.creds',
      'QDRANT_BENCH_TARGET_API_KEY',
    ]);
  });

  it('is told where a user’s URLs may lead', () => {
    const env = podOf(measureJob()).containers[0]?.env ?? [];
    const told = Object.fromEntries(env.map(({ name, value }) => [name, value]));
    expect(told).toMatchObject({
      QDRANT_BENCH_ADDRESSES_ALLOW: '10.0.0.0/8,data.example',
      QDRANT_BENCH_ADDRESSES_DENY: '10.96.0.0/12',
    });
  });

  it('finds its document and credentials in the Secret of its own name, and no more of it in files', () => {
    const name = jobName(SWEEP, measureJob());
    const secret = jobSecret(SWEEP, measureJob(), 'creds', { QDRANT_BENCH_TARGET_API_KEY: 'x' });
    expect(secret.metadata.name).toBe(name);
    const { 'job.json': document = '' } = secret['stringData'] as Record<string, string>;
    expect(JSON.parse(document)).toEqual(measureJob());
    const volume = podOf(measureJob()).volumes.find((one) => one.name === 'job');
    expect(volume?.secret?.secretName).toBe(name);
    expect(volume?.secret?.items.map(({ key }) => key)).toEqual(['job.json', 'nats.creds']);
  });

  it.each([
    ['Prepare', prepareJob(), false],
    ['Measure', measureJob(), true],
    ['Finals', finalsJob(), true],
  ])('%s sees the dataset where it belongs; only a preparation writes it', (_kind, of, readOnly) => {
    const mounts = podOf(of).containers[0]?.volumeMounts ?? [];
    expect(mounts.find(({ name }) => name === 'datasets')).toMatchObject({
      mountPath: '/var/lib/qdrant-bench/datasets',
      readOnly,
    });
    expect(mounts.find(({ name }) => name === 'job')).toMatchObject({ readOnly: true });
  });

  it('has the volumes of its sources where it looks for them, each once, and can change nothing on them', () => {
    const on = (claimName: string, path: string) => ({ persistentVolumeClaim: { claimName, path } });
    const vectors = {
      base: on('shop', '/a.npy'),
      queries: on('shop', '/b.npy'),
      groundTruth: on('truth.v2', '/c.npy'),
    };
    const of = prepareJob({ dataset: { vectors: { ...vectors, distance: 'Dot' } } });
    const { containers, volumes } = podOf(of);
    expect(containers[0]?.volumeMounts.filter(({ name }) => name.startsWith('claim'))).toEqual([
      { name: 'claim-0', mountPath: '/var/lib/qdrant-bench/claims/shop', readOnly: true },
      { name: 'claim-1', mountPath: '/var/lib/qdrant-bench/claims/truth.v2', readOnly: true },
    ]);
    expect(volumes.filter(({ name }) => name.startsWith('claim'))).toEqual([
      { name: 'claim-0', persistentVolumeClaim: { claimName: 'shop', readOnly: true } },
      { name: 'claim-1', persistentVolumeClaim: { claimName: 'truth.v2', readOnly: true } },
    ]);
    expect(podOf(measureJob()).volumes.filter(({ name }) => name.startsWith('claim'))).toEqual([]);
  });
});

describe('the claim of the dataset', () => {
  it('asks for the storage of the installation, of a class only when there is one', () => {
    expect(datasetClaim(SWEEP, SETTINGS)['spec']).toEqual({
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: SETTINGS.datasetStorage } },
    });
    const fast = { ...SETTINGS, datasetStorageClassName: 'fast' };
    expect(datasetClaim(SWEEP, fast)['spec']).toMatchObject({ storageClassName: 'fast' });
  });
});
