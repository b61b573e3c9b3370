import { at, type Json } from './json-text.ts';

/** A seeded stream of numbers in [0, 1) (a 32-bit linear congruential generator: good enough to place test points). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** `count` points of `size` dimensions around 40 centres, the same centres for every seed. */
export function clusters(count: number, size: number, seed: number): number[][] {
  const centre = uniform(4711);
  const centres = Array.from({ length: 40 }, () => Array.from({ length: size }, () => centre() - 0.5));
  const next = uniform(seed);
  return Array.from({ length: count }, () => {
    const around = centres[Math.floor(next() * centres.length)] ?? [];
    return around.map((value) => Number((value + (next() - 0.5) * 0.8).toFixed(4)));
  });
}

/** The ids of a query's answer, best first. */
export function idsOf(result: Json): number[] {
  return (at(result, ['points']) as { id: number }[]).map((point) => point.id);
}

/** The mean share of each true list that the found list holds. */
export function recall(truth: readonly number[][], found: readonly number[][]): number {
  const shares = truth.map((ids, i) => ids.filter((id) => found[i]?.includes(id)).length / ids.length);
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}
