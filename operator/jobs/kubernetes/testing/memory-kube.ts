import { mergePatch } from '../../../runtime/merge-patch.ts';
import {
  KubeError,
  type DeleteOptions,
  type Kube,
  type KubeKind,
  type KubeObject,
  type ListOptions,
  type ObjectRef,
} from '../../../runtime/kube.ts';

type Json = Record<string, unknown>;

const keyOf = ({ kind, namespace = '', name }: Pick<ObjectRef, 'kind' | 'namespace' | 'name'>): string =>
  `${kind}/${namespace}/${name}`;
const isObject = (value: unknown): value is Json =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** RFC 7396. */
function patched(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Json = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = patched(result[name], value);
  }
  return result;
}

/**
 * An API server in memory, as far as we rely on one: names, UIDs, versions, generations, finalizers, what an owner takes
 * with it, and the labels of lists. What it cannot do it refuses.
 */
export class MemoryKube implements Kube {
  readonly objects = new Map<string, KubeObject>();
  /** Called with every object created, as controllers and kubelets would hear of it. */
  onCreated: (object: KubeObject) => void = () => undefined;
  /** Called before each request; what it throws is its answer. */
  before: (verb: string, kind: string, name: string) => void = () => undefined;
  /** Pods stay, terminating, until `killed` is called for them. */
  podsLinger = false;
  #count = 0;

  get(ref: ObjectRef, signal?: AbortSignal): Promise<KubeObject | undefined> {
    return this.#answer('get', ref, signal, () => this.objects.get(keyOf(ref)));
  }

