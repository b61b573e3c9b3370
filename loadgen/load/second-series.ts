import type { SeriesMessage } from '../protocol.ts';
import { LatencyHistogram } from './histogram.ts';

/** One second of load as it is shown in charts. Times in ms. */
export type SeriesPoint = Pick<
  SeriesMessage,
  'second' | 'offeredRate' | 'achievedRate' | 'latencyP50' | 'latencyP95' | 'latencyP99' | 'errors'
>;

/** What each second of a window saw. One histogram serves all seconds, or an hour of them would fill the memory. */
export class SecondSeries {
  readonly points: SeriesPoint[] = [];
  readonly #rate: number;
  readonly #onPoint: ((point: SeriesPoint) => void) | undefined;
  readonly #latency = new LatencyHistogram();
  #second = 0;
  #completed = 0;
  #errors = 0;

  constructor(rate: number, onPoint?: (point: SeriesPoint) => void) {
    this.#rate = rate;
    this.#onPoint = onPoint;
  }

  /** An answer `now` ms after the window's beginning; `now` never goes back. */
  completed(now: number, latency: number): void {
    this.#at(now);
    this.#completed += 1;
    this.#latency.record(latency);
  }

  failed(now: number): void {
    this.#at(now);
    this.#errors += 1;
  }

  /** Ends the last second. */
  end(): SeriesPoint[] {
    this.#close();
    return this.points;
  }

  #at(now: number): void {
    const second = Math.floor(now / 1000);
    if (second === this.#second) return;
    this.#close();
    this.#second = second;
  }

  #close(): void {
    if (this.#completed === 0 && this.#errors === 0) return;
    const latency = this.#latency;
    const point = {
      second: this.#second,
      offeredRate: this.#rate,
      achievedRate: this.#completed,
      latencyP50: latency.percentile(50),
      latencyP95: latency.percentile(95),
      latencyP99: latency.percentile(99),
      errors: this.#errors,
    };
    this.points.push(point);
    this.#onPoint?.(point);
    latency.hdr.reset();
    this.#completed = 0;
    this.#errors = 0;
  }
}
