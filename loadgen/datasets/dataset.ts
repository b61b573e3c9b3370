import { closeSync, openSync, readSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { JobError } from '../job-error.ts';
import { exactDistance, type Distance } from './distance.ts';
import type { GroundTruth } from './ground-truth.ts';
import { PayloadReader, type PayloadPaths } from './payload-file.ts';

/** Bumped when files of older versions can't be read any more. */
export const DATASET_VERSION = 2;

/** `meta.json` of a prepared dataset. */
export const datasetMetaSchema = z.strictObject({
  version: z.literal(DATASET_VERSION),
  /** `sha256:…` over distance, dimensions, base and query vectors, payload and query variables. */
  digest: z.string(),
  points: z.int().min(1),
  dimensions: z.int().min(1),
  queries: z.int().min(1),
  distance: z.enum(['Cosine', 'Dot', 'Euclid', 'Manhattan']),
  /** Neighbours a query in the ground truth. */
  k: z.int().min(1),
  /** Where the ground truth is from. */
  groundTruth: z.enum(['computed', 'given']),
  /** Base rows have payloads: bytes of the longest. */
  payload: z.strictObject({ longest: z.int().min(1) }).optional(),
  /** By named query with a filter: the filter, and the mean share of base rows that match it, over queries. */
  filters: z
    .record(
      z.string(),
      z.strictObject({ filter: z.record(z.string(), z.unknown()), selectivity: z.number().min(0).max(1) }),
    )
    .optional(),
  /** Size and SHA-256 of each file beside this one. */
  files: z.record(z.string(), z.strictObject({ bytes: z.int().min(0), sha256: z.string() })),
});
export type DatasetMeta = z.output<typeof datasetMetaSchema>;

export const FILES = {
  base: 'base.f32',
  queries: 'queries.f32',
  ids: 'truth.ids.i32',
  distances: 'truth.distances.f64',
  payload: 'payload.jsonl',
  payloadOffsets: 'payload.offsets.f64',
  variables: 'variables.jsonl',
  meta: 'meta.json',
} as const;

/** The files of the ground truth under the filter of a named query. */
export function truthFiles(name: string): { ids: string; distances: string } {
  return { ids: `truth-${name}.ids.i32`, distances: `truth-${name}.distances.f64` };
}

/** What a prepared dataset has beside vectors and the plain ground truth. */
export interface DatasetExtras {
  truths: ReadonlyMap<string, GroundTruth>;
  /** Row i: the variables of query i, as JSON. Empty: there are none. */
  variables: readonly string[];
  payload: PayloadPaths | undefined;
}

/** A prepared dataset: queries and ground truths in memory, base vectors and payloads read from the files as needed. */
export class Dataset {
  readonly meta: DatasetMeta;
  readonly basePath: string;
  readonly queries: Float32Array;
  /** Without a filter. */
  readonly truth: GroundTruth;
  readonly #extras: DatasetExtras;
  #file: number | undefined;
  #payload: Promise<PayloadReader> | undefined;

  constructor(
    meta: DatasetMeta,
    basePath: string,
    queries: Float32Array,
    truth: GroundTruth,
    extras: DatasetExtras = { truths: new Map(), variables: [], payload: undefined },
  ) {
    this.meta = meta;
    this.basePath = basePath;
    this.queries = queries;
    this.truth = truth;
    this.#extras = extras;
  }

  /** The ground truth of a named query: under its filter, or the plain one where it was prepared without. */
  truthOf(name: string): GroundTruth {
    return this.#extras.truths.get(name) ?? this.truth;
  }

  /** What `$name` stands for in a query, by name; undefined where the dataset has no variables. */
  variables(query: number): Record<string, unknown> | undefined {
    const text = this.#extras.variables[query];
    return text === undefined ? undefined : (JSON.parse(text) as Record<string, unknown>);
  }

  get hasPayload(): boolean {
    return this.#extras.payload !== undefined;
  }

  /** Bytes of a row's payload: the mean, and the longest. */
  get payloadBytes(): { mean: number; longest: number } {
    const { payload, files, points } = this.meta;
    return { mean: (files[FILES.payload]?.bytes ?? 0) / points, longest: payload?.longest ?? 0 };
  }

  /** The payloads of base rows `first` … `first` + `count` − 1, each the JSON text it came as; undefined without payload. */
  async payloadRows(first: number, count: number): Promise<(string | undefined)[]> {
    const { payload } = this.#extras;
    if (payload === undefined) return Array.from({ length: count }, () => undefined);
    this.#payload ??= PayloadReader.open(payload);
    return (await (await this.#payload).rows(first, count)).texts;
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

  /** Releases the files. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    const payload = this.#payload;
    this.#payload = undefined;
    void payload?.then((reader) => reader.close()).catch(() => undefined);
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
    const truth = async (files: { ids: string; distances: string }, k: number): Promise<GroundTruth> => ({
      k,
      ids: await readArray(dir, files.ids, Int32Array, meta.queries * k),
      distances: await readArray(dir, files.distances, Float64Array, meta.queries * k),
    });
    const truths = new Map<string, GroundTruth>();
    for (const name of Object.keys(meta.filters ?? {})) truths.set(name, await truth(truthFiles(name), meta.k));
    const payload = meta.payload && (await payloadPaths(dir, meta));
    return new Dataset(meta, join(dir, FILES.base), queries, await truth(FILES, meta.k), {
      truths,
      variables: await readVariables(dir, meta),
      payload,
    });
  } catch (error) {
    throw new JobError(
      'DatasetChanged',
      `the prepared dataset in ${dir} cannot be used (${(error as Error).message}); prepare it again`,
      { cause: error },
    );
  }
}

async function payloadPaths(dir: string, { files }: DatasetMeta): Promise<PayloadPaths> {
  for (const name of [FILES.payload, FILES.payloadOffsets]) {
    const { size } = await stat(join(dir, name));
    if (size !== files[name]?.bytes) throw new Error(`${name} has ${size} bytes, expected ${files[name]?.bytes}`);
  }
  return { texts: join(dir, FILES.payload), offsets: join(dir, FILES.payloadOffsets) };
}

async function readVariables(dir: string, { files, queries }: DatasetMeta): Promise<string[]> {
  if (!files[FILES.variables]) return [];
  const lines = (await readFile(join(dir, FILES.variables), 'utf8')).split('\n').slice(0, -1);
  if (lines.length !== queries) {
    throw new Error(`${FILES.variables} has ${lines.length} rows, expected ${queries}`);
  }
  return lines;
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
