/**
 * Mann–Kendall test for a trend (Mann 1945, Kendall 1975): S = Σ sign(x_j − x_i) over all pairs i < j. Its distribution without
 * a trend is that of the inversions of a random order, counted exactly; ties count as neither up nor down, which makes the
 * test the more careful.
 * @returns S, and how probable one as far from 0 is, to either side, when there is no trend.
 */
export function mannKendall(values: readonly number[]): { s: number; probability: number } {
  let s = 0;
  values.forEach((value, j) => {
    for (let i = 0; i < j; i += 1) s += Math.sign(value - (values[i] as number));
  });
  const n = values.length;
  const pairs = (n * (n - 1)) / 2;
  // An order with k inversions has S = pairs − 2k: of n! orders, those with at most so many inversions, and twice.
  const most = Math.floor((pairs - Math.abs(s)) / 2);
  const shares = inversionShares(n);
  let tail = 0;
  for (let k = 0; k <= most; k += 1) tail += shares[k] ?? 0;
  return { s, probability: Math.min(1, 2 * tail) };
}

/** Share of the orders of n things by their number of inversions: those of n − 1, with the n-th in each of its n places. */
function inversionShares(n: number): number[] {
  let shares = [1];
  for (let size = 2; size <= n; size += 1) {
    const next = Array.from({ length: (size * (size - 1)) / 2 + 1 }, () => 0);
    shares.forEach((share, k) => {
      for (let more = 0; more < size; more += 1) next[k + more] = (next[k + more] as number) + share / size;
    });
    shares = next;
  }
  return shares;
}

/** Theil–Sen slope: the median of the slopes of all pairs, a step apart being 1. Half of the values but a few may be wild. */
export function theilSen(values: readonly number[]): number {
  const slopes: number[] = [];
  values.forEach((value, j) => {
    for (let i = 0; i < j; i += 1) slopes.push((value - (values[i] as number)) / (j - i));
  });
  return median(slopes);
}

/** 0 of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
