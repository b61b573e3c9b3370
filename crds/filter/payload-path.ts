/** One step into a payload: a key of an object, an index of an array, or `all` of its elements. */
export type PathStep = { key: string } | { index: number } | 'all';

const STEP = /^(?:\[([0-9]{1,9})?\]|\.?(?:([\p{L}\p{N}_-]+)|"([^"\\]*)"))/u;

/**
 * The steps of a path as Qdrant writes them: `a.b`, `a[].b`, `a[0]`, `"a key".b`; undefined where it is none. An array is
 * entered by `[]` or an index only, never by a key.
 */
export function parsePayloadPath(path: string): PathStep[] | undefined {
  const steps: PathStep[] = [];
  for (let rest = path; rest !== '';) {
    const found = STEP.exec(rest);
    if (!found) return undefined;
    const [text, index, raw, quoted] = found;
    const key = raw ?? quoted;
    const first = steps.length === 0;
    // The first step is a key without a dot before it, each other one a key with a dot or an index.
    if (key === undefined ? first : text.startsWith('.') === first) return undefined;
    if (key !== undefined) steps.push({ key });
    else steps.push(index === undefined ? 'all' : { index: Number(index) });
    rest = rest.slice(text.length);
  }
  return steps.length > 0 ? steps : undefined;
}
