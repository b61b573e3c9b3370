import type { SweepSpec } from '../../crds/sweep/sweep-spec.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { KubeObject } from '../runtime/kube.ts';
import type { SweepWorld, WorldOf } from './world.ts';

const nobodyWaits = (): void => undefined;

/** Removes what was made for a sweep. Any step may be repeated; nothing rests on what its spec says today. */
export class CleanUp {
  readonly #worldOf: WorldOf;
  readonly #store: RunStore;

  constructor(worldOf: WorldOf, store: RunStore) {
    this.#worldOf = worldOf;
    this.#store = store;
  }

  /** Its jobs and its own Qdrant, then the collections it made on others. */
  async everything(object: KubeObject, signal: AbortSignal): Promise<void> {
    const own = await this.#own(object, signal);
    await own.jobs.discardAll(signal);
    await this.#collections(object, signal);
    await own.target.dispose({ deleteData: true });
    await own.jobs.forgetDataset(signal);
  }

  /** What its record has for looking closer only; what was found stays. */
  async details({ metadata: { name, namespace = 'default' } }: KubeObject): Promise<void> {
    for (const { id } of await this.#store.findExperiments(namespace, name)) await this.#store.forgetDetails(id);
  }

  /** Its jobs: what they measure is wanted no more, what they measured on stays. */
  async jobs(object: KubeObject, signal: AbortSignal): Promise<void> {
    const own = await this.#own(object, signal);
    await own.jobs.discardAll(signal);
    await own.jobs.forgetDataset(signal);
  }

  /** Its collections on Qdrants that are not ours, on whichever servers its spec ever named: the record knows them. */
  async #collections(object: KubeObject, signal: AbortSignal): Promise<void> {
    const { name, namespace = 'default' } = object.metadata;
    for (const experiment of await this.#store.findExperiments(namespace, name)) {
      const { target } = experiment.spec as SweepSpec;
      const left = target.external ? await this.#store.undeletedCollections(experiment.id) : [];
      if (left.length === 0) continue;
      const there = await this.#worldOf({ target }, object, signal, nobodyWaits);
      for (const attempt of left) {
        await there.target.remove(attempt.collection, signal);
        await this.#store.collectionDeleted(experiment.id, attempt);
      }
    }
  }

  #own(object: KubeObject, signal: AbortSignal): Promise<SweepWorld> {
    return this.#worldOf({ target: { kubernetes: {} } }, object, signal, nobodyWaits);
  }
}
