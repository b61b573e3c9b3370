import { isFinished } from '../../crds/sweep/sweep-status.ts';
import type { PlayedCluster } from '../../dev/faults/cluster/played-cluster.ts';
import type { KubeObject } from '../../operator/runtime/kube.ts';

/** Something has not come within its bound. */
export class NotSeen extends Error {
  override readonly name = 'NotSeen';
}

/** How long something is waited for, and who may end that before. */
export interface Bound {
  seconds: number;
  signal: AbortSignal;
}

/** What a client sees of a cluster by watching it, as soon as it sees it. */
export class Sight {
  readonly #cluster: PlayedCluster;
  readonly #looks = new Set<() => void>();

  constructor(cluster: PlayedCluster) {
    this.#cluster = cluster;
    cluster.watched.onChange(() => {
      for (const look of this.#looks) look();
    });
  }

  /** Resolves to what `look` finds, once it does; it looks whenever a change is seen, and now and then. @throws {NotSeen} */
  async until<T>(what: string, look: () => T | undefined, { seconds, signal }: Bound): Promise<T> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const again = (): void => {
      const found = look();
      if (found !== undefined) resolve(found);
    };
    const onAbort = (): void => reject(signal.reason as Error);
    const ticking = setInterval(again, 100);
    const timer = setTimeout(() => reject(new NotSeen(`${what}: not within ${seconds} s`)), seconds * 1000);
    signal.addEventListener('abort', onAbort);
    this.#looks.add(again);
    again();
    try {
      return await promise;
    } finally {
      this.#looks.delete(again);
      clearInterval(ticking);
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  sweep(namespace: string, name: string): KubeObject | undefined {
    return this.#cluster.watched.get('QdrantSweep', namespace, name);
  }

  sweeps(namespaces: readonly string[]): KubeObject[] {
    return this.#cluster.watched
      .list('QdrantSweep')
      .filter(({ metadata: { namespace } }) => namespace !== undefined && namespaces.includes(namespace));
  }
}

/** As much of a sweep's status as is looked at. */
export interface SeenStatus {
  phase?: string;
  observedGeneration?: number;
  conditions?: { type: string; status: string; reason: string; message: string }[];
}

/** The status of a sweep for the spec it has now; undefined while nobody has taken note of that. */
export function acknowledged(sweep: KubeObject | undefined): SeenStatus | undefined {
  const status = sweep?.['status'] as SeenStatus | undefined;
  return status?.observedGeneration === sweep?.metadata.generation ? status : undefined;
}

/** Whether a sweep has come to its end. */
export function isOver(sweep: KubeObject | undefined): boolean {
  return isFinished(acknowledged(sweep)?.phase);
}
