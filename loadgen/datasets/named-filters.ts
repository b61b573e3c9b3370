import { JobError } from '../job-error.ts';
import { resolveFilter, type Filter } from '../filter/resolve.ts';
import type { NamedQuery } from '../workload.ts';
import type { NamedFilters } from './filtered-truth.ts';

/** A named query with a filter, variables not yet filled in. */
export interface FilteredQuery {
  name: string;
  filter: Filter;
}

/** Those of a workload's queries that need a ground truth of their own, by name. */
export function filteredQueries(queries: readonly NamedQuery[] | undefined): FilteredQuery[] {
  return (queries ?? [])
    .flatMap(({ name, filter }) => (filter === undefined ? [] : [{ name, filter }]))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Each filter with the variables of each query; `variables` is one line of JSON a query, or empty.
 * @throws {JobError} DatasetInvalid, naming query, row and variable.
 */
export function resolveAll(
  filtered: readonly FilteredQuery[],
  variables: readonly string[],
  queries: number,
): NamedFilters[] {
  return filtered.map(({ name, filter }) => ({
    name,
    filters: Array.from({ length: queries }, (_, row) => {
      const text = variables[row];
      try {
        return resolveFilter(filter, text === undefined ? {} : (JSON.parse(text) as Record<string, unknown>));
      } catch (error) {
        throw new JobError('DatasetInvalid', `query ${name}, query vector ${row}: ${(error as Error).message}`, {
          cause: error,
        });
      }
    }),
  }));
}
