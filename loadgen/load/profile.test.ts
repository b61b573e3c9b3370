import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PROFILES } from '../../crds/common/profiles.ts';
import { meanShare, profileRate, RateFunction } from './profile.ts';

const profile = fc.constantFrom(...PROFILES);
const rate = fc.double({ min: 0.5, max: 20_000, noNaN: true });
const seconds = fc.double({ min: 0.1, max: 90_000, noNaN: true });
const lead = fc.oneof(fc.constant(0), fc.double({ min: 0.01, max: 60, noNaN: true }));

describe('profiles', () => {
  it('are shaped as documented', () => {
    const at = (name: (typeof PROFILES)[number], share: number) => profileRate(name, 100, 0, 10).at(10 * share);
    expect([0, 0.5, 1].map((share) => at('Constant', share))).toEqual([100, 100, 100]);
    expect([0, 0.5, 1].map((share) => at('Ramp', share))).toEqual([10, 55, 100]);
    expect([0.1, 0.3, 0.6, 0.9].map((share) => at('Steps', share))).toEqual([25, 50, 75, 100]);
    expect([0.1, 0.39, 0.5, 0.61, 0.9].map((share) => at('Spike', share))).toEqual([25, 25, 100, 25, 25]);
    expect(at('Soak', 0.7)).toBe(100);
  });

  it('never exceed the rate, and have the mean that is said of them', () => {
    fc.assert(
      fc.property(profile, rate, seconds, fc.double({ min: 0, max: 1, noNaN: true }), (name, peak, length, when) => {
        const rates = profileRate(name, peak, 0, length);
        expect(rates.at(when * length)).toBeLessThanOrEqual(peak * (1 + 1e-9));
        expect(rates.at(when * length)).toBeGreaterThan(0);
        expect(rates.total / (peak * length)).toBeCloseTo(meanShare(name), 9);
      }),
    );
  });

  it('lead in at the rate they begin with', () => {
    const rates = profileRate('Spike', 100, 2, 10);
    expect(rates.seconds).toBe(12);
    expect([0, 1.9, 2.1].map((time) => rates.at(time))).toEqual([25, 25, 25]);
    expect(rates.at(7)).toBe(100);
  });
});

describe('the rate’s integral', () => {
  it('is turned around exactly: expected(timeOf(n)) = n, and ascends', () => {
    fc.assert(
      fc.property(
        profile,
        rate,
        lead,
        seconds,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (name, peak, first, length, share) => {
          const rates = profileRate(name, peak, first, length);
          const wanted = share * rates.total;
          const time = rates.timeOf(wanted);
          expect(time).toBeGreaterThanOrEqual(0);
          expect(time).toBeLessThanOrEqual(rates.seconds * (1 + 1e-12));
          expect(Math.abs(rates.expected(time) - wanted)).toBeLessThan(1e-6 * Math.max(1, rates.total));
          expect(rates.timeOf(wanted * 0.99)).toBeLessThanOrEqual(time);
        },
      ),
    );
  });

  it('of a share is that share', () => {
    const rates = profileRate('Ramp', 80, 1, 9);
    expect(rates.scaled(0.25).expected(4)).toBeCloseTo(rates.expected(4) / 4, 9);
    expect(rates.scaled(0.25).seconds).toBe(rates.seconds);
  });

  it('stays at its end beyond it', () => {
    const rates = new RateFunction([{ seconds: 2, from: 1, to: 3 }]);
    expect([rates.at(5), rates.expected(5), rates.timeOf(9)]).toEqual([3, 4, 2]);
  });
});
