import { exactDistance, type Distance } from './distance.ts';

/** The k nearest rows found so far of one query, nearest first; equal scores keep the lower row. */
interface Nearest {
  ids: Int32Array;
  scores: Float64Array;
  count: number;
}

/** Rows compared at once: 256 × 128 dimensions × 8 bytes stay in the second-level cache. */
const TILE_ROWS = 256;

/** Length of the scratch a search needs. */
export function tileValues(dimensions: number): number {
  return TILE_ROWS * dimensions;
}

/**
 * Exact nearest rows by brute force, fed with base rows block by block. Products are accumulated in float64, four
 * queries at a time, so that a base row is read from memory once for four; the final distances are computed afresh,
 * without the cancellation that |a|² + |b|² − 2ab suffers between near-equal vectors.
 */
export class NearestSearch {
  readonly #distance: Distance;
  readonly #dimensions: number;
  readonly #count: number;
  readonly #queries: Float64Array;
  readonly #nearest: Nearest[];
  readonly #oneByOne: boolean;
  readonly #tile: Float64Array;
  readonly #weights = new Float64Array(TILE_ROWS);
  /** Row numbers of what is being compared, where they do not just follow one another. */
  #rows: ArrayLike<number> | undefined;

  /** `tile`: scratch of `tileValues`, to be shared by searches that are fed in turn. */
  constructor(
    distance: Distance,
    dimensions: number,
    queries: Float32Array,
    k: number,
    tile = new Float64Array(tileValues(dimensions)),
  ) {
    this.#distance = distance;
    this.#dimensions = dimensions;
    this.#count = queries.length / dimensions;
    this.#oneByOne = distance === 'Manhattan' || this.#count < 4;
    // Padded with zero queries to a multiple of four.
    this.#queries = new Float64Array((this.#oneByOne ? this.#count : Math.ceil(this.#count / 4) * 4) * dimensions);
    this.#queries.set(queries);
    this.#nearest = Array.from({ length: this.#count }, () => ({
      ids: new Int32Array(k),
      scores: new Float64Array(k).fill(Infinity),
      count: 0,
    }));
    this.#tile = tile;
  }

  /** Compares all queries with some rows of the base: `values` one after the other, `rows` their ascending numbers. */
  addRows(values: Float32Array, rows: ArrayLike<number>): void {
    this.#rows = rows;
    this.add(values, 0, rows.length);
    this.#rows = undefined;
  }

  /** Compares all queries with `rows` rows, the first of which is row `firstRow` of the base. */
  add(values: Float32Array, firstRow: number, rows: number): void {
    for (let start = 0; start < rows; start += TILE_ROWS) {
      const count = Math.min(TILE_ROWS, rows - start);
      const dimensions = this.#dimensions;
      this.#tile.set(values.subarray(start * dimensions, (start + count) * dimensions));
      this.#weigh(count);
      for (let query = 0; query < this.#count; query += 4) {
        if (this.#oneByOne) this.#distances(query, firstRow + start, count);
        else this.#products(query, firstRow + start, count);
      }
    }
  }

  /** What each row's product is multiplied with (Cosine) or has added (Euclid) to become a score. */
  #weigh(count: number): void {
    if (this.#oneByOne) return;
    if (this.#distance !== 'Cosine' && this.#distance !== 'Euclid') return;
    const dimensions = this.#dimensions;
    for (let row = 0; row < count; row += 1) {
      let square = 0;
      for (let i = row * dimensions, end = i + dimensions; i < end; i += 1) {
        const value = this.#tile[i] as number;
        square += value * value;
      }
      this.#weights[row] = this.#distance === 'Euclid' ? square : square === 0 ? 0 : 1 / Math.sqrt(square);
    }
  }

  #products(query: number, firstRow: number, count: number): void {
    const dimensions = this.#dimensions;
    const tile = this.#tile;
    const queries = this.#queries;
    const q0 = query * dimensions;
    const q1 = q0 + dimensions;
    const q2 = q1 + dimensions;
    const q3 = q2 + dimensions;
    for (let row = 0; row < count; row += 1) {
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      const offset = row * dimensions;
      for (let d = 0; d < dimensions; d += 1) {
        const value = tile[offset + d] as number;
        s0 += value * (queries[q0 + d] as number);
        s1 += value * (queries[q1 + d] as number);
        s2 += value * (queries[q2 + d] as number);
        s3 += value * (queries[q3 + d] as number);
      }
      const id = firstRow + row;
      this.#offer(query, id, this.#score(s0, row));
      this.#offer(query + 1, id, this.#score(s1, row));
      this.#offer(query + 2, id, this.#score(s2, row));
      this.#offer(query + 3, id, this.#score(s3, row));
    }
  }

  #score(product: number, row: number): number {
    if (this.#distance === 'Euclid') return (this.#weights[row] as number) - 2 * product;
    return this.#distance === 'Cosine' ? -product * (this.#weights[row] as number) : -product;
  }

  #distances(query: number, firstRow: number, count: number): void {
    const dimensions = this.#dimensions;
    const last = Math.min(query + 4, this.#count);
    for (let row = 0; row < count; row += 1) {
      for (let q = query; q < last; q += 1) {
        const score = exactDistance(
          this.#distance,
          this.#queries,
          q * dimensions,
          this.#tile,
          row * dimensions,
          dimensions,
        );
        this.#offer(q, firstRow + row, score);
      }
    }
  }

  #offer(query: number, id: number, score: number): void {
    const nearest = this.#nearest[query];
    if (nearest === undefined) return;
    const { ids, scores } = nearest;
    const k = scores.length;
    // Rows come in ascending order, so an equal score never displaces.
    if (score >= (scores[k - 1] as number)) return;
    let place = nearest.count < k ? nearest.count : k - 1;
    while (place > 0 && (scores[place - 1] as number) > score) {
      scores[place] = scores[place - 1] as number;
      ids[place] = ids[place - 1] as number;
      place -= 1;
    }
    scores[place] = score;
    ids[place] = this.#rows ? (this.#rows[id] as number) : id;
    if (nearest.count < k) nearest.count += 1;
  }

  /** Ids and scores of every query; scores only rank rows of one query and are no distances. */
  result(): { ids: Int32Array[]; scores: Float64Array[] } {
    return {
      ids: this.#nearest.map(({ ids, count }) => ids.slice(0, count)),
      scores: this.#nearest.map(({ scores, count }) => scores.slice(0, count)),
    };
  }
}
