import { at, type Json } from './json-text.ts';

/** What a search answers, worked out the slow way. */
export type Scored = { id: number; score: number };

export type Sparse = { indices: number[]; values: number[] };

export const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);

/** The dot product of two sparse vectors; undefined when they share no index. */
export function sparseDot(a: Sparse, b: Sparse, weight = (_index: number): number => 1): number | undefined {
  let sum: number | undefined;
  for (const [i, index] of a.indices.entries()) {
    const j = b.indices.indexOf(index);
    if (j >= 0) sum = (sum ?? 0) + (a.values[i] ?? 0) * (b.values[j] ?? 0) * weight(index);
  }
  return sum;
}

/** The sum over the query's vectors of each one's best match. */
export const maxSim = (query: readonly number[][], rows: readonly number[][]): number =>
  query.reduce((sum, vector) => sum + Math.max(...rows.map((row) => dot(vector, row))), 0);

/** The best `limit` ids by `score`, leaving out those without one. */
export function best(ids: readonly number[], limit: number, score: (id: number) => number | undefined): Scored[] {
  return ids
    .flatMap((id) => {
      const found = score(id);
      return found === undefined ? [] : [{ id, score: found }];
    })
    .toSorted((a, b) => b.score - a.score)
    .slice(0, limit);
}

/** The ids and scores of a query's answer. */
export const scoredOf = (result: Json): Scored[] =>
  (at(result, ['points']) as { id: number; score: number }[]).map(({ id, score }) => ({ id, score }));

/** Reciprocal rank fusion: each list gives 1 / ((rank + 1) / weight + k - 1), ranks from 0. */
export function rrf(lists: readonly Scored[][], k = 2, weights: readonly number[] = []): Map<number, number> {
  const sums = new Map<number, number>();
  for (const [i, list] of lists.entries()) {
    for (const [rank, { id }] of list.entries()) {
      const weight = weights[i] ?? 1;
      const score = weight === 0 ? 0 : 1 / ((rank + 1) / weight + k - 1);
      sums.set(id, (sums.get(id) ?? 0) + score);
    }
  }
  return sums;
}

/** Distribution-based score fusion: scores scaled so that mean ± 3 standard deviations is 0 to 1, then summed. */
export function dbsf(lists: readonly Scored[][]): Map<number, number> {
  const sums = new Map<number, number>();
  for (const list of lists) {
    const mean = list.reduce((sum, { score }) => sum + score, 0) / list.length;
    const variance = list.reduce((sum, { score }) => sum + (score - mean) ** 2, 0) / (list.length - 1);
    const spread = 3 * Math.sqrt(variance);
    for (const { id, score } of list) {
      sums.set(id, (sums.get(id) ?? 0) + (score - (mean - spread)) / (2 * spread));
    }
  }
  return sums;
}
