/** Qdrant's distances. */
export type Distance = 'Cosine' | 'Dot' | 'Euclid' | 'Manhattan';

/**
 * How far apart two vectors are, smaller = nearer, accumulated in float64: 1 − cosine, −dot product, Euclidean
 * length, sum of absolute differences. A vector of length 0 has cosine 0 to everything, as in Qdrant.
 */
export function exactDistance(
  distance: Distance,
  a: ArrayLike<number>,
  aOffset: number,
  b: ArrayLike<number>,
  bOffset: number,
  dimensions: number,
): number {
  let sum = 0;
  if (distance === 'Dot' || distance === 'Cosine') {
    let aa = 0;
    let bb = 0;
    for (let i = 0; i < dimensions; i += 1) {
      const x = a[aOffset + i] as number;
      const y = b[bOffset + i] as number;
      sum += x * y;
      aa += x * x;
      bb += y * y;
    }
    if (distance === 'Dot') return -sum;
    return aa === 0 || bb === 0 ? 1 : 1 - sum / Math.sqrt(aa * bb);
  }
  for (let i = 0; i < dimensions; i += 1) {
    const difference = (a[aOffset + i] as number) - (b[bOffset + i] as number);
    sum += distance === 'Euclid' ? difference * difference : Math.abs(difference);
  }
  return distance === 'Euclid' ? Math.sqrt(sum) : sum;
}

/**
 * How much two equal distances may differ because a server computes in float32 (2⁻²⁴ a step, several steps):
 * 2 · 10⁻⁶ of the distance's scale. Cosine's scale is 1, since it is a difference from 1.
 */
export function tieTolerance(distance: Distance, kth: number): number {
  const scale = distance === 'Cosine' ? 1 : Math.abs(kth);
  return 2e-6 * scale;
}
