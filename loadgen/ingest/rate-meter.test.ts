import { describe, expect, it } from 'vitest';
import { RateMeter } from './rate-meter.ts';

describe('RateMeter', () => {
  it('tells the rate of the last ten seconds', () => {
    const meter = new RateMeter(100);
    expect(meter.rate(101)).toBeUndefined();
    for (let i = 1; i <= 300; i += 1) meter.mark(100 + i / 10, i * 10);
    expect(meter.rate(130)).toBeCloseTo(100, 0);
    for (let i = 1; i <= 200; i += 1) meter.mark(130 + i / 10, 3000 + i);
    expect(meter.rate(150)).toBeCloseTo(10, 0);
    // Nothing comes any more: the rate falls with time.
    expect(meter.rate(160)).toBeCloseTo(5, 0);
  });

  it('needs little memory, however often it is told', () => {
    const meter = new RateMeter(0);
    for (let i = 1; i <= 100_000; i += 1) meter.mark(i / 100_000, i);
    expect(meter.rate(1)).toBeCloseTo(100_000, -2);
  });
});
