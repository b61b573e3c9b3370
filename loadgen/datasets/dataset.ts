import { closeSync, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { JobError } from '../job-error.ts';
import { exactDistance, type Distance } from './distance.ts';
import type { GroundTruth } from './ground-truth.ts';

/** Bumped when files of older versions can't be read any more. */
export const DATASET_VERSION = 1;

/** `meta.json` of a prepared dataset. */
export const datasetMetaSchema = z.strictObject({
  version: z.literal(DATASET_VERSION),
  /** `sha256:…` over distance, dimensions, base and query vectors. */
  digest: z.string(),
  points: z.int().min(1),
  dimensions: z.int().min(1),
  queries: z.int().min(1),
  distance: z.enum(['Cosine', 'Dot', 'Euclid', 'Manhattan']),
  /** Neighbours a query in the ground truth. */
  k: z.int().min(1),
  /** Where the ground truth is from. */
  groundTruth: z.enum(['computed', 'given']),
  /** Size and SHA-256 of each file beside this one. */
  files: z.record(z.string(), z.strictObject({ bytes: z.int().min(0), sha256: z.string() })),
});
export type DatasetMeta = z.output<typeof datasetMetaSchema>;

export const FILES = {
  base: 'base.f32',
  queries: 'queries.f32',
  ids: 'truth.ids.i32',
  distances: 'truth.distances.f64',
  meta: 'meta.json',
} as const;

/** A prepared dataset: queries and ground truth in memory, base vectors read from the file as needed. */
export class Dataset {
  readonly meta: DatasetMeta;
  readonly basePath: string;
  readonly queries: Float32Array;
  readonly truth: GroundTruth;
  #file: number | undefined;

  constructor(meta: DatasetMeta, basePath: string, queries: Float32Array, truth: GroundTruth) {
    this.meta = meta;
    this.basePath = basePath;
    this.queries = queries;
    this.truth = truth;
  }

  /** Exact distance of a query to a base row; Infinity for a row that does not exist. */
  distance(query: number, row: number): number {
    const { dimensions, points, distance } = this.meta;
    if (row < 0 || row >= points) return Infinity;
    this.#file ??= openSync(this.basePath, 'r');
    const vector = new Float32Array(dimensions);
    readSync(this.#file, new Uint8Array(vector.buffer), 0, dimensions * 4, row * dimensions * 4);
    return exactDistance(distance satisfies Distance, this.queries, query * dimensions, vector, 0, dimensions);
  }

  /** Releases the base file. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/**
 * Opens what a Prepare job wrote.
 * @throws {JobError} DatasetChanged when the folder is gone or not as it was prepared.
 */
export async function openDataset(dir: string): Promise<Dataset> {
  try {
    const meta = datasetMetaSchema.parse(JSON.parse(await readFile(join(dir, FILES.meta), 'utf8')));
    const queries = await readArray(dir, FILES.queries, Float32Array, meta.queries * meta.dimensions);
    const ids = await readArray(dir, FILES.ids, Int32Array, meta.queries * meta.k);
    const distances = await readArray(dir, FILES.distances, Float64Array, meta.queries * meta.k);
    return new Dataset(meta, join(dir, FILES.base), queries, { k: meta.k, ids, distances });
  } catch (error) {
    throw new JobError(
      'DatasetChanged',
      `the prepared dataset in ${dir} cannot be used (${(error as Error).message}); prepare it again`,
      { cause: error },
    );
  }
}

async function readArray<T>(
  dir: string,
  name: string,
  type: { new (buffer: ArrayBuffer): T; BYTES_PER_ELEMENT: number },
  length: number,
): Promise<T> {
  const bytes = await readFile(join(dir, name));
  if (bytes.length !== length * type.BYTES_PER_ELEMENT) {
    throw new Error(`${name} has ${bytes.length} bytes, expected ${length * type.BYTES_PER_ELEMENT}`);
  }
  return new type(new Uint8Array(bytes).buffer);
}
