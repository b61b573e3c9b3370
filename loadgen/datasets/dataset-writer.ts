import { createHash, type Hash } from 'node:crypto';
import { open, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { DATASET_VERSION, FILES, type DatasetMeta } from './dataset.ts';
import type { Distance } from './distance.ts';
import { adoptGroundTruth, computeGroundTruth, type GroundTruth } from './ground-truth.ts';
import type { FilteredQuery } from './named-filters.ts';
import { PayloadWriter } from './payload-writer.ts';

export interface WriterHooks {
  progress: (phase: 'GroundTruth', done: number, total: number, detail?: string) => void;
  signal?: AbortSignal;
}

/** What is known of a dataset before it is written. */
export interface Shape {
  distance: Distance;
  dimensions: number;
  points: number;
  queries: number;
  limit: number;
  /** Named queries with a filter: each gets a ground truth of its own. */
  filters: readonly FilteredQuery[];
}

/** Writes the files of a prepared dataset and keeps account of their checksums. */
export class DatasetWriter {
  readonly #dir: string;
  readonly #shape: Shape;
  readonly #hooks: WriterHooks;
  readonly #digest: Hash;
  readonly #files: DatasetMeta['files'] = {};
  readonly #queries: Float32Array;
  #queriesFilled = 0;
  /** What there is beside the vectors. */
  readonly beside: PayloadWriter;

  constructor(dir: string, shape: Shape, hooks: WriterHooks) {
    this.#dir = dir;
    this.#shape = shape;
    this.#hooks = hooks;
    this.#queries = new Float32Array(shape.queries * shape.dimensions);
    this.#digest = createHash('sha256').update(JSON.stringify([shape.distance, shape.dimensions, shape.points]));
    this.beside = new PayloadWriter({ dir, ...shape, digest: this.#digest, files: this.#files, ...hooks });
  }

  async vectors(which: 'base' | 'queries', blocks: AsyncIterable<Float32Array<ArrayBuffer>>): Promise<void> {
    const name = FILES[which];
    const file: FileHandle = await open(join(this.#dir, name), 'w');
    const hash = createHash('sha256');
    let bytes = 0;
    try {
      for await (const block of blocks) {
        this.#hooks.signal?.throwIfAborted();
        const piece = new Uint8Array(block.buffer, block.byteOffset, block.byteLength);
        hash.update(piece);
        this.#digest.update(piece);
        await file.writeFile(piece);
        bytes += piece.length;
        if (which === 'queries') {
          this.#queries.set(block, this.#queriesFilled);
          this.#queriesFilled += block.length;
        }
      }
      await file.datasync();
    } finally {
      await file.close();
    }
    this.#files[name] = { bytes, sha256: hash.digest('hex') };
  }

  /** Computes or takes over the ground truth and describes everything. */
  async finish(given?: { ids: Int32Array; k: number; name: string }): Promise<DatasetMeta> {
    const { limit, points, dimensions, queries, distance } = this.#shape;
    const task = {
      basePath: join(this.#dir, FILES.base),
      rows: points,
      dimensions,
      distance,
      queries: this.#queries,
      k: limit,
    };
    const { signal, progress } = this.#hooks;
    const named = this.beside.resolve();
    progress('GroundTruth', 0, points);
    const truth: GroundTruth = given
      ? await adoptGroundTruth(task, given.ids, given.k, given.name, signal)
      : await computeGroundTruth(task, (rows) => progress('GroundTruth', rows, points), signal);
    await this.#write(FILES.ids, new Uint8Array(truth.ids.buffer));
    await this.#write(FILES.distances, new Uint8Array(truth.distances.buffer));
    const beside = await this.beside.describe(task, named, (name, bytes) => this.#write(name, bytes));
    return {
      version: DATASET_VERSION,
      digest: `sha256:${this.#digest.digest('hex')}`,
      points,
      dimensions,
      queries,
      distance,
      k: truth.k,
      groundTruth: given ? 'given' : 'computed',
      ...beside,
      files: this.#files,
    };
  }

  async #write(name: string, bytes: Uint8Array): Promise<void> {
    await writeSynced(join(this.#dir, name), bytes);
    this.#files[name] = { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  }
}

export async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  await writeFile(path, bytes, { flush: true });
}
