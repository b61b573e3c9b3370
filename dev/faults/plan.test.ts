import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allScenarios, groupOf, planned, sample } from './plan.ts';
import { Random } from './random.ts';

const STEPS = Array.from({ length: 30 }, (_, index) => ({ number: index + 1, what: 'kube create Job' }));
const names = (scenarios: { name: string }[]): string[] => scenarios.map(({ name }) => name);

describe('a plan', () => {
  it('has every scenario once, in an order that only the seed gives', () => {
    const all = allScenarios(STEPS);
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const plan = planned({ seed, count: all.length, steps: STEPS });
        expect(names(plan).toSorted()).toEqual(names(all).toSorted());
        expect(names(planned({ seed, count: all.length, steps: STEPS }))).toEqual(names(plan));
      }),
      { numRuns: 20 },
    );
    expect(new Set(names(all)).size).toBe(all.length);
    const order = (seed: number) => names(planned({ seed, count: 20, steps: STEPS }));
    expect(order(1)).not.toEqual(order(2));
  });

  it('is a death at each write, by both ways to die, among others', () => {
    const kills = names(planned({ seed: 1, count: Infinity, steps: STEPS, only: 'kill/kill-' }));
    expect(kills).toHaveLength(2 * STEPS.length);
    expect(kills).toContain('kill/kill-after/17');
    expect(names(planned({ seed: 1, count: 10, steps: STEPS, only: 'outage/nats/finals' })).toSorted()).toEqual([
      'outage/nats/finals',
      'outage/nats/finalsMeasured',
    ]);
    expect(planned({ seed: 1, count: 10, steps: STEPS, only: 'nothing' })).toEqual([]);
  });

  it('goes on with sweeps that survive several deaths', () => {
    const [first] = planned({ seed: 1, count: 3, steps: STEPS, only: 'kill/several' });
    const deaths = [1, 2, 3, 4].map((start) => first?.environment?.(start)['QDRANT_BENCH_FAULT']);
    expect(deaths[0]).toMatch(/^kill-(after|before-answer):\d+$/);
    expect(deaths[3]).toBeUndefined();
    const all = allScenarios(STEPS).length;
    expect(planned({ seed: 1, count: all + 5, steps: STEPS })).toHaveLength(all + 5);
    expect(planned({ seed: 1, count: 5, steps: [], only: 'kill' })).toEqual([]);
  });

  it('can be a few of each group', () => {
    const groups = names(sample(1, STEPS, { kill: 3, api: 2, nothing: 1 })).map(groupOf);
    expect(groups).toEqual(['kill', 'kill', 'kill', 'api', 'api']);
  });
});

describe('chance', () => {
  it('picks from something, and says when there is nothing', () => {
    expect(() => new Random(1).pick([])).toThrow('nothing to pick from');
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.nat(), { minLength: 1 }), (seed, items) => {
        const random = new Random(seed);
        expect(items).toContain(random.pick(items));
        expect(random.shuffled(items).toSorted()).toEqual(items.toSorted());
      }),
    );
  });
});
