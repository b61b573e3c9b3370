import type { Dataset } from '../datasets/dataset.ts';
import { waitUntilReady } from '../ingest/readiness.ts';
import { ExtraPoints } from '../load/extra-points.ts';
import type { Means } from '../load/window-order.ts';
import { windowWrites, type WriteSender } from '../load/writes.ts';
import type { Workload } from '../protocol.ts';
import type { Rest } from '../rest.ts';

/** Longest wait until what was written beside the searches is gone. */
const SETTLE_SECONDS = 600;

export interface BenchWritesOptions {
  dataset: Dataset;
  workload: Pick<Workload, 'queries'> & { writes: NonNullable<Workload['writes']> };
  sender: WriteSender;
  rest: Rest;
  collection: string;
  limit: number;
  seed: number;
  /** Least length of a measuring window. */
  windowSeconds: number;
  signal: AbortSignal;
}

/** What is written to a collection while it is searched: made ready, written window by window, and removed again. */
export class BenchWrites {
  readonly #options: BenchWritesOptions;
  readonly #extras: ExtraPoints;

  private constructor(options: BenchWritesOptions, extras: ExtraPoints) {
    this.#options = options;
    this.#extras = extras;
  }

  /** Has the points ready, and removes what an earlier attempt left of them. */
  static async make(options: BenchWritesOptions): Promise<BenchWrites> {
    const { dataset, workload, rest, collection, limit, seed, windowSeconds, signal } = options;
    const extras = await ExtraPoints.make(dataset, {
      writes: workload.writes,
      names: workload.queries.map(({ name }) => name),
      limit,
      seed,
      windowSeconds,
    });
    await extras.clearLeftovers(rest, collection, signal);
    return new BenchWrites(options, extras);
  }

  /** The row that a written point is a copy of. */
  rowOf(id: number): number | undefined {
    return this.#extras.rowOf(id);
  }

  /** Deletes of the next window must find points; that they are made is no part of what is measured. */
  async beforeWindow(): Promise<void> {
    const { workload, rest, collection, signal } = this.#options;
    if (workload.writes.deletes) await this.#extras.writeMissing(rest, collection, signal);
  }

  /** Makes the writes of a window. */
  readonly window: NonNullable<Means['writes']> = (window) => {
    const { sender, workload, seed } = this.#options;
    return windowWrites({ ...window, sender, extras: this.#extras, writes: workload.writes, seed });
  };

  /** Removes all that was written. */
  clear(): Promise<void> {
    const { rest, collection, signal } = this.#options;
    return this.#extras.clear(rest, collection, signal);
  }

  /** Until the collection has come to rest, as it was before. */
  async settle(): Promise<void> {
    const { dataset, rest, collection, signal } = this.#options;
    const { points } = dataset.meta;
    await waitUntilReady(rest, { collection, points, timeoutSeconds: SETTLE_SECONDS, signal });
  }
}
