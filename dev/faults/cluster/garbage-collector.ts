import type { KubeClient } from '../../../operator/runtime/kube-client.ts';
import { refOf, type KubeObject } from '../../../operator/runtime/kube.ts';
import { KIND_OF, WATCHED, type Watched, type WatchedKind } from './watched.ts';

const FOREGROUND = 'foregroundDeletion';

/** What the garbage collector would do now. Pure. */
export interface Collection {
  /** Their owners are all gone, or are being deleted in the foreground. */
  garbage: KubeObject[];
  /** Deleted in the foreground, with nothing left that blocks them. */
  released: KubeObject[];
}

export function collection(objects: readonly KubeObject[]): Collection {
  const byUid = new Map(objects.map((object) => [object.metadata.uid ?? '', object]));
  const foreground = (object: KubeObject | undefined): boolean =>
    object?.metadata.deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).includes(FOREGROUND);
  const owners = ({ metadata }: KubeObject) => metadata.ownerReferences ?? [];
  const garbage = objects.filter((object) => {
    if (object.metadata.deletionTimestamp || owners(object).length === 0) return false;
    return owners(object).every(({ uid }) => !byUid.has(uid) || foreground(byUid.get(uid)));
  });
  const blocked = new Set(
    objects.flatMap(owners).flatMap(({ uid, blockOwnerDeletion }) => (blockOwnerDeletion ? [uid] : [])),
  );
  return {
    garbage,
    released: objects.filter((object) => foreground(object) && !blocked.has(object.metadata.uid ?? '')),
  };
}

/** Deletes what has lost its owners, as kube-controller-manager's garbage collector does, after a look at the live owner. */
export async function collectGarbage(kube: KubeClient, watched: Watched): Promise<void> {
  const { garbage, released } = collection(watched.all());
  for (const object of garbage) {
    if (await hasLiveOwner(kube, object)) continue;
    const { uid } = object.metadata;
    await kube.delete(refOf(KIND_OF(object), object), uid ? { uid } : {});
  }
  for (const object of released) {
    const { resourceVersion, finalizers = [] } = object.metadata;
    const rest = finalizers.filter((name) => name !== FOREGROUND);
    await kube.mergePatch(refOf(KIND_OF(object), object), { metadata: { resourceVersion, finalizers: rest } });
  }
}

/** A cache may not have an owner yet that is there. */
async function hasLiveOwner(kube: KubeClient, { metadata }: KubeObject): Promise<boolean> {
  for (const { kind, name, uid } of metadata.ownerReferences ?? []) {
    const known = WATCHED[kind as WatchedKind];
    // An owner of a kind nobody watches is none that could have been lost here.
    if (!known) return true;
    const ref = { ...known, name, ...(metadata.namespace ? { namespace: metadata.namespace } : {}) };
    const owner = await kube.get(ref);
    if (owner?.metadata.uid !== uid) continue;
    if (!(owner.metadata.deletionTimestamp && (owner.metadata.finalizers ?? []).includes(FOREGROUND))) return true;
  }
  return false;
}
