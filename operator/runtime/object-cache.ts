import type { KubeObject } from './kube.ts';

export type ObjectEvent =
  | { type: 'Added'; object: KubeObject }
  | { type: 'Updated'; object: KubeObject; previous: KubeObject }
  /** `object` as it was last known. */
  | { type: 'Deleted'; object: KubeObject }
  /** Nothing happened: the periodic reminder. */
  | { type: 'Resync'; object: KubeObject };

/** Under which values an object is to be found, such as the UIDs of its owners. */
export type Index = (object: KubeObject) => readonly string[];

const keyOf = (name: string, namespace = ''): string => `${namespace}/${name}`;
const keyOfObject = ({ metadata }: KubeObject): string => keyOf(metadata.name, metadata.namespace);

/** Objects by name and by indexes, frozen: they are shared. Tells for every change what happened. */
export class ObjectCache {
  readonly #objects = new Map<string, KubeObject>();
  readonly #indexes: Readonly<Record<string, Index>>;
  /** Of each index, the keys of the objects under each value. */
  readonly #found = new Map<string, Map<string, Set<string>>>();

  constructor(indexes: Readonly<Record<string, Index>> = {}) {
    this.#indexes = indexes;
    for (const name of Object.keys(indexes)) this.#found.set(name, new Map());
  }

  get(name: string, namespace?: string): KubeObject | undefined {
    return this.#objects.get(keyOf(name, namespace));
  }

  list(): KubeObject[] {
    return [...this.#objects.values()];
  }

  /** @throws {RangeError} for an index this cache was not made with. */
  byIndex(index: string, value: string): KubeObject[] {
    const values = this.#found.get(index);
    if (!values) throw new RangeError(`there is no index ${index}; there are: ${[...this.#found.keys()].join(', ')}`);
    return Array.from(values.get(value) ?? [], (key) => this.#objects.get(key) as KubeObject);
  }

  set(object: KubeObject): ObjectEvent[] {
    const key = keyOfObject(object);
    const previous = this.#objects.get(key);
    // The same again, as after a list that saw what the watch had still to bring.
    if (previous && previous.metadata.resourceVersion === object.metadata.resourceVersion) return [];
    if (previous) this.#unindex(key, previous);
    this.#objects.set(key, freeze(object));
    this.#index(key, object);
    if (!previous) return [{ type: 'Added', object }];
    if (previous.metadata.uid === object.metadata.uid) return [{ type: 'Updated', object, previous }];
    // Deleted and made again while we did not look: whoever owned children of the first has to know.
    return [
      { type: 'Deleted', object: previous },
      { type: 'Added', object },
    ];
  }

  delete(object: KubeObject): ObjectEvent[] {
    const key = keyOfObject(object);
    const previous = this.#objects.get(key);
    if (!previous) return [];
    this.#objects.delete(key);
    this.#unindex(key, previous);
    return [{ type: 'Deleted', object: freeze(object) }];
  }

  /** These and no others are there now. */
  replace(objects: readonly KubeObject[]): ObjectEvent[] {
    const present = new Set(objects.map(keyOfObject));
    const gone = this.list().filter((object) => !present.has(keyOfObject(object)));
    return [...gone.flatMap((object) => this.delete(object)), ...objects.flatMap((object) => this.set(object))];
  }

  #index(key: string, object: KubeObject): void {
    for (const [name, valuesOf] of Object.entries(this.#indexes)) {
      const values = this.#found.get(name) as Map<string, Set<string>>;
      for (const value of valuesOf(object)) values.set(value, (values.get(value) ?? new Set()).add(key));
    }
  }

  #unindex(key: string, object: KubeObject): void {
    for (const [name, valuesOf] of Object.entries(this.#indexes)) {
      const values = this.#found.get(name) as Map<string, Set<string>>;
      for (const value of valuesOf(object)) {
        const keys = values.get(value);
        keys?.delete(key);
        if (keys?.size === 0) values.delete(value);
      }
    }
  }
}

function freeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) freeze(part);
  }
  return value;
}
