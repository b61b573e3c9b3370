import type { Ending, OnEnd } from './client.ts';
import { LatencyHistogram } from './histogram.ts';

/** What one stream of writes showed in a window. Times in ms. */
export interface WriteMeasurement {
  /** Offered, requests a second. */
  rate: number;
  /** Requests scheduled within the counted time, those sent, and those acknowledged within it. */
  scheduled: number;
  sent: number;
  completed: number;
  achievedRate: number;
  errors: Record<string, number>;
  errorCount: number;
  backlogStart: number;
  backlogEnd: number;
  /** Scheduled, but there was nothing to write. */
  exhausted: number;
  /** From the scheduled start; from the actual start; the one minus the other. */
  response: LatencyHistogram;
  service: LatencyHistogram;
  lateness: LatencyHistogram;
}

export interface WriteStreamPlan {
  /** Scheduled starts, seconds from the window's beginning, ascending. */
  arrivals: Float64Array;
  rate: number;
  leadSeconds: number;
  seconds: number;
  maxInFlight: number;
  /** Sends one request; false: there is nothing to write. */
  fire: (tag: number, onEnd: OnEnd) => boolean;
  /** Told of each end, `now` ms after the window's beginning. */
  ended?: (tag: number, ok: boolean, now: number) => void;
}

/** One kind of write, open-loop: requests start when they are scheduled, and their clock runs from then. */
export class WriteStream {
  readonly #plan: WriteStreamPlan;
  readonly #started: Float64Array;
  readonly #response = new LatencyHistogram();
  readonly #service = new LatencyHistogram();
  readonly #lateness = new LatencyHistogram();
  readonly #errors: Record<string, number> = {};
  #begin = 0;
  #due = 0;
  #next = 0;
  #finished = 0;
  #scheduled = 0;
  #sent = 0;
  #completed = 0;
  #errorCount = 0;
  #exhausted = 0;
  #backlogStart: number | undefined;
  #backlogEnd: number | undefined;
  #closed = false;

  constructor(plan: WriteStreamPlan) {
    this.#plan = plan;
    this.#started = new Float64Array(plan.arrivals.length);
  }

  get inFlight(): number {
    return this.#next - this.#finished;
  }

  /** Requests still to be sent, or under way. */
  get pending(): number {
    return this.#plan.arrivals.length - this.#finished;
  }

  /** ms after the window's beginning at which the next request is due; Infinity after the last. */
  get nextAt(): number {
    return this.#next < this.#plan.arrivals.length ? (this.#plan.arrivals[this.#next] as number) * 1000 : Infinity;
  }

  /** Sends what is due, unless the window was given up. @returns whether anything was. */
  turn(now: number, begin: number, stopped: boolean): boolean {
    const { arrivals, leadSeconds, seconds, maxInFlight, fire } = this.#plan;
    this.#begin = begin;
    if (this.#backlogStart === undefined && now >= leadSeconds * 1000) {
      this.#backlogStart = this.#due - this.#finished;
    }
    if (stopped) {
      this.#backlogEnd ??= this.#due - this.#finished;
      return false;
    }
    if (now >= seconds * 1000) this.#backlogEnd ??= arrivals.length - this.#finished;
    while (this.#due < arrivals.length && (arrivals[this.#due] as number) * 1000 <= now) {
      if ((arrivals[this.#due] as number) >= leadSeconds) this.#scheduled += 1;
      this.#due += 1;
    }
    const before = this.#next;
    while (this.#next < this.#due && this.inFlight < maxInFlight) {
      const tag = this.#next;
      const at = performance.now() - begin;
      this.#started[tag] = at;
      this.#next += 1;
      if (!fire(tag, this.#onEnd)) {
        this.#finished += 1;
        this.#exhausted += 1;
        continue;
      }
      if (!this.#isCounted(tag)) continue;
      this.#sent += 1;
      this.#lateness.record(at - (arrivals[tag] as number) * 1000);
    }
    return this.#next > before;
  }

  #isCounted(tag: number): boolean {
    return (this.#plan.arrivals[tag] as number) >= this.#plan.leadSeconds;
  }

  readonly #onEnd = (tag: number, ending: Ending): void => {
    if (this.#closed) return;
    const now = performance.now() - this.#begin;
    this.#finished += 1;
    this.#plan.ended?.(tag, ending === 'ok', now);
    const { arrivals, leadSeconds, seconds } = this.#plan;
    if (ending === 'ok' && now >= leadSeconds * 1000 && now <= seconds * 1000) this.#completed += 1;
    if (!this.#isCounted(tag)) return;
    if (ending === 'ok') {
      this.#response.record(now - (arrivals[tag] as number) * 1000);
      this.#service.record(now - (this.#started[tag] as number));
    } else {
      this.#errorCount += 1;
      this.#errors[ending] = (this.#errors[ending] ?? 0) + 1;
    }
  };

  /** What was found until `endMs`; what ends later is not heard. */
  finish(endMs: number): WriteMeasurement {
    this.#closed = true;
    const unanswered = this.#sent - this.#response.count - this.#errorCount;
    if (unanswered > 0) {
      this.#errors.unanswered = unanswered;
      this.#errorCount += unanswered;
    }
    return {
      rate: this.#plan.rate,
      scheduled: this.#scheduled,
      sent: this.#sent,
      completed: this.#completed,
      achievedRate: this.#completed / Math.max(1e-9, endMs / 1000 - this.#plan.leadSeconds),
      errors: this.#errors,
      errorCount: this.#errorCount,
      backlogStart: this.#backlogStart ?? 0,
      backlogEnd: this.#backlogEnd ?? 0,
      exhausted: this.#exhausted,
      response: this.#response,
      service: this.#service,
      lateness: this.#lateness,
    };
  }
}
