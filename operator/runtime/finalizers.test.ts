import { describe, expect, it } from 'vitest';
import { ensureFinalizer, removeFinalizer } from './finalizers.ts';
import { KINDS } from './kinds.ts';
import { KubeError, type KubeObject, type ObjectMeta } from './kube.ts';

const object = (metadata: Partial<ObjectMeta>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'n', uid: 'u', resourceVersion: '1', ...metadata },
});

/** An object on a server that other clients change, too, before each of our first `conflicts` patches. */
function server(metadata: Partial<ObjectMeta>, conflicts = 0, then?: KubeObject) {
  let live: KubeObject | undefined = object(metadata);
  let patches = 0;
  return {
    live: () => live,
    patches: () => patches,
    get: () => Promise.resolve(live),
    mergePatch: (_ref: unknown, patch: unknown) => {
      patches += 1;
      if (patches <= conflicts) {
        const finalizers = [...(live?.metadata.finalizers ?? []), `other/${patches}`];
        live = then ?? object({ ...live?.metadata, resourceVersion: String(1 + patches), finalizers });
      }
      if (!live) return Promise.reject(new KubeError(404, 'NotFound', 'gone'));
      const wanted = (patch as { metadata: ObjectMeta }).metadata;
      if (wanted.resourceVersion !== live.metadata.resourceVersion) {
        return Promise.reject(new KubeError(409, 'Conflict', 'the object has been modified'));
      }
      live = object({ ...live.metadata, finalizers: wanted.finalizers ?? [], resourceVersion: 'next' });
      return Promise.resolve(live);
    },
    gone: () => (live = undefined),
  };
}

const KIND = KINDS.ConfigMap;

describe('finalizers', () => {
  it('are put on once, after those of others', async () => {
    const kube = server({ finalizers: ['other/0'] });
    const with1 = await ensureFinalizer(kube, KIND, object({ finalizers: ['other/0'] }), 'ours/f');
    expect(with1?.metadata.finalizers).toEqual(['other/0', 'ours/f']);
    expect(await ensureFinalizer(kube, KIND, with1 as KubeObject, 'ours/f')).toBe(with1);
    expect(kube.patches()).toBe(1);
  });

  it('lose nobody’s when others change the object meanwhile', async () => {
    const kube = server({}, 2);
    const after = await ensureFinalizer(kube, KIND, object({}), 'ours/f');
    expect(after?.metadata.finalizers).toEqual(['other/1', 'other/2', 'ours/f']);
    await removeFinalizer(kube, KIND, object({ finalizers: ['ours/f'], resourceVersion: 'stale' }), 'ours/f');
    expect(kube.live()?.metadata.finalizers).toEqual(['other/1', 'other/2']);
    await removeFinalizer(kube, KIND, kube.live() as KubeObject, 'ours/f');
  });

  it('are not put on what is being deleted, is gone, or is another of that name', async () => {
    const deleting = server({ deletionTimestamp: 'now' });
    expect(await ensureFinalizer(deleting, KIND, deleting.live() as KubeObject, 'ours/f')).toBeUndefined();
    expect(deleting.patches()).toBe(0);
    const gone = server({});
    gone.gone();
    expect(await ensureFinalizer(gone, KIND, object({}), 'ours/f')).toBeUndefined();
    const another = server({}, 1, object({ uid: 'another', resourceVersion: '5' }));
    expect(await ensureFinalizer(another, KIND, object({}), 'ours/f')).toBeUndefined();
  });

  it('are given up after many conflicts, and any other failure is told', async () => {
    await expect(ensureFinalizer(server({}, 100), KIND, object({}), 'ours/f')).rejects.toThrow('modified');
    const forbidden = {
      get: () => Promise.resolve(undefined),
      mergePatch: () => Promise.reject(new KubeError(403, 'Forbidden', 'may not patch')),
    };
    await expect(ensureFinalizer(forbidden, KIND, object({}), 'ours/f')).rejects.toThrow('may not patch');
  });
});
