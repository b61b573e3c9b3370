import type { Kube, KubeKind, KubeObject, ObjectRef } from '../../runtime/kube.ts';
import { LABELS, type SweepRef } from '../../owned/sweep-ref.ts';

/** Objects by name in a sweep's namespace, of which only the sweep's own are ever changed or deleted. */
export class OwnedObjects {
  readonly #kube: Kube;
  readonly #sweep: SweepRef;

  constructor(kube: Kube, sweep: SweepRef) {
    this.#kube = kube;
    this.#sweep = sweep;
  }

  ref(kind: KubeKind, name: string): ObjectRef {
    return { ...kind, namespace: this.#sweep.namespace, name };
  }

  /** The object of that name; undefined when there is none. @throws when somebody else's has the name. */
  async get(kind: KubeKind, name: string, signal: AbortSignal): Promise<KubeObject | undefined> {
    const found = await this.#kube.get(this.ref(kind, name), signal);
    if (found && !this.#isOurs(found)) {
      throw new Error(
        `${kind.kind} ${this.#sweep.namespace}/${name} exists and is not of this sweep; delete or rename it`,
      );
    }
    return found;
  }

  /** Deletes it, and what it owns after it; false when somebody else's has the name. Twice is harmless. */
  async delete(kind: KubeKind, name: string, signal: AbortSignal): Promise<boolean> {
    const found = await this.#kube.get(this.ref(kind, name), signal);
    if (!found) return true;
    if (!this.#isOurs(found)) return false;
    const { uid = '' } = found.metadata;
    await this.#kube.delete(this.ref(kind, name), { propagationPolicy: 'Background', uid }, signal);
    return true;
  }

  #isOurs({ metadata }: KubeObject): boolean {
    return metadata.labels?.[LABELS.sweepUid] === this.#sweep.uid;
  }
}
