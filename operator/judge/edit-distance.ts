/** Levenshtein's distance: the least number of single-character insertions, deletions and substitutions. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substitution, (previous[j] as number) + 1, (row[j - 1] as number) + 1));
    }
    previous = row;
  }
  return previous[b.length] as number;
}

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
