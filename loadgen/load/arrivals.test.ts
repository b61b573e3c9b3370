import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PROFILES } from '../../crds/common/profiles.ts';
import { arrivalsOf, BLOCK, type ArrivalPlan, type Arrivals } from './arrivals.ts';
import { profileRate } from './profile.ts';
import { windowArrivals } from './schedule.ts';

const times = (arrivals: Arrivals): number[] =>
  Array.from({ length: arrivals.length }, (_, index) => arrivals.at(index) as number);

const plans = fc.record({
  kind: fc.constantFrom('Poisson' as const, 'Constant' as const),
  profile: fc.constantFrom(...PROFILES),
  rate: fc.double({ min: 1, max: 500, noNaN: true }),
  seconds: fc.double({ min: 0.2, max: 6, noNaN: true }),
  seed: fc.nat(),
  stream: fc.nat({ max: 4095 }),
});

const planned = ({
  profile,
  rate,
  seconds,
  ...rest
}: { profile: (typeof PROFILES)[number]; rate: number; seconds: number } & Omit<
  ArrivalPlan,
  'rates'
>): ArrivalPlan => ({
  ...rest,
  rates: profileRate(profile, rate, 0, seconds),
});

describe('arrivals', () => {
  it('are the same for the same seed, whatever is asked for first, and ascend within the window', () => {
    fc.assert(
      fc.property(plans, fc.integer({ min: 1, max: 5 }), (what, pods) => {
        const plan = { ...planned(what), pods, pod: pods - 1 };
        const forward = times(arrivalsOf(plan));
        const other = arrivalsOf(plan);
        const backward = forward.map((_, index) => other.at(forward.length - 1 - index) as number).reverse();
        expect(backward).toEqual(forward);
        forward.forEach((time, i) => {
          expect(time).toBeGreaterThanOrEqual(i === 0 ? 0 : (forward[i - 1] as number));
          expect(time).toBeLessThanOrEqual(plan.rates.seconds);
        });
        expect(arrivalsOf(plan).at(forward.length)).toBeUndefined();
      }),
    );
  });

  it('are shared out without one lost: pods together offer exactly the load', () => {
    fc.assert(
      fc.property(plans, fc.integer({ min: 1, max: 9 }), (what, pods) => {
        const plan = planned(what);
        const parts = Array.from({ length: pods }, (_, pod) => times(arrivalsOf({ ...plan, pod, pods })));
        const all = parts.flat().sort((a, b) => a - b);
        expect(all).toHaveLength(Math.max(1, Math.round(plan.rates.total)));
        // Stripes are those of one generator alone; Poisson streams are each their own.
        if (plan.kind === 'Constant') expect(all).toEqual(times(arrivalsOf(plan)));
        const lengths = parts.map((part) => part.length);
        expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('of pods are independent of one another', () => {
    const plan = { kind: 'Poisson' as const, rates: profileRate('Constant', 100, 0, 2), seed: 1, stream: 16, pods: 2 };
    const [first, second] = [0, 1].map((pod) => times(arrivalsOf({ ...plan, pod })));
    expect(first).not.toEqual(second);
    expect(times(arrivalsOf({ ...plan, pod: 0, seed: 2 }))).not.toEqual(first);
    expect(times(arrivalsOf({ ...plan, pod: 0, stream: 17 }))).not.toEqual(first);
  });

  it('are those of windowArrivals where one generator offers a steady rate', () => {
    const mine = times(arrivalsOf({ kind: 'Poisson', rates: profileRate('Constant', 500, 0, 2), seed: 7, stream: 16 }));
    [...windowArrivals(500, 2, 7, 16)].forEach((time, i) => expect(mine[i]).toBeCloseTo(time, 9));
  });

  it.each(['Ramp', 'Steps', 'Spike'] as const)('follow %s: as many in each twentieth as are expected', (name) => {
    const rates = profileRate(name, 4000, 0, 10);
    const all = times(arrivalsOf({ kind: 'Poisson', rates, seed: 3, stream: 0 }));
    for (let part = 0; part < 20; part += 1) {
      const [from, to] = [part / 2, (part + 1) / 2];
      const expected = rates.expected(to) - rates.expected(from);
      const seen = all.filter((time) => time >= from && time < to).length;
      expect(Math.abs(seen - expected)).toBeLessThan(4.5 * Math.sqrt(expected));
    }
  });

  it('of a day are made as they are needed, also out of order', () => {
    const rates = profileRate('Soak', 1000, 0, 86_400);
    const arrivals = arrivalsOf({ kind: 'Poisson', rates, seed: 1, stream: 0 });
    expect(arrivals.length).toBe(86_400_000);
    const late = arrivals.at(80_000_000) as number;
    expect(late).toBeCloseTo(80_000, -1);
    for (let block = 0; block < 8; block += 1) arrivals.at(block * BLOCK);
    expect(arrivals.at(80_000_000)).toBe(late);
    const edge = [BLOCK - 1, BLOCK, BLOCK + 1].map((index) => arrivals.at(index) as number);
    expect(edge.toSorted((a, b) => a - b)).toEqual(edge);
  });
});
