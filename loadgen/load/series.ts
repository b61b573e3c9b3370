import type { SeriesMessage } from '../protocol.ts';
import { LatencyHistogram } from './histogram.ts';

export type SeriesPoint = Pick<
  SeriesMessage,
  'second' | 'offeredRate' | 'achievedRate' | 'latencyP50' | 'latencyP95' | 'latencyP99' | 'errors'
> & {
  /** What the percentiles are of, where it will be merged with others'. */
  latency?: LatencyHistogram;
};

/** Points of a window at most: longer ones have points of several seconds. */
export const MAX_POINTS = 600;

/**
 * A window second by second, for charts, in memory that does not grow with it: answers come in the order of time, so that one
 * histogram is enough.
 */
export class Series {
  readonly #step: number;
  readonly #offered: (from: number, to: number) => number;
  readonly #points: SeriesPoint[] = [];
  readonly #keep: boolean;
  #latency = new LatencyHistogram();
  #index = 0;
  #completed = 0;
  #errors = 0;

  readonly #onPoint: ((point: SeriesPoint) => void) | undefined;

  /**
   * @param offered the mean rate (1/s) offered between two times, seconds from the window's beginning.
   * @param options `keep`: each point keeps its histogram, to be merged; `onPoint`: told of each the moment it is over.
   */
  constructor(
    seconds: number,
    offered: (from: number, to: number) => number,
    options: { keep?: boolean | undefined; onPoint?: ((point: SeriesPoint) => void) | undefined } = {},
  ) {
    this.#keep = options.keep ?? false;
    this.#onPoint = options.onPoint;
    this.#step = Math.max(1, Math.ceil(seconds / MAX_POINTS));
    this.#offered = offered;
  }

  /** @param now ms since the window began; never less than before. */
  record(now: number, latency: number | undefined): void {
    const index = Math.floor(now / 1000 / this.#step);
    if (index !== this.#index) this.#close(index);
    if (latency === undefined) this.#errors += 1;
    else {
      this.#completed += 1;
      this.#latency.record(latency);
    }
  }

  points(): SeriesPoint[] {
    this.#close(this.#index);
    return this.#points;
  }

  #close(next: number): void {
    if (this.#completed + this.#errors > 0) {
      const from = this.#index * this.#step;
      const point = {
        second: from,
        offeredRate: this.#offered(from, from + this.#step),
        achievedRate: this.#completed / this.#step,
        latencyP50: this.#latency.percentile(50),
        latencyP95: this.#latency.percentile(95),
        latencyP99: this.#latency.percentile(99),
        errors: this.#errors,
        ...(this.#keep ? { latency: this.#latency } : {}),
      };
      this.#points.push(point);
      this.#onPoint?.(point);
    }
    if (this.#keep) this.#latency = new LatencyHistogram();
    else this.#latency.hdr.reset();
    this.#completed = 0;
    this.#errors = 0;
    this.#index = next;
  }
}
