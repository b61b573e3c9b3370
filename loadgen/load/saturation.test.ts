import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { search, type Model } from '../testing/modelled-server.ts';
import { nextStep, startSaturation, type Outcome, type SaturationState, type WindowResult } from './saturation.ts';

const good: WindowResult = { sustainable: true, achieved: 0, void: false, latency: false };

/** A server that sustains exactly `capacity`. */
function ideal(capacity: number): (rate: number) => WindowResult {
  return (rate) => ({ ...good, sustainable: rate <= capacity, achieved: Math.min(rate, capacity) });
}

function run(
  state: SaturationState,
  answer: (rate: number, state: SaturationState) => WindowResult,
): { outcome: Outcome; windows: number } {
  let current = state;
  while (current.step.kind === 'Window') current = nextStep(current, answer(current.step.rate, current));
  return { outcome: current.step.outcome, windows: current.windows };
}

describe('the search for the highest sustainable rate', () => {
  it('finds an ideal capacity to 5 %, from wherever it starts, in few windows', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.5, max: 50_000, noNaN: true }),
        fc.double({ min: 0.05, max: 8, noNaN: true }),
        (capacity, factor) => {
          const { outcome, windows } = run(startSaturation({ startRate: capacity * factor }), ideal(capacity));
          expect(outcome.kind).toBe('Found');
          if (outcome.kind !== 'Found') return;
          expect(outcome.low).toBeLessThanOrEqual(capacity);
          expect(outcome.high).toBeGreaterThan(capacity);
          expect(outcome.high / outcome.low).toBeLessThanOrEqual(1.0501);
          expect(outcome.converged).toBe(true);
          expect(windows).toBeLessThanOrEqual(18);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('needs eight windows or fewer when it starts near', () => {
    for (const share of [0.6, 0.65, 0.7, 0.75, 0.8, 0.9]) {
      expect(run(startSaturation({ startRate: 1000 * share }), ideal(1000)).windows).toBeLessThanOrEqual(8);
    }
  });

  it('finds a latency limit, where the achieved rate tells nothing', () => {
    const { outcome } = run(startSaturation({ startRate: 500 }), (rate) => ({
      ...good,
      sustainable: rate <= 800,
      achieved: rate,
      latency: true,
    }));
    expect(outcome).toMatchObject({ kind: 'Found', converged: true });
    if (outcome.kind === 'Found') expect([outcome.low <= 800, outcome.high > 800]).toEqual([true, true]);
  });

  const knee: Model = { servers: 2, meanService: 0.001 };
  it.each([1, 2, 3, 4, 5])('finds the knee of an M/M/2 server with noise, seed %d', (seed) => {
    const { outcome } = search(knee, { startRate: 1400 }, seed);
    expect(outcome.kind).toBe('Found');
    if (outcome.kind !== 'Found') return;
    // Capacity 2000/s; short windows allow a few per cent either way.
    expect(outcome.low).toBeGreaterThan(1700);
    expect(outcome.low).toBeLessThan(2080);
  });

  it.each([1, 2, 3])('keeps an M/M/1 server below its latency limit, seed %d', (seed) => {
    // p95 of M/M/1 is ln 20 / (μ − λ): 10 ms at λ = 1000 − 300 = 700.
    const model: Model = { servers: 1, meanService: 0.001, p95: 0.01, windowSeconds: 5, windowRequests: 5000 };
    const { outcome } = search(model, { startRate: 300 }, seed);
    if (outcome.kind !== 'Found') throw new Error(outcome.kind);
    expect(outcome.low).toBeGreaterThan(600);
    expect(outcome.low).toBeLessThan(790);
  });

  it('is not misled by one stall of the server, whichever window it hits', () => {
    for (let window = 0; window < 8; window += 1) {
      const { outcome } = search({ ...knee, stall: { window, seconds: 0.3 } }, { startRate: 1400 });
      if (outcome.kind !== 'Found') throw new Error(`${outcome.kind}, stall in window ${window}`);
      expect(outcome.low, `stall in window ${window}`).toBeGreaterThan(1700);
    }
  });

  it('finds a plateau: a server that answers quickly but no more than so much', () => {
    const { outcome } = run(startSaturation({ startRate: 100 }), (rate) => ({
      ...good,
      sustainable: rate <= 612,
      achieved: Math.min(rate, 600),
    }));
    expect(outcome).toMatchObject({ kind: 'Found' });
  });

  it('says when no rate can be sustained, in a bounded number of windows', () => {
    const never = run(startSaturation({ startRate: 1000 }), () => ({
      ...good,
      sustainable: false,
      achieved: 0,
      latency: true,
    }));
    expect(never.outcome.kind).toBe('NoSustainableRate');
    expect(never.windows).toBeLessThanOrEqual(10);
    const dead = run(startSaturation({ startRate: 1000 }), () => ({ ...good, sustainable: false, achieved: 0 }));
    expect(dead.outcome.kind).toBe('NoSustainableRate');
  });

  it('says when windows ran out before anything could be confirmed', () => {
    const flaky = run(startSaturation({ startRate: 1000, maxWindows: 4 }), (rate) => ({
      ...good,
      sustainable: rate < 1500,
      achieved: rate,
    }));
    expect(flaky.outcome).toMatchObject({ kind: 'Unstable' });
  });

  it('repeats windows that the load generator spoilt, and gives up when it goes on', () => {
    let calls = 0;
    const sometimes = run(startSaturation({ startRate: 700 }), (rate) => {
      calls += 1;
      return { ...ideal(1000)(rate), void: calls % 4 === 2 };
    });
    expect(sometimes.outcome.kind).toBe('Found');
    const always = run(startSaturation({ startRate: 700 }), (rate) => ({ ...good, achieved: rate, void: rate > 800 }));
    expect(always.outcome).toMatchObject({ kind: 'ClientLimited' });
    expect(always.windows).toBe(4);
    let odd = 0;
    const often = run(startSaturation({ startRate: 1, maxWindows: 99 }), () => ({
      ...good,
      void: (odd += 1) % 2 === 0,
    }));
    expect(often.outcome.kind).toBe('ClientLimited');
  });

  it('measures finalists in full windows around what was found before', () => {
    const kinds = new Set<string>();
    const options = { startRate: 960, climb: 1.05, scouts: false, confirmations: 1, maxWindows: 10 };
    const { outcome, windows } = run(startSaturation(options), (rate, state) => {
      if (state.step.kind === 'Window') kinds.add(state.step.window);
      return ideal(1000)(rate);
    });
    expect([...kinds]).toEqual(['Full']);
    expect(outcome).toMatchObject({ kind: 'Found', low: 960, converged: true });
    expect(windows).toBe(2);
    // A machine that has become slower, or faster, costs a few more.
    expect(run(startSaturation(options), ideal(880)).outcome).toMatchObject({ kind: 'Found' });
    expect(run(startSaturation(options), ideal(880)).windows).toBeLessThanOrEqual(5);
    expect(run(startSaturation(options), ideal(1300)).windows).toBeLessThanOrEqual(8);
  });

  it('publishes a bracket that has not converged when windows run out', () => {
    let state = startSaturation({ startRate: 900, climb: 1.4, scouts: false, confirmations: 1, maxWindows: 2 });
    state = nextStep(state, ideal(1000)(900));
    state = nextStep(state, ideal(1000)(1260));
    expect(state.step).toEqual({
      kind: 'Finished',
      outcome: { kind: 'Found', low: 900, high: 1260, converged: false },
    });
    expect(nextStep(state, good)).toBe(state);
  });
});
