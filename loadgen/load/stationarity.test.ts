import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { LatencyHistogram } from './histogram.ts';
import type { WindowMeasurement } from './open-loop.ts';
import { littlesLaw, SOAK_TOLERANCE, unsteadiness } from './stationarity.ts';

/** A window whose parts have these median responses (ms) and numbers in flight. */
function window(
  medians: readonly number[],
  inFlight: readonly number[] = medians.map(() => 5),
  { each = 50, errors = 0, meanInFlight = NaN } = {},
): WindowMeasurement {
  const response = new LatencyHistogram();
  const parts = medians.map((middle, i) => {
    const part = new LatencyHistogram();
    for (let n = 0; n < each; n += 1) {
      part.record(middle);
      response.record(middle);
    }
    return { response: part, inFlight: inFlight[i] as number };
  });
  const achievedRate = 1000;
  return {
    response,
    parts,
    achievedRate,
    errorCount: errors,
    meanInFlight: Number.isNaN(meanInFlight) ? (achievedRate * response.mean) / 1000 : meanInFlight,
  } as WindowMeasurement;
}

const steps = (from: number, to: number, n = 10): number[] =>
  Array.from({ length: n }, (_, i) => from + ((to - from) * i) / (n - 1));

describe('unsteadiness', () => {
  it('names a response that rises or falls, with the figures', () => {
    expect(unsteadiness(window(steps(4, 12)))).toMatch(
      /^p50 rose from 4\.0\d to 1[12]\.\d+ ms over the window \(Mann–Kendall over 10 parts, p = 6e-7\)$/,
    );
    expect(unsteadiness(window(steps(12, 4)))).toMatch(/^p50 fell from 1[12]\.\d+ to 4/);
  });

  it('names requests that pile up while their answers are as quick as ever', () => {
    expect(unsteadiness(window(steps(4, 4), steps(10, 40)))).toMatch(/^the number of requests in flight rose from 10/);
  });

  it('bears what is small, of chance, or too short to tell', () => {
    expect(unsteadiness(window(steps(4, 5)))).toBeUndefined();
    expect(unsteadiness(window(steps(0.2, 0.8)))).toBeUndefined();
    expect(unsteadiness(window([4, 12, 5, 11, 4, 12, 6, 10, 5, 11]))).toBeUndefined();
    expect(unsteadiness(window(steps(4, 12, 5)))).toBeUndefined();
    expect(unsteadiness(window(steps(4, 12), undefined, { each: 10 }))).toBeUndefined();
  });

  it('bears less of a soak', () => {
    const window10 = window(steps(10, 13));
    expect(unsteadiness(window10)).toBeUndefined();
    expect(unsteadiness(window10, SOAK_TOLERANCE)).toMatch(/^p50 rose/);
  });

  it('calls a steady window unsteady one time in fifty at most', () => {
    const random = new Random(1);
    let found = 0;
    for (let run = 0; run < 1000; run += 1) {
      const noisy = () => Array.from({ length: 10 }, () => 5 * Math.exp(0.5 * random.bell()));
      if (unsteadiness(window(noisy(), noisy(), { meanInFlight: NaN })) !== undefined) found += 1;
    }
    expect(found).toBeLessThan(20);
  });

  it("checks Little's law where nothing failed", () => {
    const steady = steps(10, 10);
    expect(littlesLaw(window(steady)).expected).toBeCloseTo(10, 0);
    expect(unsteadiness(window(steady, undefined, { meanInFlight: 12 }))).toBeUndefined();
    expect(unsteadiness(window(steady, undefined, { meanInFlight: 20 }))).toMatch(
      /^Little's law does not hold: 20\.0 requests were in flight, rate times mean response is 10\.0$/,
    );
    expect(unsteadiness(window(steady, undefined, { meanInFlight: 20, errors: 3 }))).toBeUndefined();
  });
});
