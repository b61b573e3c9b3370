import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock, settle } from './testing/fake-clock.ts';
import { TokenBucket } from './token-bucket.ts';

const never = new AbortController().signal;

describe('a token bucket', () => {
  it('lets a burst pass, then one at a time, and is full again after a while', async () => {
    const clock = new FakeClock();
    const bucket = new TokenBucket({ perSecond: 10, burst: 3, clock });
    expect([1, 2, 3, 4, 5].map(() => bucket.reserve())).toEqual([0, 0, 0, 100, 200]);
    await clock.advance(10_000);
    expect([1, 2, 3, 4].map(() => bucket.reserve())).toEqual([0, 0, 0, 100]);
  });

  it('gives a token in turn, and takes it back from who does not wait', async () => {
    const clock = new FakeClock();
    const bucket = new TokenBucket({ perSecond: 1, burst: 1, clock });
    const got: string[] = [];
    const stop = new AbortController();
    const first = bucket.take(never).then(() => got.push('first'));
    const second = bucket.take(stop.signal).then(() => got.push('second'));
    const refused = expect(second).rejects.toThrow('enough');
    await settle();
    expect(got).toEqual(['first']);
    stop.abort(new Error('enough'));
    await refused;
    const third = bucket.take(never).then(() => got.push('third'));
    await clock.advance(1000);
    await Promise.all([first, third]);
    expect(got).toEqual(['first', 'third']);
    await expect(bucket.take(stop.signal)).rejects.toThrow('enough');
  });

  it('gives in no time span more than its burst and what came meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(300), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 5 }),
        async (waits, perSecond, burst) => {
          const clock = new FakeClock();
          const bucket = new TokenBucket({ perSecond, burst, clock });
          const given: number[] = [];
          for (const wait of waits) {
            await clock.advance(wait);
            given.push(clock.now() + bucket.reserve());
          }
          for (let from = 0; from < given.length; from += 1) {
            for (let to = from; to < given.length; to += 1) {
              const seconds = ((given[to] as number) - (given[from] as number)) / 1000;
              expect(to - from + 1).toBeLessThanOrEqual(burst + seconds * perSecond + 1e-6);
            }
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it.each([
    [0, 1],
    [1, 0],
    [Number.NaN, 1],
  ])('refuses %d a second, %d at once', (perSecond, burst) => {
    expect(() => new TokenBucket({ perSecond, burst })).toThrow(RangeError);
  });
});
