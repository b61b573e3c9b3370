import { type Kube, type KubeKind, type KubeObject, type ObjectRef, isConflict, isNotFound, refOf } from './kube.ts';

const MAX_TRIES = 10;

type Client = Pick<Kube, 'get' | 'mergePatch'>;

/**
 * Puts our finalizer on an object, so that it stays until we have cleaned up after it. Returns the object with it;
 * undefined when it is gone or being deleted, in which case nothing may be made for it any more.
 */
export async function ensureFinalizer(
  kube: Client,
  kind: KubeKind,
  object: KubeObject,
  finalizer: string,
  signal?: AbortSignal,
): Promise<KubeObject | undefined> {
  return change(kube, refOf(kind, object), object.metadata.uid, signal, object, ({ metadata }) => {
    if (metadata.deletionTimestamp) return 'stop';
    const finalizers = metadata.finalizers ?? [];
    return finalizers.includes(finalizer) ? 'done' : [...finalizers, finalizer];
  });
}

/** Takes our finalizer off; others' stay. Done also when the object is gone. */
export async function removeFinalizer(
  kube: Client,
  kind: KubeKind,
  object: KubeObject,
  finalizer: string,
  signal?: AbortSignal,
): Promise<void> {
  await change(kube, refOf(kind, object), object.metadata.uid, signal, object, ({ metadata }) => {
    const finalizers = metadata.finalizers ?? [];
    return finalizers.includes(finalizer) ? finalizers.filter((name) => name !== finalizer) : 'done';
  });
}

/** Patches the list under optimistic concurrency: a merge patch replaces lists whole, and others have finalizers too. */
async function change(
  kube: Client,
  ref: ObjectRef,
  uid: string | undefined,
  signal: AbortSignal | undefined,
  seen: KubeObject,
  next: (object: KubeObject) => string[] | 'done' | 'stop',
): Promise<KubeObject | undefined> {
  let object: KubeObject | undefined = seen;
  for (let tries = 1; ; tries += 1) {
    // Another object of the same name is not the one we were asked about.
    if (!object || object.metadata.uid !== uid) return undefined;
    const finalizers = next(object);
    if (finalizers === 'stop') return undefined;
    if (finalizers === 'done') return object;
    try {
      const { resourceVersion } = object.metadata;
      return await kube.mergePatch(ref, { metadata: { resourceVersion, uid, finalizers } }, signal);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      if (!isConflict(error) || tries === MAX_TRIES) throw error;
      object = await kube.get(ref, signal);
    }
  }
}
