import { open, type FileHandle } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { exactDistance, tieTolerance, type Distance } from './distance.ts';
import { NearestSearch } from './nearest.ts';
import { JobError } from '../job-error.ts';
import { overRanges, rowRanges } from './row-ranges.ts';

/**
 * The true nearest base rows of every query: `k` a query, nearest first, with their exact distances. With a filter, of
 * those that match it: where they are fewer than k, -1 at distance Infinity fills the place.
 */
export interface GroundTruth {
  k: number;
  ids: Int32Array<ArrayBuffer>;
  distances: Float64Array<ArrayBuffer>;
}

/** What is to be searched: `rows` float32 rows in a file, and the queries. */
export interface TruthTask {
  basePath: string;
  rows: number;
  dimensions: number;
  distance: Distance;
  queries: Float32Array;
  k: number;
}

/** A worker's share: rows `from` … `to` − 1. */
export interface TruthRange extends TruthTask {
  from: number;
  to: number;
}

export interface RangeResult {
  ids: Int32Array[];
  scores: Float64Array[];
}

export const BLOCK_BYTES = 2 * 1024 * 1024;
/** Multiplications below which threads cost more than they save. */
const SMALL = 30_000_000;

/** Reads exactly `count` float32 values beginning at value `from`. */
export async function readFloats(file: FileHandle, from: number, count: number): Promise<Float32Array<ArrayBuffer>> {
  const values = new Float32Array(count);
  const bytes = new Uint8Array(values.buffer);
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, from * 4 + filled);
    if (bytesRead === 0) throw new JobError('DatasetInvalid', 'a prepared vector file is shorter than its description');
    filled += bytesRead;
  }
  return values;
}

/** Nearest rows among `from` … `to` − 1; `onRows` hears of every block compared. */
export async function searchRange(task: TruthRange, onRows: (rows: number) => void): Promise<RangeResult> {
  const search = new NearestSearch(task.distance, task.dimensions, task.queries, task.k);
  const blockRows = Math.max(1, Math.floor(BLOCK_BYTES / (task.dimensions * 4)));
  const file = await open(task.basePath, 'r');
  try {
    for (let row = task.from; row < task.to; row += blockRows) {
      const rows = Math.min(blockRows, task.to - row);
      search.add(await readFloats(file, row * task.dimensions, rows * task.dimensions), row, rows);
      onRows(rows);
    }
  } finally {
    await file.close();
  }
  return search.result();
}

/**
 * Exact ground truth of all queries, by brute force over all cores.
 * @param onProgress told of the rows compared so far.
 */
export async function computeGroundTruth(
  task: TruthTask,
  onProgress: (rows: number) => void,
  signal?: AbortSignal,
  threads = availableParallelism(),
): Promise<GroundTruth> {
  const parts = task.rows * task.queries.length < SMALL ? 1 : threads;
  const ranges = rowRanges(task, parts);
  const results = await overRanges(ranges, searchRange, { onProgress, ...(signal ? { signal } : {}) });
  return await mergeRanges(task, task.queries.length / task.dimensions, results);
}

/**
 * The nearest of what was found in each range, `slots` lists of them: list i is of query i modulo the number of queries.
 * A list of fewer than k is filled with -1 at distance Infinity.
 */
export async function mergeRanges(
  task: TruthTask,
  slots: number,
  results: readonly RangeResult[],
): Promise<GroundTruth> {
  const k = Math.min(task.k, task.rows);
  const ids = new Int32Array(slots * k).fill(-1);
  for (let slot = 0; slot < slots; slot += 1) {
    const candidates: { id: number; score: number }[] = [];
    for (const result of results) {
      const scores = result.scores[slot] as Float64Array;
      (result.ids[slot] as Int32Array).forEach((id, i) => candidates.push({ id, score: scores[i] as number }));
    }
    candidates.sort((a, b) => a.score - b.score || a.id - b.id);
    candidates.slice(0, k).forEach(({ id }, i) => {
      ids[slot * k + i] = id;
    });
  }
  const distances = await distancesOf(task, ids, k);
  for (let slot = 0; slot < slots; slot += 1) sortRow(ids, distances, slot * k, k);
  return { k, ids, distances };
}

