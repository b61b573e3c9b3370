import { describe, expect, it } from 'vitest';
import type { DatasetSpec } from '../../crds/sweep/sweep-spec.ts';
import { MemoryKube } from '../jobs/kubernetes/testing/memory-kube.ts';
import { checkSourceClaims } from './source-claims.ts';

const never = new AbortController().signal;
const on = (claimName: string) => ({ persistentVolumeClaim: { claimName, path: '/x.npy' } });
const DATASET: DatasetSpec = {
  vectors: { base: { url: 'https://data.example/base.npy' }, queries: on('shop'), distance: 'Dot' },
};

function claims(metadata: object): MemoryKube {
  const kube = new MemoryKube();
  kube.put({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'shop', namespace: 'team', labels: { 'qdrantbench.io/dataset': 'true' }, ...metadata },
  });
  return kube;
}

describe('a volume that a dataset is on', () => {
  it('may be used when it says so', async () => {
    await checkSourceClaims(claims({}), 'team', DATASET, never);
    await checkSourceClaims(claims({}), 'team', { synthetic: { points: 100, dimensions: 4 } }, never);
  });

  it.each([
    [{ name: 'other' }, 'does not exist'],
    [{ namespace: 'other' }, 'does not exist'],
    [{ labels: {} }, 'may not be used: label it qdrantbench.io/dataset=true'],
    [{ labels: { 'qdrantbench.io/dataset': 'false' } }, 'may not be used: label it qdrantbench.io/dataset=true'],
    [{ deletionTimestamp: '2026-11-21T00:00:00Z', finalizers: ['a/b'] }, 'is being deleted'],
  ])('is not used when it is %j', async (metadata, why) => {
    await expect(checkSourceClaims(claims(metadata), 'team', DATASET, never)).rejects.toMatchObject({
      reason: 'InvalidSpec',
      mendable: true,
      message: `spec.dataset.vectors.queries.persistentVolumeClaim: PersistentVolumeClaim team/shop ${why}`,
    });
  });
});