  list(kind: KubeKind, { namespace, labelSelector = '' }: ListOptions = {}, signal?: AbortSignal) {
    // As the chart's role has it.
    if (kind.kind === 'Secret') return Promise.reject(new KubeError(403, 'Forbidden', 'Secrets may not be listed'));
    const wanted = labelSelector.split(',').filter(Boolean);
    return this.#answer('list', { ...kind, name: labelSelector }, signal, () =>
      [...this.objects.values()].filter(
        (object) =>
          object.kind === kind.kind &&
          (namespace === undefined || object.metadata.namespace === namespace) &&
          wanted.every((term) => {
            const [label = '', value] = term.split('=', 2);
            return object.metadata.labels?.[label] === value;
          }),
      ),
    );
  }

  create(object: KubeObject, signal?: AbortSignal): Promise<KubeObject> {
    return this.#answer('create', { ...object.metadata, ...object, plural: '' }, signal, () => {
      const key = keyOf({ ...object, ...object.metadata });
      if (this.objects.has(key)) throw new KubeError(409, 'AlreadyExists', `${key} already exists`);
      return this.#made(key, object);
    });
  }

  apply(object: KubeObject, _options: { force: boolean }, signal?: AbortSignal): Promise<KubeObject> {
    return this.#answer('apply', { ...object.metadata, ...object, plural: '' }, signal, () => {
      const key = keyOf({ ...object, ...object.metadata });
      const found = this.objects.get(key);
      return found ? this.#changed(key, patched(found, stored(object)) as KubeObject) : this.#made(key, object);
    });
  }

  patchStatus(ref: ObjectRef, status: unknown, options: { resourceVersion?: string } = {}, signal?: AbortSignal) {
    return this.#answer('patchStatus', ref, signal, () => {
      const found = this.#found(ref);
      this.#checkVersion(found, options);
      return this.#changed(keyOf(ref), patched(found, { status }) as KubeObject);
    });
  }

  mergePatch(ref: ObjectRef, patch: unknown, signal?: AbortSignal): Promise<KubeObject> {
    return this.#answer('mergePatch', ref, signal, () => {
      const found = this.#found(ref);
      this.#checkVersion(found, (patch as Partial<KubeObject>).metadata ?? {});
      return this.#changed(keyOf(ref), patched(found, patch) as KubeObject);
    });
  }

  delete(ref: ObjectRef, { uid }: DeleteOptions = {}, signal?: AbortSignal): Promise<boolean> {
    return this.#answer('delete', ref, signal, () => {
      const found = this.objects.get(keyOf(ref));
      if (!found || (uid !== undefined && found.metadata.uid !== uid)) return false;
      this.#remove(found);
      return true;
    });
  }

  raw(): Promise<string> {
    return Promise.reject(new KubeError(404, 'NotFound', 'no nodes here'));
  }

  listWithVersion(): Promise<never> {
    return Promise.reject(new Error('nobody here watches'));
  }

  watch(): AsyncIterable<never> {
    throw new Error('nobody here watches');
  }

  /** Puts an object there, as others do. */
  put(object: KubeObject): KubeObject {
    return structuredClone(this.#made(keyOf({ ...object, ...object.metadata }), object));
  }

  /** An object as it is; undefined when there is none. */
  look(kind: string, namespace: string, name: string): KubeObject | undefined {
    return this.objects.get(keyOf({ kind, namespace, name }));
  }

  of(kind: string): KubeObject[] {
    return [...this.objects.values()].filter((object) => object.kind === kind);
  }

  /** Sets fields of an object, as its controller would. */
  set(object: KubeObject, fields: object): void {
    const key = keyOf({ ...object, ...object.metadata });
    const found = this.objects.get(key);
    if (found && found.metadata.uid === object.metadata.uid) this.#changed(key, patched(found, fields) as KubeObject);
  }

  /** The containers of terminating pods have ended. */
  killed(): void {
    for (const [key, object] of this.objects) {
      if (object.kind === 'Pod' && object.metadata.deletionTimestamp) this.objects.delete(key);
    }
  }

  async #answer<T>(verb: string, ref: ObjectRef, signal: AbortSignal | undefined, answer: () => T): Promise<T> {
    signal?.throwIfAborted();
    await Promise.resolve();
    this.before(verb, ref.kind, ref.name);
    return structuredClone(answer());
  }

  #found(ref: ObjectRef): KubeObject {
    const found = this.objects.get(keyOf(ref));
    if (!found) throw new KubeError(404, 'NotFound', `${keyOf(ref)} not found`);
    return found;
  }

  #checkVersion({ metadata }: KubeObject, wanted: { resourceVersion?: string; uid?: string }): void {
    const { resourceVersion = metadata.resourceVersion, uid = metadata.uid } = wanted;
    if (resourceVersion !== metadata.resourceVersion || uid !== metadata.uid) {
      throw new KubeError(409, 'Conflict', 'the object has been modified');
    }
  }

  #made(key: string, object: KubeObject): KubeObject {
    this.#count += 1;
    const made: KubeObject = structuredClone(stored(object)) as unknown as KubeObject;
    made.metadata = {
      generation: 1,
      ...made.metadata,
      uid: made.metadata.uid ?? `uid-${this.#count}`,
      resourceVersion: String(this.#count),
    };
    this.objects.set(key, made);
    this.onCreated(structuredClone(made));
    return made;
  }

  #changed(key: string, object: KubeObject): KubeObject {
    const before = this.objects.get(key);
    this.#count += 1;
    const generation = (before?.metadata.generation ?? 0) + (mergePatch(before?.['spec'], object['spec']) ? 1 : 0);
    const changed = { ...object, metadata: { ...object.metadata, generation, resourceVersion: String(this.#count) } };
    this.objects.set(key, changed);
    if (changed.metadata.deletionTimestamp && !changed.metadata.finalizers?.length) this.#remove(changed);
    return changed;
  }

  #remove(object: KubeObject): void {
    const key = keyOf({ ...object, ...object.metadata });
    const lingers = object.metadata.finalizers?.length || (object.kind === 'Pod' && this.podsLinger);
    if (lingers) {
      object.metadata.deletionTimestamp ??= new Date().toISOString();
      return;
    }
    this.objects.delete(key);
    for (const other of this.objects.values()) {
      if (other.metadata.ownerReferences?.some(({ uid }) => uid === object.metadata.uid)) this.#remove(other);
    }
  }
}

/** An object as the server keeps it: `stringData` is for writing only. */
function stored({ stringData, ...object }: KubeObject): Json {
  if (!isObject(stringData)) return object;
  const data = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(String(value)).toString('base64')]);
  return { ...object, data: { ...(object['data'] as Json | undefined), ...Object.fromEntries(data) } };
}
