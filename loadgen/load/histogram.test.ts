import { describe, expect, it } from 'vitest';
import { LatencyHistogram, percentileMetrics } from './histogram.ts';

describe('LatencyHistogram', () => {
  it('keeps three digits of ms, and bounds what is out of range', () => {
    const histogram = new LatencyHistogram();
    for (let i = 1; i <= 1000; i += 1) histogram.record(i / 10);
    expect(histogram.percentile(50)).toBeCloseTo(50, 0);
    expect(histogram.percentile(99)).toBeCloseTo(99, 0);
    histogram.record(-5);
    histogram.record(1e9);
    expect(histogram.max).toBeGreaterThanOrEqual(59_900);
    expect(histogram.count).toBe(1002);
  });

  it('survives its wire form', () => {
    const histogram = new LatencyHistogram();
    [0.5, 1, 20].forEach((value) => histogram.record(value));
    const back = LatencyHistogram.decode(histogram.encode());
    expect([back.count, back.percentile(50)]).toEqual([3, histogram.percentile(50)]);
    // The wire form keeps buckets, not the exact maximum: three digits.
    expect(back.max / histogram.max).toBeCloseTo(1, 2);
  });

  it('says nothing of nothing', () => {
    const histogram = new LatencyHistogram();
    expect([histogram.percentile(99), histogram.max]).toEqual([0, 0]);
    expect(percentileMetrics('latency', histogram)).toEqual([]);
    histogram.record(2);
    expect(percentileMetrics('lateness', histogram).map(({ name }) => name)).toEqual([
      'latenessP50',
      'latenessP95',
      'latenessP99',
      'latenessP999',
      'latenessMax',
    ]);
  });
});
