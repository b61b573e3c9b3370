import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../../operator/runtime/testing/test-kube.ts';
import { Loop } from './loop.ts';

describe('a loop', () => {
  it('runs once for many changes, once more for those that came meanwhile, and never twice at a time', async () => {
    let [runs, now, most] = [0, 0, 0];
    const gate = Promise.withResolvers<void>();
    const loop = new Loop(
      async () => {
        runs += 1;
        most = Math.max(most, (now += 1));
        await gate.promise;
        now -= 1;
      },
      () => undefined,
      1_000_000,
    );
    for (let pokes = 0; pokes < 10; pokes += 1) loop.poke();
    await eventually(() => runs === 1);
    loop.poke();
    gate.resolve();
    await eventually(() => runs === 2);
    await loop.stop();
    loop.poke();
    await sleep(20);
    expect({ runs, most }).toEqual({ runs: 2, most: 1 });
  });

  it('tells of what fails, and runs again by itself', async () => {
    const told: unknown[] = [];
    let runs = 0;
    const loop = new Loop(
      () => Promise.reject(new Error(`failure ${(runs += 1)}`)),
      (error) => told.push((error as Error).message),
      5,
    );
    await eventually(() => told.length > 1);
    await loop.stop();
    expect(told.slice(0, 2)).toEqual(['failure 1', 'failure 2']);
  });
});
