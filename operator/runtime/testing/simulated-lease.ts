import type { Clock } from '../clock.ts';
import { KubeError, type Kube, type KubeObject } from '../kube.ts';
import type { FakeClock } from './fake-clock.ts';

/** What becomes of a request on its way: ms to the server and back; lost when undefined. */
export interface Journey {
  there: number | undefined;
  back: number | undefined;
}

type LeaseKube = Pick<Kube, 'get' | 'create' | 'mergePatch'>;

/**
 * An API server with one Lease, behind a network that loses and delays. As a real one it takes a write only onto the
 * version it names, and carries out what has arrived although nobody waits for the answer any more.
 */
export class SimulatedLeaseServer {
  readonly #world: FakeClock;
  #version = 0;
  lease: KubeObject | undefined;

  constructor(world: FakeClock) {
    this.#world = world;
  }

  /** As one candidate reaches it. */
  client(journey: () => Journey): LeaseKube {
    const send = <T>(serve: () => T, signal?: AbortSignal): Promise<T> =>
      new Promise((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error));
        const { there, back } = journey();
        if (there === undefined) return;
        this.#world.after(there, () => {
          let answer: () => void;
          try {
            const served = serve();
            answer = () => resolve(served);
          } catch (error) {
            answer = () => reject(error as Error);
          }
          if (back !== undefined) this.#world.after(back, answer);
        });
      });
    return {
      get: (_ref, signal) => send(() => this.lease, signal),
      create: (object, signal) =>
        send(() => {
          if (this.lease) throw new KubeError(409, 'AlreadyExists', 'there is one');
          return this.#store(object);
        }, signal),
      mergePatch: (_ref, patch, signal) =>
        send(() => {
          const { metadata, spec } = patch as KubeObject;
          if (!this.lease) throw new KubeError(404, 'NotFound', 'there is none');
          if (metadata.resourceVersion !== this.lease.metadata.resourceVersion) {
            throw new KubeError(409, 'Conflict', 'the object has been modified');
          }
          return this.#store({ ...this.lease, spec: { ...(this.lease['spec'] as object), ...(spec as object) } });
        }, signal),
    };
  }

  #store(object: KubeObject): KubeObject {
    const metadata = { ...object.metadata, resourceVersion: String((this.#version += 1)) };
    return (this.lease = { ...object, metadata });
  }
}

/** The same time as of `world`, by a clock that is `offset` ms off and runs `rate` times as fast. */
export function skewed(world: FakeClock, offset: number, rate: number): Clock {
  return {
    now: () => offset + world.now() * rate,
    after: (ms, callback) => world.after(ms / rate, callback),
  };
}
