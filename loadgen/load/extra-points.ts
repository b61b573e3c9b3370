import { open } from 'node:fs/promises';
import type { Dataset } from '../datasets/dataset.ts';
import type { GroundTruth } from '../datasets/ground-truth.ts';
import { readFloats } from '../datasets/ground-truth.ts';
import { upsertBody, upsertBytes } from '../ingest/encode.ts';
import { exactCount } from '../ingest/exact-count.ts';
import { DEFAULT_RETRY, withRetry } from '../ingest/retry.ts';
import { JobError } from '../job-error.ts';
import type { Workload } from '../protocol.ts';
import { Random } from '../random.ts';
import { collectionPath, type Rest } from '../rest.ts';

/** Extra points at most, relative to the dataset's; more only where deletes need them. */
const SHARE = 0.05;
const LEAST_POINTS = 64;
/** Memory for the bodies of upserts. */
const MAX_BYTES = 96 * 2 ** 20;
/** Below the 32 MB Qdrant accepts by default. */
const MAX_BODY_BYTES = 24 * 2 ** 20;
/** Points in one upsert of those that are only made to be deleted. */
const DELETE_BATCH = 64;
/** Points of samples of freshness, each used once. */
const MAX_PROBES = 10_000;
/** Ids in one request that deletes them. */
const IDS_A_REQUEST = 5000;

const IDS_BEGIN = '{"batch":{"ids":[';
const VECTORS_BEGIN = '],"vectors":[';

/**
 * Base rows that are none of any query's `limit` true nearest, in seeded order, `count` at most: a copy of such a point
 * is no nearer to any query than its `limit`-th neighbour, so that the ground truth stays exact whether it is there or not.
 */
export function bystanders(
  points: number,
  limit: number,
  truths: Iterable<GroundTruth>,
  count: number,
  seed: number,
): number[] {
  const near = new Uint8Array(points);
  for (const { k, ids } of truths) {
    for (let i = 0; i < ids.length; i += 1) {
      const id = ids[i] as number;
      if (i % k < limit && id >= 0) near[id] = 1;
    }
  }
  const free: number[] = [];
  for (let row = 0; row < points; row += 1) if (near[row] === 0) free.push(row);
  const random = new Random(seed, 5);
  const most = Math.min(count, free.length);
  for (let i = 0; i < most; i += 1) {
    const other = i + random.below(free.length - i);
    const swapped = free[i] as number;
    free[i] = free[other] as number;
    free[other] = swapped;
  }
  return free.slice(0, most);
}

/**
 * The points that are written while searching. They are copies of bystanders, payload included, with ids from the
 * dataset's number of points on: a ring of slots, whose content never changes, is written round and round, so that the
 * collection grows by a twentieth at most and every slot's vector is known. Points of the dataset are never touched.
 */
export class ExtraPoints {
  readonly #dataset: Dataset;
  readonly #batch: number;
  readonly #bodies: readonly Buffer[];
  readonly #copies: readonly number[];
  /** By slot: 1 while the server surely has it. */
  readonly #present: Uint8Array;
  #there = 0;
  #turn = 0;
  #deleteAt = 0;
  #probes = 0;

  constructor(dataset: Dataset, batch: number, bodies: readonly Buffer[], copies: readonly number[]) {
    this.#dataset = dataset;
    this.#batch = batch;
    this.#bodies = bodies;
    this.#copies = copies;
    this.#present = new Uint8Array(bodies.length * batch);
  }

  /** @throws {JobError} BuildFailed: there is nothing to copy, or a request would be too large. */
  static async make(
    dataset: Dataset,
    options: {
      writes: NonNullable<Workload['writes']>;
      names: readonly string[];
      limit: number;
      seed: number;
      /** Least length of a window: so long deletes must find points. */
      windowSeconds: number;
    },
  ): Promise<ExtraPoints> {
    const { writes, names, limit, seed, windowSeconds } = options;
    const { points, dimensions } = dataset.meta;
    const batch = writes.upserts?.batch ?? DELETE_BATCH;
    const forDeletes = 2 * (writes.deletes?.rate ?? 0) * windowSeconds;
    const wanted = Math.ceil(Math.max(LEAST_POINTS, SHARE * points, batch, forDeletes) / batch);
    const truths = new Set([dataset.truth, ...names.map((name) => dataset.truthOf(name))]);
    const copies = bystanders(points, limit, truths, wanted * batch, seed);
    if (copies.length === 0) {
      throw new JobError(
        'BuildFailed',
        `workload.writes: each of the ${points} points is among the ${limit} nearest of some query, so that none can be ` +
          'copied without changing the right answers; use more points, fewer queries or a lower limit',
      );
    }
    const bodies: Buffer[] = [];
    const scratch = Buffer.allocUnsafe(upsertBytes(batch, dimensions));
    const values = new Float32Array(batch * dimensions);
    const file = await open(dataset.basePath, 'r');
    try {
      for (let bytes = 0; bodies.length < wanted && (bodies.length === 0 || bytes < MAX_BYTES);) {
        const payloads: (string | undefined)[] = [];
        for (let i = 0; i < batch; i += 1) {
          const row = copies[(bodies.length * batch + i) % copies.length] as number;
          values.set(await readFloats(file, row * dimensions, dimensions), i * dimensions);
          payloads.push((await dataset.payloadRows(row, 1))[0]);
        }
        const body = upsertBody(values, points + bodies.length * batch, batch, dimensions, scratch, payloads);
        if (body.length > MAX_BODY_BYTES) {
          throw new JobError(
            'BuildFailed',
            `workload.writes.upserts.batch: ${batch} points of ${dimensions} dimensions are ${body.length} bytes, ` +
              `more than the ${MAX_BODY_BYTES} that surely fit into a request; lower it`,
          );
        }
        bodies.push(body);
        bytes += body.length;
      }
    } finally {
      await file.close();
    }
    return new ExtraPoints(dataset, batch, bodies, copies);
  }

