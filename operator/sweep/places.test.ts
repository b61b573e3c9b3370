import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { whyWait, type Limits } from './places.ts';

const limits: Limits = { sweeps: 3, perNamespace: 2 };

describe('whyWait', () => {
  it.each<[string, string, string[], string[], RegExp | undefined]>([
    ['an idle operator', 'a/1', [], [], undefined],
    ['a place left', 'a/1', ['a/2', 'b/1'], [], undefined],
    ['a full namespace', 'a/1', ['a/2', 'a/3'], [], /2 sweeps of namespace a/],
    ['a full operator', 'c/1', ['a/1', 'a/2', 'b/1'], [], /3 sweeps are worked on/],
    ['an earlier one for the last place', 'c/1', ['a/1', 'a/2'], ['b/1', 'c/1'], /3 sweeps/],
    ['it was there first', 'b/1', ['a/1', 'a/2'], ['b/1', 'c/1'], undefined],
    ['an earlier one that cannot use the place', 'b/1', ['a/1', 'a/2'], ['a/3', 'b/1'], undefined],
    ['an earlier one of its namespace', 'a/3', ['a/1'], ['a/2', 'a/3'], /namespace a/],
  ])('%s', (_, key, working, waiting, why) => {
    const answer = whyWait(key, working, waiting, limits);
    if (why) expect(answer).toMatch(why);
    else expect(answer).toBeUndefined();
  });

  it('never gives more places than there are, and leaves none empty that somebody may have', () => {
    const keys = fc.constantFrom('a', 'b', 'c').chain((home) => fc.nat(5).map((name) => `${home}/${name}`));
    fc.assert(
      fc.property(fc.uniqueArray(keys, { maxLength: 14 }), fc.nat(4), fc.nat(3), (all, sweeps, perNamespace) => {
        const bounds = { sweeps, perNamespace };
        const working: string[] = [];
        const count = (home: string) => working.filter((key) => key.startsWith(`${home}/`)).length;
        // Asked in any order, again and again, as reconciles come.
        for (let round = 0; round < all.length; round += 1) {
          for (const key of all.toReversed()) {
            const waiting = all.filter((other) => !working.includes(other));
            if (!working.includes(key) && whyWait(key, working, waiting, bounds) === undefined) working.push(key);
          }
        }
        expect(working.length).toBeLessThanOrEqual(sweeps);
        for (const home of ['a', 'b', 'c']) expect(count(home)).toBeLessThanOrEqual(perNamespace);
        const left = all.filter((key) => !working.includes(key));
        const usable = left.filter((key) => count(key.split('/')[0] as string) < perNamespace);
        if (working.length < sweeps) expect(usable).toEqual([]);
      }),
    );
  });
});