function sortRow(ids: Int32Array, distances: Float64Array, offset: number, k: number): void {
  const order = Array.from({ length: k }, (_, i) => ({
    id: ids[offset + i] as number,
    distance: distances[offset + i] as number,
  }))
    // Two Infinities differ by NaN, which is none.
    .sort((a, b) => a.distance - b.distance || a.id - b.id);
  order.forEach((entry, i) => {
    ids[offset + i] = entry.id;
    distances[offset + i] = entry.distance;
  });
}

/** Exact distances of the given rows, `k` a query, as `mergeRanges` counts queries. Rows must exist; -1 is at Infinity. */
export async function distancesOf(
  task: Omit<TruthTask, 'k'>,
  ids: Int32Array,
  k: number,
): Promise<Float64Array<ArrayBuffer>> {
  const count = task.queries.length / task.dimensions;
  const distances = new Float64Array(ids.length).fill(Infinity);
  const file = await open(task.basePath, 'r');
  try {
    // In ascending row order, with neighbouring rows read together, this is nearly a sequential read.
    const order = Uint32Array.from(ids.keys()).sort((a, b) => (ids[a] as number) - (ids[b] as number));
    const blockRows = Math.max(1, Math.floor(BLOCK_BYTES / (task.dimensions * 4)));
    let block = new Float32Array(0);
    let blockStart = 0;
    for (const i of order) {
      const id = ids[i] as number;
      if (id < 0) continue;
      if (id < blockStart || (id - blockStart) * task.dimensions >= block.length) {
        blockStart = id;
        const rows = Math.min(blockRows, task.rows - id);
        block = await readFloats(file, id * task.dimensions, rows * task.dimensions);
      }
      const query = Math.floor(i / k) % count;
      distances[i] = exactDistance(
        task.distance,
        task.queries,
        query * task.dimensions,
        block,
        (id - blockStart) * task.dimensions,
        task.dimensions,
      );
    }
  } finally {
    await file.close();
  }
  return distances;
}

/** How many queries of a provided ground truth are compared with an exact search. */
const SAMPLE = 20;

/**
 * Takes over a provided ground truth: its first `limit` ids a query, with exact distances, after comparing a sample of
 * queries with an exact search. Equal distances may be in any order.
 * @throws {JobError} DatasetInvalid, naming query and distances: it belongs to other vectors or another distance.
 */
export async function adoptGroundTruth(
  task: TruthTask,
  given: Int32Array,
  givenK: number,
  name: string,
  signal?: AbortSignal,
): Promise<GroundTruth> {
  const count = task.queries.length / task.dimensions;
  const { k } = task;
  const ids = new Int32Array(count * k);
  for (let query = 0; query < count; query += 1) {
    const seen = new Set<number>();
    for (let i = 0; i < k; i += 1) {
      const id = given[query * givenK + i] as number;
      if (id < 0 || id >= task.rows) {
        throw new JobError(
          'DatasetInvalid',
          `${name}: row ${query}, place ${i} is ${id}; expected a base row, 0 to ${task.rows - 1}`,
        );
      }
      if (seen.has(id)) throw new JobError('DatasetInvalid', `${name}: row ${query} names base row ${id} twice`);
      seen.add(id);
      ids[query * k + i] = id;
    }
  }
  const distances = await distancesOf(task, ids, k);
  for (let query = 0; query < count; query += 1) sortRow(ids, distances, query * k, k);

  const sample = Array.from({ length: Math.min(SAMPLE, count) }, (_, i) =>
    Math.floor((i * count) / Math.min(SAMPLE, count)),
  );
  const queries = new Float32Array(sample.length * task.dimensions);
  sample.forEach((query, i) => {
    queries.set(task.queries.subarray(query * task.dimensions, (query + 1) * task.dimensions), i * task.dimensions);
  });
  const exact = await computeGroundTruth({ ...task, queries }, () => undefined, signal);
  sample.forEach((query, i) => {
    for (let place = 0; place < k; place += 1) {
      const claimed = distances[query * k + place] as number;
      const truth = exact.distances[i * k + place] as number;
      if (Math.abs(claimed - truth) > tieTolerance(task.distance, truth) + 1e-12) {
        throw new JobError(
          'DatasetInvalid',
          `${name}: row ${query}, place ${place} is base row ${ids[query * k + place]} at ${task.distance} distance ` +
            `${claimed}, but base row ${exact.ids[i * k + place]} at ${truth} is the true one; is this ground truth for these ` +
            `vectors and this distance? Omit groundTruth to have it computed`,
        );
      }
    }
  });
  return { k, ids, distances };
}