  get #first(): number {
    return this.#dataset.meta.points;
  }

  /** How many there can be at once, samples of freshness aside. */
  get size(): number {
    return this.#present.length;
  }

  /** The base row whose copy has this id; the id itself where it is a base row's, -1 where it is nobody's. */
  rowOf(id: number): number {
    if (id < this.#first) return id;
    const slot = id - this.#first;
    // Samples of freshness are copies as well, of which nobody remembers whose.
    return slot < this.size ? (this.#copies[slot % this.#copies.length] as number) : -1;
  }

  /** The next batch of the ring. */
  nextBatch(): number {
    const batch = this.#turn;
    this.#turn = (batch + 1) % this.#bodies.length;
    return batch;
  }

  body(batch: number): Buffer {
    return this.#bodies[batch] as Buffer;
  }

  /** The text of a batch's first vector. */
  firstVector(batch: number): Buffer {
    const body = this.body(batch);
    const begin = body.indexOf(VECTORS_BEGIN) + VECTORS_BEGIN.length;
    return body.subarray(begin, body.indexOf(']', begin) + 1);
  }

  /** An id never used before; undefined when there are no more. */
  nextProbe(): number | undefined {
    if (this.#probes === MAX_PROBES) return undefined;
    this.#probes += 1;
    return this.#first + this.size + this.#probes - 1;
  }

  /** A batch whose first point has another id. */
  bodyWithProbe(batch: number, id: number): Buffer {
    const first = String(this.#first + batch * this.#batch);
    return Buffer.concat([
      Buffer.from(`${IDS_BEGIN}${id}`),
      this.body(batch).subarray(IDS_BEGIN.length + first.length),
    ]);
  }

  /** A batch was acknowledged; `probe`: its first point had another id. */
  written(batch: number, probe: boolean): void {
    for (let slot = batch * this.#batch + (probe ? 1 : 0); slot < (batch + 1) * this.#batch; slot += 1) {
      if (this.#present[slot] === 1) continue;
      this.#present[slot] = 1;
      this.#there += 1;
    }
  }

  /** The id to delete next: of those there the one next in the ring; undefined when there is none. */
  takeForDelete(): number | undefined {
    if (this.#there === 0) return undefined;
    for (;;) {
      const slot = this.#deleteAt;
      this.#deleteAt = (slot + 1) % this.size;
      if (this.#present[slot] === 0) continue;
      this.#present[slot] = 0;
      this.#there -= 1;
      return this.#first + slot;
    }
  }

  /** Writes every slot that is missing, and waits: what deletes of the next window need. */
  async writeMissing(rest: Rest, collection: string, signal: AbortSignal): Promise<void> {
    for (const [batch, body] of this.#bodies.entries()) {
      const from = batch * this.#batch;
      if (!this.#present.subarray(from, from + this.#batch).includes(0)) continue;
      await withRetry(() => rest.call('PUT', `${collectionPath(collection)}/points?wait=true`, { body, signal }), {
        ...DEFAULT_RETRY,
        signal,
      });
      this.written(batch, false);
    }
  }

  /** Deletes what an earlier attempt may have left, where the collection holds more than the dataset. */
  async clearLeftovers(rest: Rest, collection: string, signal: AbortSignal): Promise<void> {
    const count = await withRetry(() => exactCount(rest, collection, signal), { ...DEFAULT_RETRY, signal });
    if (count > this.#first) await this.#delete(rest, collection, MAX_PROBES, signal);
  }

  /** Deletes all extra points, and waits until that is done: afterwards the collection holds the dataset. */
  async clear(rest: Rest, collection: string, signal: AbortSignal): Promise<void> {
    await this.#delete(rest, collection, this.#probes, signal);
    this.#present.fill(0);
    this.#there = 0;
    this.#turn = 0;
    this.#deleteAt = 0;
    this.#probes = 0;
  }

  /** Whatever was sent before is applied before, even where it was only acknowledged: updates are applied in order. */
  async #delete(rest: Rest, collection: string, probes: number, signal: AbortSignal): Promise<void> {
    const path = `${collectionPath(collection)}/points/delete?wait=true`;
    const end = this.#first + this.size + probes;
    for (let from = this.#first; from < end; from += IDS_A_REQUEST) {
      const ids = Array.from({ length: Math.min(IDS_A_REQUEST, end - from) }, (_, i) => from + i);
      const body = JSON.stringify({ points: ids });
      await withRetry(() => rest.call('POST', path, { body, signal, timeoutMilliseconds: 300_000 }), {
        ...DEFAULT_RETRY,
        signal,
      });
    }
  }
}
