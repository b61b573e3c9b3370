import { describe, expect, it } from 'vitest';
import { BusError } from '../bus/bus.ts';
import { MemoryKube } from '../jobs/kubernetes/testing/memory-kube.ts';
import { KubeError } from '../runtime/kube.ts';
import { ensureBusKeys } from './bus-keys.ts';

const never = new AbortController().signal;
const SECRET = { namespace: 'qdrant-bench', name: 'qdrant-bench-nats' };

describe('the keys of an installation’s NATS', () => {
  it('are made once and found again', async () => {
    const kube = new MemoryKube();
    const made = await ensureBusKeys(kube, SECRET, never);
    expect(await ensureBusKeys(kube, SECRET, never)).toEqual(made);
    const data = kube.look('Secret', SECRET.namespace, SECRET.name)?.['data'] as Record<string, string>;
    expect(Object.keys(data).toSorted()).toEqual(['account.pub', 'account.seed', 'auth.conf', 'operator.creds']);
  });

  it('are the same for operators that start at the same time', async () => {
    const kube = new MemoryKube();
    const [first, ...others] = await Promise.all([1, 2, 3].map(() => ensureBusKeys(kube, SECRET, never)));
    for (const keys of others) expect(keys).toEqual(first);
    expect(kube.of('Secret')).toHaveLength(1);
  });

  it('are said to be gone when the Secret is deleted in between', async () => {
    const kube = new MemoryKube();
    kube.before = (verb) => {
      if (verb === 'create') throw new KubeError(409, 'AlreadyExists', 'taken');
    };
    await expect(ensureBusKeys(kube, SECRET, never)).rejects.toThrow(
      'Secret qdrant-bench/qdrant-bench-nats was deleted meanwhile; restart the operator',
    );
  });

  it('are not made where that is forbidden, in the server’s words', async () => {
    const kube = new MemoryKube();
    const forbidden = new KubeError(403, 'Forbidden', 'secrets is forbidden');
    kube.before = (verb) => {
      if (verb === 'create') throw forbidden;
    };
    await expect(ensureBusKeys(kube, SECRET, never)).rejects.toBe(forbidden);
  });

  it.each([
    ['empty', undefined],
    ['damaged', { 'account.pub': 'bm9uc2Vuc2U=' }],
  ])('are refused when their Secret is %s', async (_how, data) => {
    const kube = new MemoryKube();
    kube.put({ apiVersion: 'v1', kind: 'Secret', metadata: { ...SECRET }, ...(data ? { data } : {}) });
    await expect(ensureBusKeys(kube, SECRET, never)).rejects.toBeInstanceOf(BusError);
  });
});
