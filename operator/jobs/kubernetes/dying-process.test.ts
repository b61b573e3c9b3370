import { describe, expect, it } from 'vitest';
import type { Message } from '../../../loadgen/protocol.ts';
import type { Bus } from '../../bus/bus.ts';
import type { Kube } from '../../runtime/kube.ts';
import { prepareJob } from './testing/jobs.ts';
import { SUCCEEDED } from './testing/memory-cluster.ts';
import { cluster, DONE, listener, measure, never, PREPARED, search } from './testing/world.ts';

describe('a process that dies', () => {
  /** Our process, dead from its n-th request on: before the request has any effect, or before its answer comes. */
  function mortal<T extends object>(port: T, dies: () => 'alive' | 'before' | 'after'): T {
    return new Proxy(port, {
      get(target, property, receiver) {
        const method: unknown = Reflect.get(target, property, receiver);
        if (typeof method !== 'function') return method;
        return async (...args: unknown[]) => {
          const fate = dies();
          if (fate === 'before') throw new Error('dead');
          const answer: unknown = await (method as (...given: unknown[]) => unknown).apply(target, args);
          if (fate === 'after') throw new Error('dead');
          return answer;
        };
      },
    });
  }

  describe.each([
    ['a preparation', prepareJob(), [PREPARED, DONE] as Message[], ['prepared', 'done']],
    ['a measurement', measure, [search('a'), search('b'), DONE], ['a', 'b', 'done']],
  ])('during %s', (_kind, job, says, all) => {
    it.each(['before', 'after'] as const)(
      'at any step, %s it is done, is followed by one that loses nothing and starts nothing twice',
      async (when) => {
        let steps = 1;
        for (let last = 1; last <= steps; last += 1) {
          const world = cluster({ says, end: SUCCEEDED });
          const stop = new AbortController();
          let count = 0;
          const dies = (): 'alive' | 'before' | 'after' => {
            count += 1;
            if (count < last) return 'alive';
            stop.abort(new Error('dead'));
            return count === last ? when : 'before';
          };
          const { heard, onMessage } = listener();
          const kube = mortal<Kube>(world.kube, dies);
          const bus = mortal<Bus>(world.bus, dies);
          const died = await world
            .runner({ kube, bus })
            .run(job, { onMessage, signal: stop.signal })
            .then(
              () => false,
              () => true,
            );
          if (died) steps = Math.max(steps, last + 1);

          const next = world.runner();
          const end = await next.run(job, { onMessage, signal: never });
          expect(end, `step ${last}`).toEqual(DONE);
          expect([...new Set(heard)], `step ${last}`).toEqual(expect.arrayContaining(all.slice(0, -1)));
          expect(new Set(world.made).size).toBe(1);
          expect(world.made.length, `step ${last}`).toBe(1);
          // What is left is found, and goes.
          await next.discardAll(never);
          expect(world.kube.of('Job')).toEqual([]);
          expect(world.kube.of('Pod')).toEqual([]);
        }
        expect(steps).toBeGreaterThan(5);
      },
    );
  });
});
