import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { inParallel } from './in-parallel.ts';

it('does each once, never more at a time than it may', async () => {
  const done: string[] = [];
  let running = 0;
  let most = 0;
  await inParallel(3, ['a', 'b', 'c', 'd', 'e', 'f', 'g'], async (item, index) => {
    running += 1;
    most = Math.max(most, running);
    await turn();
    done.push(`${item}${index}`);
    running -= 1;
  });
  expect(done.toSorted()).toEqual(['a0', 'b1', 'c2', 'd3', 'e4', 'f5', 'g6']);
  expect(most).toBe(3);
});

it('fails as the first did', async () => {
  const failing = inParallel(2, [1, 2, 3], (item) =>
    item === 2 ? Promise.reject(new Error('two')) : Promise.resolve(),
  );
  await expect(failing).rejects.toThrow('two');
});
