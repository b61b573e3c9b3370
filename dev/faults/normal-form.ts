import { stableJson } from '../../operator/sweep/identity.ts';
import type { Snapshot } from './snapshot.ts';

/** What a sweep has come to, without what differs from one time to the next: times, ids, names, attempts. */
export interface NormalForm {
  /** undefined when there is no sweep any more. */
  status: unknown;
  /** One line a run: build, role, verdict. */
  runs: string[];
  /** One line a search: what was measured, which repeat of it, what was found. */
  searches: string[];
}

/** Keys whose values are times, ids, or hang on the namespace. */
const DIFFERING = new Set([
  'startedAt',
  'finishedAt',
  'estimatedCompletionAt',
  'lastTransitionTime',
  'historyKey',
  'observedGeneration',
]);

/** @param names texts that differ from one time to the next, such as addresses, and what stands for them. Pure. */
export function normalForm(
  { sweep, record }: Pick<Snapshot, 'sweep' | 'record'>,
  names: Readonly<Record<string, string>> = {},
): NormalForm {
  const known = new Map(Object.entries(names));
  for (const { id, build } of record.runs) known.set(id, `run ${stableJson(build)}`);
  return {
    status: normalized(sweep?.['status'], known),
    runs: record.runs
      .map(({ build, role, state, verdict, reason }) => stableJson({ build, role, state, verdict, reason }))
      .toSorted(),
    searches: record.searches
      .map(({ build, search, repeat, stage, metrics, verdict, reason }) =>
        stableJson({ build, search, repeat, stage, verdict, reason, metrics }),
      )
      .toSorted(),
  };
}

function normalized(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') {
    let text = value;
    for (const [name, instead] of names) text = text.replaceAll(name, instead);
    return text;
  }
  if (Array.isArray(value)) return value.map((item) => normalized(item, names));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !DIFFERING.has(key))
      .map(([key, item]) => {
        const normal = normalized(item, names);
        return [key, key === 'recentRuns' && Array.isArray(normal) ? recentRuns(normal) : normal];
      }),
  );
}

/**
 * The last to be begun is first, and which that is depends on what had to be begun again. A run's sentence is that of its
 * first search that passed, and which that is depends on the clocks of the operators that recorded them.
 */
function recentRuns(runs: readonly unknown[]): unknown[] {
  return runs.map((run) => ({ ...(run as object), message: undefined })).toSorted(byText);
}

const byText = (a: unknown, b: unknown): number => (stableJson(a) < stableJson(b) ? -1 : 1);

/** Where two values differ first, for people: `best.verdict: "Passed", not "Failed"`; undefined when they are equal. */
export function difference(got: unknown, wanted: unknown, path = ''): string | undefined {
  if (isObject(got) && isObject(wanted)) {
    for (const key of new Set([...Object.keys(wanted), ...Object.keys(got)])) {
      const found = difference(got[key], wanted[key], path === '' ? key : `${path}.${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return stableJson(got) === stableJson(wanted)
    ? undefined
    : `${path || 'it'}: ${short(got)} instead of ${short(wanted)}`;
}

const isObject = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === 'object';
const short = (value: unknown): string => (value === undefined ? 'nothing' : stableJson(value).slice(0, 300));
