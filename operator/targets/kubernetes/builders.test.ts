import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../runtime/kube.ts';
import { hasLabelsOf, isMadeFor, sweepLabels, type SweepRef } from '../../owned/sweep-ref.ts';
import { childName } from './names.ts';
import { apiKeyIn, apiKeySecret, qdrantService } from './service.ts';
import { claimName, imageOf, podName, type QdrantPlan, qdrantStatefulSet } from './stateful-set.ts';

const sweep: SweepRef = {
  apiVersion: 'qdrantbench.io/v1alpha1',
  kind: 'QdrantSweep',
  namespace: 'team',
  name: 'quick',
  uid: 'uid-1',
};
const plan: QdrantPlan = {
  sweep,
  name: childName(sweep, 'qdrant'),
  image: 'qdrant/qdrant:v{version}',
  version: '1.19.0',
  cpu: '1',
  memory: '2Gi',
  storage: '10Gi',
};
// Whatever a test asks of an object made of literals.
// eslint-disable-next-line typescript/no-explicit-any
const specOf = (object: KubeObject) => object['spec'] as any;

describe('names', () => {
  it('are DNS labels of at most 52 characters, of their own for every sweep', () => {
    const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
    fc.assert(
      fc.property(label, label, fc.uuid(), fc.uuid(), (namespace, name, uid, another) => {
        for (const suffix of ['qdrant', 'dataset']) {
          const made = childName({ ...sweep, namespace, name, uid }, suffix);
          expect(made).toMatch(/^qsw-[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
          expect(made.length).toBeLessThanOrEqual(52);
          expect(made.endsWith(`-${suffix}`)).toBe(true);
          if (uid !== another) expect(childName({ ...sweep, namespace, name, uid: another }, suffix)).not.toBe(made);
        }
      }),
    );
    expect(childName(sweep, 'qdrant')).toBe(plan.name);
  });

  it.each<[string, Partial<KubeObject['metadata']>, boolean]>([
    ['ours', { labels: sweepLabels(sweep, 'qdrant'), ownerReferences: [{ ...sweep }] }, true],
    [
      'of another sweep',
      { labels: sweepLabels({ ...sweep, uid: 'x' }, 'qdrant'), ownerReferences: [{ ...sweep }] },
      false,
    ],
    ['outliving it', { labels: sweepLabels(sweep, 'qdrant') }, true],
    [
      'owned by another',
      { labels: sweepLabels(sweep, 'qdrant'), ownerReferences: [{ ...sweep, uid: 'another' }] },
      false,
    ],
    ['not labelled', { ownerReferences: [{ ...sweep }] }, false],
    ['nobody’s', {}, false],
  ])('%s', (_name, metadata, ours) => {
    expect(isMadeFor(sweep, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x', ...metadata } })).toBe(ours);
  });

  it('need no owner where others make objects from our templates', () => {
    expect(hasLabelsOf(sweep, sweepLabels(sweep, 'qdrant'))).toBe(true);
    expect(hasLabelsOf(sweep)).toBe(false);
  });
});

describe('the StatefulSet', () => {
  const made = qdrantStatefulSet(plan);
  const { template, volumeClaimTemplates, selector, ...spec } = specOf(made);
  const [container] = template.spec.containers;

  it('is one guaranteed pod, owned by the sweep', () => {
    expect(made.metadata.ownerReferences).toEqual([
      { ...sweep, namespace: undefined, controller: true, blockOwnerDeletion: true },
    ]);
    expect(spec).toMatchObject({ replicas: 1, updateStrategy: { type: 'OnDelete' }, serviceName: plan.name });
    expect(container.resources).toEqual({
      requests: { cpu: '1', memory: '2Gi' },
      limits: { cpu: '1', memory: '2Gi' },
    });
    expect(container.image).toBe('qdrant/qdrant:v1.19.0');
    for (const [name, value] of Object.entries(selector.matchLabels))
      expect(template.metadata.labels[name]).toBe(value);
  });

  it('may nothing it need not', () => {
    expect(template.spec).toMatchObject({
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    // Everything that is mounted exists, and is not the root.
    const volumes = [...template.spec.volumes, ...volumeClaimTemplates.map((claim: KubeObject) => claim.metadata)];
    for (const mount of container.volumeMounts) expect(volumes.map(({ name }) => name)).toContain(mount.name);
  });

  it('keeps its key in a Secret, never in its text', () => {
    const key = apiKeyIn(apiKeySecret(plan)) as string;
    expect(key).toHaveLength(32);
    expect(JSON.stringify(made)).not.toContain(key);
    expect(container.env).toContainEqual({
      name: 'QDRANT__SERVICE__API_KEY',
      valueFrom: { secretKeyRef: { name: plan.name, key: 'api-key' } },
    });
    expect(apiKeyIn(apiKeySecret(plan))).not.toBe(key);
    expect(apiKeyIn({ ...apiKeySecret(plan), data: {} })).toBeUndefined();
    expect(apiKeyIn({ ...apiKeySecret(plan), data: undefined })).toBeUndefined();
  });

  it.each<[string, Partial<QdrantPlan>, object]>([
    ['nodeSelector', { nodeSelector: { disk: 'fast' } }, { nodeSelector: { disk: 'fast' } }],
    ['tolerations', { tolerations: [{ key: 'bench' }] }, { tolerations: [{ key: 'bench' }] }],
    ['pull secrets', { imagePullSecrets: ['registry'] }, { imagePullSecrets: [{ name: 'registry' }] }],
    ['pull policy', { imagePullPolicy: 'Never' }, { containers: [{ imagePullPolicy: 'Never' }] }],
  ])('has the installation’s %s', (_name, change, expected) => {
    expect(specOf(qdrantStatefulSet({ ...plan, ...change })).template.spec).toMatchObject(expected);
  });

  it('has storage that goes with it, of a class if one is named', () => {
    expect(spec.persistentVolumeClaimRetentionPolicy.whenDeleted).toBe('Delete');
    expect(volumeClaimTemplates).toMatchObject([
      { metadata: { name: 'storage' }, spec: { resources: { requests: { storage: '10Gi' } } } },
    ]);
    expect(volumeClaimTemplates[0].spec.storageClassName).toBeUndefined();
    const other = specOf(qdrantStatefulSet({ ...plan, storageClassName: 'fast' }));
    expect(other.volumeClaimTemplates[0].spec.storageClassName).toBe('fast');
    expect(claimName(plan.name)).toBe(`storage-${podName(plan.name)}`);
  });

  it('leaves alone what cannot be changed any more, and changes that very object', () => {
    const existing = { ...made, metadata: { ...made.metadata, uid: 'live' } };
    const bigger = qdrantStatefulSet({ ...plan, storage: '99Gi', cpu: '2' }, existing);
    expect(specOf(bigger).volumeClaimTemplates).toBe(volumeClaimTemplates);
    expect(bigger.metadata.uid).toBe('live');
    expect(qdrantService(plan, existing).metadata.uid).toBe('live');
  });

  it.each([
    ['qdrant/qdrant:v{version}', 'qdrant/qdrant:v1.19.0'],
    ['registry.test/qdrant@sha256:0', 'registry.test/qdrant@sha256:0'],
  ])('of image %s is %s', (image, expected) => expect(imageOf({ ...plan, image })).toBe(expected));
});

it('the Service finds the pod by its labels, also while it is busy', () => {
  const service = qdrantService(plan);
  const labels = specOf(qdrantStatefulSet(plan)).template.metadata.labels as Record<string, string>;
  for (const [name, value] of Object.entries(specOf(service).selector)) expect(labels[name]).toBe(value);
  expect(specOf(service)).toMatchObject({ publishNotReadyAddresses: true, ports: [{ port: 6333 }] });
});
