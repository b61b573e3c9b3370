import type { KubeObject } from './kube.ts';

export type ObjectEvent =
  | { type: 'Added'; object: KubeObject }
  | { type: 'Updated'; object: KubeObject; previous: KubeObject }
  /** `object` as it was last known. */
  | { type: 'Deleted'; object: KubeObject }
  /** Nothing happened: the periodic reminder. */
  | { type: 'Resync'; object: KubeObject };

const keyOf = (name: string, namespace = ''): string => `${namespace}/${name}`;
const keyOfObject = ({ metadata }: KubeObject): string => keyOf(metadata.name, metadata.namespace);

/** Objects by name, frozen: they are shared. Tells for every change what happened. */
export class ObjectCache {
  readonly #objects = new Map<string, KubeObject>();

  get(name: string, namespace?: string): KubeObject | undefined {
    return this.#objects.get(keyOf(name, namespace));
  }

  list(): KubeObject[] {
    return [...this.#objects.values()];
  }

  set(object: KubeObject): ObjectEvent[] {
    const key = keyOfObject(object);
    const previous = this.#objects.get(key);
    // The same again, as after a list that saw what the watch had still to bring.
    if (previous && previous.metadata.resourceVersion === object.metadata.resourceVersion) return [];
    this.#objects.set(key, freeze(object));
    if (!previous) return [{ type: 'Added', object }];
    if (previous.metadata.uid === object.metadata.uid) return [{ type: 'Updated', object, previous }];
    // Deleted and made again while we did not look: whoever owned children of the first has to know.
    return [
      { type: 'Deleted', object: previous },
      { type: 'Added', object },
    ];
  }

  delete(object: KubeObject): ObjectEvent[] {
    if (!this.#objects.delete(keyOfObject(object))) return [];
    return [{ type: 'Deleted', object: freeze(object) }];
  }

  /** These and no others are there now. */
  replace(objects: readonly KubeObject[]): ObjectEvent[] {
    const present = new Set(objects.map(keyOfObject));
    const gone = this.list().filter((object) => !present.has(keyOfObject(object)));
    return [...gone.flatMap((object) => this.delete(object)), ...objects.flatMap((object) => this.set(object))];
  }
}

function freeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) freeze(part);
  }
  return value;
}
