import { z } from 'zod';
import { withRule } from '../rules.ts';

/** Keywords of a structural schema that zod has no word for, beside the refinement that checks the same. */
export const keywords = z.registry<{ keywords: Record<string, unknown>; checks: number }>();

function withKeywords<S extends z.ZodType>(
  schema: S,
  added: Record<string, unknown>,
  check?: (value: z.output<S>) => z.core.$ZodRawIssue[],
): S {
  const checked = check
    ? schema.check((context) => {
        context.issues.push(...check(context.value as z.output<S>));
      })
    : (schema.clone(schema.def, { parent: true }) as S);
  const known = keywords.get(schema);
  keywords.add(checked, {
    keywords: { ...known?.keywords, ...added },
    checks: (known?.checks ?? 0) + (check ? 1 : 0),
  });
  return checked;
}

/** Issues for items whose identity another one before them has. The API server names the second of them only. */
function duplicates<T>(list: readonly T[], identity: (item: T) => unknown): z.core.$ZodRawIssue[] {
  const seen = new Map<string, number>();
  return list.flatMap((item, index) => {
    const key = JSON.stringify(identity(item)) ?? 'null';
    const times = (seen.get(key) ?? 0) + 1;
    seen.set(key, times);
    return times === 2
      ? [{ code: 'custom', params: { whole: true }, path: [index], input: item, message: `Duplicate value: ${key}` }]
      : [];
  });
}

/**
 * A list whose entries are told apart by one field. Two who apply the resource may own an entry each, and no two entries
 * have the same.
 */
export function listByKey<S extends z.ZodObject>(item: S, key: keyof S['shape'] & string, max: number) {
  return withKeywords(
    z.array(item).max(max),
    { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] },
    (list) => duplicates(list, (entry) => ({ [key]: (entry as Record<string, unknown>)[key] })),
  );
}

/** A list of texts or numbers that are all different, and whose order means nothing. */
export function setOf<S extends z.ZodType<string | number>>(item: S, max: number) {
  return withKeywords(z.array(item).max(max), { 'x-kubernetes-list-type': 'set' }, (list) =>
    duplicates(list, (entry) => entry),
  );
}

/** A list whose order means something: it belongs to one owner as a whole. */
export function listOf<S extends z.ZodType>(item: S, max: number) {
  return withKeywords(z.array(item).max(max), { 'x-kubernetes-list-type': 'atomic' });
}

function atMost(max: number) {
  return (value: Record<string, unknown>): z.core.$ZodRawIssue[] => {
    const count = Object.keys(value).length;
    if (count <= max) return [];
    return [
      {
        code: 'custom',
        params: { whole: true },
        input: value,
        message: `Too many: ${count}: must have at most ${max} items`,
      },
    ];
  };
}

/** A map of texts or numbers. Structural schemas have no word for the length of keys, so a rule bounds it. */
export function mapOf<S extends z.ZodType>(value: S, { entries, key }: { entries: number; key: number }) {
  return withRule(withKeywords(z.record(z.string(), value), { maxProperties: entries }, atMost(entries)), {
    rule: `self.all(key, size(key) <= ${key})`,
    message: `keys may have at most ${key} characters; shorten them`,
    holds: (map) => Object.keys(map).every((name) => Array.from(name).length <= key),
  });
}

/** A body as Qdrant takes it, kept as written. What it may hold is Qdrant's to say; rules cannot look inside. */
export function verbatim(entries = 32) {
  return withKeywords(z.record(z.string(), z.unknown()), { maxProperties: entries }, atMost(entries));
}
