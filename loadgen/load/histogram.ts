import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';
import type { Metric } from '../../operator/judge/metrics.ts';

/** A histogram of µs, 1 µs to 60 s, three significant digits; longer values count as 60 s. */
export class LatencyHistogram {
  readonly hdr: Histogram;

  constructor(hdr?: Histogram) {
    this.hdr =
      hdr ??
      build({
        lowestDiscernibleValue: 1,
        highestTrackableValue: MAX_MICROSECONDS,
        numberOfSignificantValueDigits: 3,
        autoResize: false,
        bitBucketSize: 32,
      });
  }

  /** Records a duration given in ms. */
  record(milliseconds: number): void {
    const micros = Math.round(milliseconds * 1000);
    this.hdr.recordValue(micros < 0 ? 0 : micros > MAX_MICROSECONDS ? MAX_MICROSECONDS : micros);
  }

  get count(): number {
    return this.hdr.totalCount;
  }

  /** A percentile (0–100) in ms; 0 when nothing was recorded. */
  percentile(percentile: number): number {
    return this.count === 0 ? 0 : this.hdr.getValueAtPercentile(percentile) / 1000;
  }

  /** ms; 0 when nothing was recorded. */
  get mean(): number {
    return this.count === 0 ? 0 : this.hdr.mean / 1000;
  }

  get max(): number {
    return this.count === 0 ? 0 : this.hdr.maxValue / 1000;
  }

  /** V2, compressed, base64: what other HdrHistogram libraries read. */
  encode(): string {
    return encodeIntoCompressedBase64(this.hdr);
  }

  static decode(text: string): LatencyHistogram {
    return new LatencyHistogram(decodeFromCompressedBase64(text));
  }
}

const MAX_MICROSECONDS = 60_000_000;

/** P50 … Max of one kind as metrics in ms; none when nothing was recorded. */
export function percentileMetrics(kind: 'latency' | 'service' | 'lateness', histogram: LatencyHistogram): Metric[] {
  if (histogram.count === 0) return [];
  return [
    { name: `${kind}P50`, value: histogram.percentile(50), unit: 'ms' },
    { name: `${kind}P95`, value: histogram.percentile(95), unit: 'ms' },
    { name: `${kind}P99`, value: histogram.percentile(99), unit: 'ms' },
    { name: `${kind}P999`, value: histogram.percentile(99.9), unit: 'ms' },
    { name: `${kind}Max`, value: histogram.max, unit: 'ms' },
  ];
}
