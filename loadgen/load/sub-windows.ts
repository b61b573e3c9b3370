import { LatencyHistogram } from './histogram.ts';

/** An equal part of a window's counted time. */
export interface SubWindow {
  /** Of what was answered in it, ms. */
  response: LatencyHistogram;
  /** Mean number of requests that had arrived and were not answered. */
  inFlight: number;
}

/** Parts of a window at most, and answers each should have: fewer tell nothing of a trend. */
const MOST = 10;
const ANSWERS_EACH = 50;

/** Cuts a window's counted time into equal parts, to see whether it stands still. Times are ms since the window began. */
export class SubWindows {
  readonly #from: number;
  readonly #length: number;
  readonly #parts: { response: LatencyHistogram; area: number }[];
  #area = 0;
  #last: number;
  #inFlight = 0;

  /** @param expected answers expected in the counted time. */
  constructor(from: number, to: number, expected: number) {
    const count = Math.max(1, Math.min(MOST, Math.floor(expected / ANSWERS_EACH)));
    this.#from = from;
    this.#length = (to - from) / count;
    this.#last = from;
    this.#parts = Array.from({ length: count }, () => ({ response: new LatencyHistogram(), area: 0 }));
  }

  answered(now: number, latency: number): void {
    this.#at(now)?.response.record(latency);
  }

  /** So many are in flight from now on; called at least whenever that may have changed, with times that ascend. */
  inFlight(now: number, count: number): void {
    const end = this.#from + this.#length * this.#parts.length;
    const until = Math.min(now, end);
    if (until > this.#last) {
      const area = this.#inFlight * (until - this.#last);
      this.#area += area;
      const part = this.#at(this.#last);
      if (part) part.area += area;
      this.#last = until;
    }
    this.#inFlight = count;
  }

  /** Mean number in flight over what was counted so far. */
  meanInFlight(): number {
    return this.#last > this.#from ? this.#area / (this.#last - this.#from) : 0;
  }

  /** The parts that are over. */
  parts(): SubWindow[] {
    const over = Math.floor((this.#last - this.#from) / this.#length + 1e-6);
    return this.#parts.slice(0, over).map(({ response, area }) => ({ response, inFlight: area / this.#length }));
  }

  #at(now: number): { response: LatencyHistogram; area: number } | undefined {
    return now < this.#from ? undefined : this.#parts[Math.floor((now - this.#from) / this.#length)];
  }
}
