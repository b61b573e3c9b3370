import { tieTolerance } from '../datasets/distance.ts';

/** What recall is counted against. */
export interface TruthSource {
  meta: { distance: 'Cosine' | 'Dot' | 'Euclid' | 'Manhattan' };
  /** Of a query with a filter and fewer than k matches: -1 at distance Infinity in the places left over. */
  truth: { k: number; ids: Int32Array; distances: Float64Array };
  /** Exact distance of a query to a row, Infinity for no such row. */
  distance(query: number, row: number): number;
}

/**
 * Share of a query's true `limit` nearest that came back, counting ties: an id is a hit if it is one of them or as far as
 * the last of them, up to float32 rounding. Ids named twice count once; -1 is no answer.
 *
 * A query whose filter fewer than `limit` rows match counts against those. Where none matches nothing could be found: NaN,
 * to be left out of every mean.
 */
export function recallOf(
  source: TruthSource,
  query: number,
  ids: ArrayLike<number>,
  from: number,
  limit: number,
): number {
  const { k, ids: truth, distances } = source.truth;
  const begin = query * k;
  let wanted = Math.min(limit, k);
  const complete = truth[begin + wanted - 1] !== -1;
  while (wanted > 0 && truth[begin + wanted - 1] === -1) wanted -= 1;
  if (wanted === 0) return NaN;
  const kth = distances[begin + wanted - 1] as number;
  const tolerance = tieTolerance(source.meta.distance, kth);
  let hits = 0;
  for (let i = 0; i < limit; i += 1) {
    const id = ids[from + i] as number;
    if (id < 0 || isRepeated(ids, from, i)) continue;
    let hit = false;
    for (let t = 0; t < wanted && !hit; t += 1) hit = truth[begin + t] === id;
    // A nearer row that is none of them does not match the filter. Where all matches are named, no other is one.
    if (hit || (complete && Math.abs(source.distance(query, id) - kth) <= tolerance)) hits += 1;
  }
  return Math.min(1, hits / wanted);
}

function isRepeated(ids: ArrayLike<number>, from: number, i: number): boolean {
  for (let j = 0; j < i; j += 1) if (ids[from + j] === ids[from + i]) return true;
  return false;
}

export interface RecallEstimate {
  value: number;
  /** Standard error of the mean over queries. */
  standardError: number;
  /** 95 % interval. */
  low: number;
  high: number;
  /** Different queries behind it. */
  queries: number;
}

/** Collects recall by query; the query, not the request, is the unit of the statistics. */
export class RecallTally {
  readonly #sums: Float64Array;
  readonly #counts: Uint32Array;

  constructor(queries: number) {
    this.#sums = new Float64Array(queries);
    this.#counts = new Uint32Array(queries);
  }

  /** NaN, of a query without a right answer, is left out. */
  add(query: number, recall: number): void {
    if (Number.isNaN(recall)) return;
    this.#sums[query] = (this.#sums[query] as number) + recall;
    this.#counts[query] = (this.#counts[query] as number) + 1;
  }

  /** Mean recall by query; NaN where it was not asked. */
  means(): Float64Array {
    return this.#sums.map((sum, query) => sum / (this.#counts[query] as number));
  }

  /** The mean over queries. Undefined without one. */
  estimate(): RecallEstimate | undefined {
    const means = this.means().filter((mean) => !Number.isNaN(mean));
    const queries = means.length;
    if (queries === 0) return undefined;
    const value = means.reduce((sum, mean) => sum + mean, 0) / queries;
    const variance = queries < 2 ? 0 : means.reduce((sum, mean) => sum + (mean - value) ** 2, 0) / (queries - 1);
    return recallEstimate(value, Math.sqrt(variance / queries), queries);
  }
}

/**
 * A mean with its 95 % interval by the normal approximation; where all queries agree on 0 or 1, by the rule of three
 * (Hanley, Lippman-Hand 1983), since no spread seen does not mean none.
 */
export function recallEstimate(value: number, standardError: number, queries: number): RecallEstimate {
  const half = standardError > 0 ? 1.96 * standardError : Math.min(1, 3 / queries);
  return {
    value,
    standardError,
    low: standardError === 0 && value === 0 ? 0 : Math.max(0, value - half),
    high: standardError === 0 && value === 1 ? 1 : Math.min(1, value + half),
    queries,
  };
}

/** Answers that are remembered at most, in ids. */
const REMEMBERED_IDS = 4_000_000;

/** Recall of answers as they come in. A query asked again is mostly answered alike: then nothing is computed anew. */
export class RecallCounter {
  readonly #source: TruthSource;
  readonly #limit: number;
  readonly #last: Int32Array | undefined;
  readonly #values: Float64Array;

  constructor(source: TruthSource, queries: number, limit: number) {
    this.#source = source;
    this.#limit = limit;
    this.#last = queries * limit <= REMEMBERED_IDS ? new Int32Array(queries * limit).fill(-2) : undefined;
    this.#values = new Float64Array(queries);
  }

  recall(query: number, ids: Int32Array): number {
    const limit = this.#limit;
    const last = this.#last;
    if (last === undefined) return recallOf(this.#source, query, ids, 0, limit);
    const begin = query * limit;
    let same = true;
    for (let i = 0; i < limit && same; i += 1) same = last[begin + i] === ids[i];
    if (!same) {
      last.set(ids.subarray(0, limit), begin);
      this.#values[query] = recallOf(this.#source, query, ids, 0, limit);
    }
    return this.#values[query] as number;
  }
}
