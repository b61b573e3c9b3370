import { open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { compileFilter } from '../filter/compile.ts';
import { parsePayload } from '../filter/payload-json.ts';
import type { Filter } from '../filter/resolve.ts';
import {
  BLOCK_BYTES,
  mergeRanges,
  readFloats,
  type GroundTruth,
  type RangeResult,
  type TruthTask,
} from './ground-truth.ts';
import { NearestSearch, tileValues } from './nearest.ts';
import { PayloadReader, type PayloadPaths } from './payload-file.ts';
import { overRanges, rowRanges, type RowRange } from './row-ranges.ts';

/** A named query's filter, resolved for each query: `filters[i]` is query i's. */
export interface NamedFilters {
  name: string;
  filters: readonly Filter[];
}

/** Queries that share a filter; slot s is query s modulo the number of queries, of the named query s ÷ that number. */
interface FilterGroup {
  filter: Filter;
  slots: number[];
}

interface FilteredTask extends TruthTask {
  /** Absent: base rows have no payload. */
  payload?: PayloadPaths;
  groups: FilterGroup[];
}

/** A worker's share of the base. */
export type FilteredRange = FilteredTask & RowRange;

export interface FilteredRangeResult extends RangeResult {
  /** Rows of this range that match, by group. */
  matches: Float64Array;
}

export interface FilteredTruth {
  truth: GroundTruth;
  /** Mean share of base rows that match the filter, over queries. */
  selectivity: number;
}

/** Payload text in memory at a time, a thread. */
const PAYLOAD_BYTES = 8 * 2 ** 20;
/** Rows below which threads cost more than they save. */
const SMALL_ROWS = 20_000;

/**
 * Exact ground truth under filters, by brute force over all cores: every row's payload is read and put to each different
 * filter once, in one pass for all named queries. Payloads are in memory a block at a time.
 * @param onProgress told of the rows compared so far.
 */
export async function computeFilteredTruth(
  task: TruthTask & { payload?: PayloadPaths },
  named: readonly NamedFilters[],
  onProgress: (rows: number) => void,
  signal?: AbortSignal,
  threads = availableParallelism(),
): Promise<Map<string, FilteredTruth>> {
  const queries = task.queries.length / task.dimensions;
  const groups = grouped(named, queries);
  const ranges = rowRanges({ ...task, groups }, task.rows < SMALL_ROWS ? 1 : threads);
  const results = await overRanges(ranges, searchFilteredRange, { onProgress, ...(signal ? { signal } : {}) });
  const slots = named.length * queries;
  const merged = await mergeRanges(task, slots, results);
  const matches = new Float64Array(slots);
  groups.forEach(({ slots: members }, group) => {
    const count = results.reduce((sum, result) => sum + (result.matches[group] as number), 0);
    for (const slot of members) matches[slot] = count;
  });
  const { k } = merged;
  return new Map(
    named.map(({ name }, index) => {
      const [from, to] = [index * queries, (index + 1) * queries];
      const sum = matches.subarray(from, to).reduce((total, count) => total + count, 0);
      const truth = { k, ids: merged.ids.slice(from * k, to * k), distances: merged.distances.slice(from * k, to * k) };
      return [name, { truth, selectivity: sum / queries / task.rows }];
    }),
  );
}

function grouped(named: readonly NamedFilters[], queries: number): FilterGroup[] {
  const groups = new Map<string, FilterGroup>();
  named.forEach(({ filters }, index) => {
    filters.forEach((filter, query) => {
      const key = JSON.stringify(filter);
      const group = groups.get(key) ?? { filter, slots: [] };
      group.slots.push(index * queries + query);
      groups.set(key, group);
    });
  });
  return [...groups.values()];
}

/** Nearest matching rows among `from` … `to` − 1; `onRows` hears of every block compared. */
export async function searchFilteredRange(
  task: FilteredRange,
  onRows: (rows: number) => void,
): Promise<FilteredRangeResult> {
  const { dimensions, distance, groups, k } = task;
  const queries = task.queries.length / dimensions;
  const tile = new Float64Array(tileValues(dimensions));
  const searches = groups.map(({ filter, slots }) => {
    const vectors = new Float32Array(slots.length * dimensions);
    slots.forEach((slot, i) => {
      const query = slot % queries;
      vectors.set(task.queries.subarray(query * dimensions, (query + 1) * dimensions), i * dimensions);
    });
    return { holds: compileFilter(filter), search: new NearestSearch(distance, dimensions, vectors, k, tile) };
  });
  const matches = new Float64Array(groups.length);
  const blockRows = Math.max(1, Math.floor(BLOCK_BYTES / (dimensions * 4)));
  const picked = new Float32Array(blockRows * dimensions);
  const reader = task.payload && (await PayloadReader.open(task.payload));
  const base = await open(task.basePath, 'r').catch(async (error: unknown) => {
    await reader?.close();
    throw error;
  });
  try {
    for (let row = task.from, rows: number; row < task.to; row += rows) {
      rows = Math.min(blockRows, task.to - row);
      const texts = (await reader?.rows(row, rows, PAYLOAD_BYTES))?.texts;
      rows = texts?.length ?? rows;
      const payloads = texts?.map(parsePayload) ?? Array.from({ length: rows }, () => NOTHING);
      const values = await readFloats(base, row * dimensions, rows * dimensions);
      searches.forEach(({ holds, search }, group) => {
        const found: number[] = [];
        for (let i = 0; i < rows; i += 1) {
          if (!holds(payloads[i] as Record<string, unknown>, row + i)) continue;
          picked.set(values.subarray(i * dimensions, (i + 1) * dimensions), found.length * dimensions);
          found.push(row + i);
        }
        search.addRows(picked, found);
        matches[group] = (matches[group] as number) + found.length;
      });
      onRows(rows);
    }
  } finally {
    await base.close();
    await reader?.close();
  }
  return { ...bySlot(task, searches), matches };
}

const NOTHING: Record<string, unknown> = {};

function bySlot({ groups }: FilteredTask, searches: readonly { search: NearestSearch }[]): RangeResult {
  const ids: Int32Array[] = [];
  const scores: Float64Array[] = [];
  groups.forEach(({ slots }, group) => {
    const result = (searches[group] as { search: NearestSearch }).search.result();
    slots.forEach((slot, i) => {
      ids[slot] = result.ids[i] as Int32Array;
      scores[slot] = result.scores[i] as Float64Array;
    });
  });
  return { ids, scores };
}
