import { createHash, type Hash } from 'node:crypto';
import { open, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { JobError } from '../job-error.ts';
import { DATASET_VERSION, FILES, truthFiles, type DatasetMeta } from './dataset.ts';
import type { Distance } from './distance.ts';
import { computeFilteredTruth, type FilteredTruth, type NamedFilters } from './filtered-truth.ts';
import { adoptGroundTruth, computeGroundTruth, type GroundTruth, type TruthTask } from './ground-truth.ts';
import { resolveAll, type FilteredQuery } from './named-filters.ts';
import { writeLines } from './prepared-lines.ts';

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
  readonly #variables: string[] = [];
  #longestPayload: number | undefined;

  constructor(dir: string, shape: Shape, hooks: WriterHooks) {
    this.#dir = dir;
    this.#shape = shape;
    this.#hooks = hooks;
    this.#queries = new Float32Array(shape.queries * shape.dimensions);
    this.#digest = createHash('sha256').update(JSON.stringify([shape.distance, shape.dimensions, shape.points]));
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

  /** The payloads of base rows, as JSON. */
  async payload(lines: AsyncIterable<string>, name: string): Promise<void> {
    this.#digest.update('payload');
    const paths = { texts: join(this.#dir, FILES.payload), offsets: join(this.#dir, FILES.payloadOffsets) };
    const expected = { rows: this.#shape.points, name, of: 'base vectors' };
    const digest = (piece: Uint8Array): void => void this.#digest.update(piece);
    const { texts, offsets, longest } = await writeLines(paths, lines, expected, digest, this.#hooks.signal);
    this.#files[FILES.payload] = texts;
    if (offsets) this.#files[FILES.payloadOffsets] = offsets;
    this.#longestPayload = longest;
  }

  /** What `$names` stand for in each query, as JSON. */
  async variables(lines: AsyncIterable<string>, name: string): Promise<void> {
    this.#digest.update('variables');
    const kept = this.#variables;
    const keeping = async function* (): AsyncGenerator<string> {
      for await (const line of lines) {
        kept.push(line);
        yield line;
      }
    };
    const expected = { rows: this.#shape.queries, name, of: 'query vectors' };
    const digest = (piece: Uint8Array): void => void this.#digest.update(piece);
    const paths = { texts: join(this.#dir, FILES.variables) };
    this.#files[FILES.variables] = (await writeLines(paths, keeping(), expected, digest, this.#hooks.signal)).texts;
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
    // What is wrong with a filter shows before the long work.
    const named = resolveAll(this.#shape.filters, this.#variables, queries);
    progress('GroundTruth', 0, points);
    const truth: GroundTruth = given
      ? await adoptGroundTruth(task, given.ids, given.k, given.name, signal)
      : await computeGroundTruth(task, (rows) => progress('GroundTruth', rows, points), signal);
    await this.#write(FILES.ids, new Uint8Array(truth.ids.buffer));
    await this.#write(FILES.distances, new Uint8Array(truth.distances.buffer));
    const filters = named.length > 0 ? await this.#filtered(task, named) : undefined;
    return {
      version: DATASET_VERSION,
      digest: `sha256:${this.#digest.digest('hex')}`,
      points,
      dimensions,
      queries,
      distance,
      k: truth.k,
      groundTruth: given ? 'given' : 'computed',
      ...(this.#longestPayload === undefined ? {} : { payload: { longest: this.#longestPayload } }),
      ...(filters ? { filters } : {}),
      files: this.#files,
    };
  }

  /** Ground truths under filters, and what is said of them. A filter that no row ever matches measures nothing. */
  async #filtered(task: TruthTask, named: readonly NamedFilters[]): Promise<NonNullable<DatasetMeta['filters']>> {
    const { signal, progress } = this.#hooks;
    const payload =
      this.#longestPayload === undefined
        ? {}
        : { payload: { texts: join(this.#dir, FILES.payload), offsets: join(this.#dir, FILES.payloadOffsets) } };
    const detail = 'with filters';
    const onRows = (rows: number): void => progress('GroundTruth', rows, task.rows, detail);
    const truths = await computeFilteredTruth({ ...task, ...payload }, named, onRows, signal);
    const filters: NonNullable<DatasetMeta['filters']> = {};
    for (const { name, filter } of this.#shape.filters) {
      const { truth, selectivity } = truths.get(name) as FilteredTruth;
      if (selectivity === 0) {
        throw new JobError(
          'DatasetInvalid',
          `query ${name}: its filter matches no base row in any of ${this.#shape.queries} queries; ` +
            'check the names and types of payload fields, and the variables',
        );
      }
      await this.#write(truthFiles(name).ids, new Uint8Array(truth.ids.buffer));
      await this.#write(truthFiles(name).distances, new Uint8Array(truth.distances.buffer));
      filters[name] = { filter, selectivity };
    }
    return filters;
  }

  async #write(name: string, bytes: Uint8Array): Promise<void> {
    await writeSynced(join(this.#dir, name), bytes);
    this.#files[name] = { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  }
}

export async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  await writeFile(path, bytes, { flush: true });
}
