import type { Dataset } from '../datasets/dataset.ts';
import type { GroundTruth } from '../datasets/ground-truth.ts';

/**
 * INTERIM, the one place where the load reaches for payloads, variables and filtered ground truth: what
 * `datasets/dataset.ts` and `filter/resolve.ts` offer once they hold them. Replace by imports of those.
 */

type Json = Record<string, unknown>;

interface Parts {
  truthOf?(name: string): GroundTruth;
  hasPayload?: boolean;
  payloadRows?(first: number, count: number): Promise<(string | undefined)[]>;
  variables?(query: number): Json | undefined;
  meta: { filters?: Record<string, { filter: unknown; selectivity: number }> };
}

const parts = (dataset: Dataset): Parts => dataset as unknown as Parts;

/** The exact answer of a named query: its filter's own, else the plain one. */
export function truthOf(dataset: Dataset, name: string): GroundTruth {
  return parts(dataset).truthOf?.(name) ?? dataset.truth;
}

/** Mean share of base points that a named query's filter leaves; undefined without a filter. */
export function selectivityOf(dataset: Dataset, name: string): number | undefined {
  return parts(dataset).meta.filters?.[name]?.selectivity;
}

/** The filter a named query's ground truth was computed for. */
export function preparedFilter(dataset: Dataset, name: string): unknown {
  return parts(dataset).meta.filters?.[name]?.filter;
}

/** What `$name` stands for in a query. */
export function variablesOf(dataset: Dataset, query: number): Json {
  return parts(dataset).variables?.(query) ?? {};
}

/** The payload of a base row as JSON text; undefined where there is none. */
export async function payloadOf(dataset: Dataset, row: number): Promise<string | undefined> {
  const { hasPayload } = parts(dataset);
  if (!hasPayload) return undefined;
  return (await parts(dataset).payloadRows?.(row, 1))?.[0];
}

/** A filter with every text that is exactly `$name` replaced by that variable; `$$` stands for `$`. @throws {RangeError} */
export function resolveFilter(filter: Json, variables: Readonly<Json>): Json {
  return replaced(filter, variables) as Json;
}

function replaced(value: unknown, variables: Readonly<Json>): unknown {
  if (typeof value === 'string') {
    if (value.startsWith('$$')) return value.slice(1);
    if (!value.startsWith('$')) return value;
    const name = value.slice(1);
    if (Object.hasOwn(variables, name)) return variables[name];
    throw new RangeError(`$${name} is not a variable (there are: ${Object.keys(variables).join(', ') || 'none'})`);
  }
  if (Array.isArray(value)) return value.map((item) => replaced(item, variables));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, replaced(inner, variables)]));
}
