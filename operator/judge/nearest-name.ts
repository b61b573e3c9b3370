import { editDistance } from '../../crds/closest.ts';

/** The known name nearest to a misspelt one; ties go to the earlier. A name may be given without its group (`hnsw_ef`). */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const tail = (path: string) => path.slice(path.lastIndexOf('.') + 1);
  let best: { name: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = Math.min(editDistance(name, candidate), editDistance(tail(name), tail(candidate)) + 0.5);
    if (!best || distance < best.distance) best = { name: candidate, distance };
  }
  return best?.name;
}
