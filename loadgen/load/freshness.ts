import type { Ending } from './client.ts';
import { LatencyHistogram } from './histogram.ts';
import type { Sender } from './open-loop.ts';

/** How long written points took until a search found them, in ms. */
export interface Freshness {
  /** From the upsert's acknowledgement, and from its sending. */
  sinceAcknowledged: LatencyHistogram;
  sinceSent: LatencyHistogram;
  /** Points no search had found when the window was over: recorded with the time they had by then. */
  missed: number;
}

/** The search that finds a point as soon as it can be found at all: nearest to its own vector, restricted to its id. */
export function probeQuery(vector: Buffer, id: number): Buffer {
  return Buffer.concat([
    Buffer.from('{"query":'),
    vector,
    Buffer.from(`,"limit":1,"filter":{"must":[{"has_id":[${id}]}]},"with_payload":false,"with_vector":false}`),
  ]);
}

/** Least time between two samples, ms. */
const MIN_INTERVAL = 100;
/** So many searches of the load go by for each sample. */
const SEARCHES_A_SAMPLE = 20;
/** The first pause between two looks, ms, and how it grows: the time found is at most so much too long. */
const FIRST_PAUSE = 1;
const PAUSE_GROWTH = 1.25;
const MAX_PAUSE = 200;

/**
 * Samples freshness: of some upserts one point has an id never used before, and from its acknowledgement on that point is
 * searched for until it is found. One sample at a time, so that looking does not become a load of its own.
 */
export class FreshnessProbe {
  readonly #sender: Sender;
  readonly #interval: number;
  readonly #leadMs: number;
  readonly #result: Freshness = {
    sinceAcknowledged: new LatencyHistogram(),
    sinceSent: new LatencyHistogram(),
    missed: 0,
  };
  #begin = 0;
  #id = -1;
  #body: Buffer | undefined;
  #state: 'Idle' | 'Sent' | 'Waiting' | 'Asking' = 'Idle';
  #nextAt = 0;
  #sentAt = 0;
  #acknowledgedAt = 0;
  #pause = FIRST_PAUSE;
  #closed = false;

  constructor(sender: Sender, searchRate: number, leadSeconds: number) {
    this.#sender = sender;
    this.#interval = Math.max(MIN_INTERVAL, (SEARCHES_A_SAMPLE / searchRate) * 1000);
    this.#leadMs = leadSeconds * 1000;
    this.#nextAt = this.#leadMs;
  }

  /** Requests of ours, or a sample, under way. */
  get inFlight(): number {
    return this.#state === 'Idle' ? 0 : 1;
  }

  /** ms after the window's beginning at which to look again. */
  get nextAt(): number {
    return this.#state === 'Waiting' ? this.#nextAt : Infinity;
  }

  /** Whether the next upsert should carry a sample. */
  wants(now: number): boolean {
    return this.#state === 'Idle' && now >= this.#nextAt;
  }

  /** An upsert with the point `id` was sent. */
  sent(id: number, vector: Buffer, now: number): void {
    this.#id = id;
    this.#body = probeQuery(vector, id);
    this.#sentAt = now;
    this.#state = 'Sent';
  }

  /** That upsert has ended. */
  acknowledged(ok: boolean, now: number): void {
    if (!ok) return this.#rest(now);
    this.#acknowledgedAt = now;
    this.#pause = FIRST_PAUSE;
    this.#nextAt = now;
    this.#state = 'Waiting';
  }

  /** Looks for the point when it is time. */
  turn(now: number, begin: number): boolean {
    this.#begin = begin;
    if (this.#state !== 'Waiting' || now < this.#nextAt) return false;
    this.#state = 'Asking';
    this.#sender.send(this.#body as Buffer, 0, this.#onAnswer);
    return true;
  }

  readonly #onAnswer = (_tag: number, ending: Ending, ids: Int32Array): void => {
    if (this.#closed) return;
    const now = performance.now() - this.#begin;
    if (ending === 'ok' && ids[0] === this.#id) {
      this.#record(now);
      this.#rest(now);
      return;
    }
    this.#nextAt = now + this.#pause;
    this.#pause = Math.min(MAX_PAUSE, this.#pause * PAUSE_GROWTH);
    this.#state = 'Waiting';
  };

  #record(now: number): void {
    this.#result.sinceAcknowledged.record(now - this.#acknowledgedAt);
    this.#result.sinceSent.record(now - this.#sentAt);
  }

  #rest(now: number): void {
    this.#state = 'Idle';
    this.#nextAt = now + this.#interval;
  }

  finish(): Freshness {
    this.#closed = true;
    if (this.#state === 'Waiting' || this.#state === 'Asking') {
      this.#record(performance.now() - this.#begin);
      this.#result.missed += 1;
    }
    return this.#result;
  }
}
