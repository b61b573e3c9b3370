import { setTimeout as sleep } from 'node:timers/promises';
import { isConflict, isNotFound } from '../../../operator/runtime/kube.ts';
import type { KubeClient } from '../../../operator/runtime/kube-client.ts';
import type { Upstream } from '../upstream.ts';
import { collectGarbage } from './garbage-collector.ts';
import { JobController } from './job-controller.ts';
import { Kubelet } from './kubelet.ts';
import { loadGenerator } from './load-generator.ts';
import { Loop } from './loop.ts';
import { emptyNamespaces, releaseClaims } from './namespace-controller.ts';
import type { Scene } from './scene.ts';
import { StatefulSetController } from './stateful-set-controller.ts';
import { Watched } from './watched.ts';

/**
 * What a Kubernetes has besides an API server, as far as a sweep relies on it: the controllers of Jobs, StatefulSets,
 * namespaces and volume claims, the garbage collector, and one node whose pods say what load generators say.
 */
export class PlayedCluster {
  readonly watched: Watched;
  /** By namespace: what its load generators have to do with. */
  readonly scenes = new Map<string, Scene>();
  readonly #loops: Loop[];
  readonly #kubelet: Kubelet;

  /** @param onError told of what the players did not expect. */
  constructor(kube: KubeClient, upstream: Upstream, onError: (part: string, error: unknown) => void) {
    this.watched = new Watched(kube);
    const jobs = new JobController(kube, this.watched);
    const sets = new StatefulSetController(kube, this.watched);
    const containers = {
      loadgen: loadGenerator((namespace) => this.scenes.get(namespace)),
      // The scene's Qdrant is it: the container only has to be there.
      qdrant: async (_pod: unknown, _secret: unknown, signal: AbortSignal) => {
        await sleep(2 ** 30, undefined, { signal }).catch(() => undefined);
        return 0;
      },
    };
    this.#kubelet = new Kubelet(kube, this.watched, containers, () => this.#poke());
    const parts: [string, () => Promise<void>][] = [
      ['jobs', () => jobs.sync()],
      ['stateful sets', () => sets.sync()],
      ['kubelet', () => this.#kubelet.sync()],
      ['garbage collector', () => collectGarbage(kube, this.watched)],
      ['namespaces', () => emptyNamespaces(kube, this.watched, upstream)],
      ['claims', () => releaseClaims(kube, this.watched)],
    ];
    this.#loops = parts.map(
      ([part, sync]) =>
        new Loop(sync, (error) => {
          // Others work on the same objects; the next round finds them as they are.
          if (!isNotFound(error) && !isConflict(error)) onError(part, error);
        }),
    );
    this.watched.onChange(() => this.#poke());
  }

  start(signal: AbortSignal): Promise<void> {
    return this.watched.start(signal);
  }

  async stop(): Promise<void> {
    await this.watched.stop();
    await Promise.all(this.#loops.map((loop) => loop.stop()));
    await this.#kubelet.stop();
  }

  #poke(): void {
    for (const loop of this.#loops) loop.poke();
  }
}
