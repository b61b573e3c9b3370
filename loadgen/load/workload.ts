import { isDeepStrictEqual } from 'node:util';
import type { Dataset } from '../datasets/dataset.ts';
import { resolveFilter } from '../filter/resolve.ts';
import { JobError } from '../job-error.ts';
import type { Workload } from '../protocol.ts';
import { Random } from '../random.ts';
import { DEFAULT_QUERIES, DEFAULT_QUERY, type NamedQuery } from '../workload.ts';
import type { NamedQuestions } from './named-queries.ts';
import { queryOrder } from './schedule.ts';

/** What is asked where a job names no workload. */
export const PLAIN_WORKLOAD: Workload = { queries: [...DEFAULT_QUERIES], withPayload: false, payloadIndexes: [] };

/** Most memory for bodies where several named queries multiply them; with more, each asks a sample of the query vectors. */
const MAX_BODY_BYTES = 512 * 2 ** 20;
/** Longest period of the order of questions. */
const MAX_PERIOD = 1 << 20;

/**
 * A workload laid out for one dataset. A **question** is a named query asked with one query vector; question
 * q · rows.length + i is named query q with vector rows[i]. With a single named query, question i is query i.
 */
export interface CompiledWorkload {
  queries: readonly NamedQuery[];
  /** Of `queries`, summing to 1. */
  weights: readonly number[];
  /** The query vectors that are asked with. */
  rows: Uint32Array;
  /** The order of questions under load, by weight, over and over. */
  order: Uint32Array;
  /** Every question once. */
  each: Uint32Array;
  /** Which named query a question is of, unless there is only one. */
  named: NamedQuestions | undefined;
  /** By named query and place in `rows`: its filter with variables filled in, as JSON; empty without a filter. */
  filters: readonly (readonly (Buffer | undefined)[])[];
  withPayload: boolean;
  /** Whether measurements are to be published by name, too. */
  tellsNames: boolean;
}

/**
 * Lays a workload out: resolves filters for every query vector and draws the order of questions.
 * @throws {JobError} DatasetInvalid, naming query and variable; DatasetChanged where the dataset was prepared for others.
 */
export function compileWorkload(
  dataset: Dataset,
  workload: Workload,
  options: { seed: number; vectors: readonly Buffer[] },
): CompiledWorkload {
  const { queries } = workload;
  const { seed, vectors } = options;
  const sum = queries.reduce((total, { weight }) => total + weight, 0);
  const weights = queries.map(({ weight }) => weight / sum);
  const rows = askedRows(queries.length, vectors, seed);
  const count = queries.length * rows.length;
  const of = new Uint8Array(count);
  for (let i = 0; i < count; i += 1) of[i] = Math.floor(i / rows.length);
  return {
    queries,
    weights,
    rows,
    order: weightedOrder(weights, rows.length, seed),
    each: queryOrder(count, seed),
    named: queries.length === 1 ? undefined : { names: queries.map(({ name }) => name), of },
    filters: queries.map((query) => resolvedFilters(dataset, query, rows)),
    withPayload: workload.withPayload,
    tellsNames: queries.length > 1 || queries[0]?.name !== DEFAULT_QUERY,
  };
}

/** All query vectors; where all named queries with all of them would be too much, a seeded sample, the same for each. */
function askedRows(names: number, vectors: readonly Buffer[], seed: number): Uint32Array {
  const bytes = vectors.reduce((total, { length }) => total + length, 0);
  if (names === 1 || bytes * names <= MAX_BODY_BYTES) return Uint32Array.from(vectors.keys());
  const most = Math.max(1, Math.floor((MAX_BODY_BYTES / (bytes * names)) * vectors.length));
  return queryOrder(vectors.length, seed).slice(0, most).sort();
}

/**
 * One period of the order of questions: each named query as often as its weight says, to the nearest whole number and
 * at least once, drawn in seeded order without replacement; each goes through its query vectors in a seeded order of its
 * own, so that all get their turn. The period is as long as the rarest needs to ask with every vector, up to 2²⁰. With
 * one named query it is `queryOrder`.
 */
export function weightedOrder(weights: readonly number[], rows: number, seed: number): Uint32Array {
  if (weights.length === 1) return queryOrder(rows, seed);
  const rarest = Math.min(...weights);
  const period = Math.min(MAX_PERIOD, Math.ceil(rows / rarest));
  const counts = weights.map((weight) => Math.max(1, Math.round(weight * period)));
  const names = new Uint8Array(counts.reduce((total, count) => total + count, 0));
  let at = 0;
  counts.forEach((count, name) => {
    names.fill(name, at, at + count);
    at += count;
  });
  const random = new Random(seed, 4);
  for (let i = names.length - 1; i > 0; i -= 1) {
    const other = random.below(i + 1);
    const swapped = names[i] as number;
    names[i] = names[other] as number;
    names[other] = swapped;
  }
  // Vectors of different named queries do not come in step.
  const orders = weights.map((_, name) => queryOrder(rows, seed + name));
  const next = weights.map(() => 0);
  return Uint32Array.from(names, (name) => {
    const turn = next[name] as number;
    next[name] = (turn + 1) % rows;
    return name * rows + ((orders[name] as Uint32Array)[turn] as number);
  });
}

function resolvedFilters(dataset: Dataset, query: NamedQuery, rows: Uint32Array): (Buffer | undefined)[] {
  const { name, filter } = query;
  if (filter === undefined) return [];
  if (!isDeepStrictEqual(dataset.meta.filters?.[name]?.filter, filter)) {
    throw new JobError(
      'DatasetChanged',
      `the dataset was not prepared for the filter of query ${name}; prepare it again`,
    );
  }
  return Array.from(rows, (row) => {
    try {
      return Buffer.from(JSON.stringify(resolveFilter(filter, dataset.variables(row))));
    } catch (error) {
      throw new JobError('DatasetInvalid', `query ${name}, query vector ${row}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  });
}

/** Complete request bodies of one search, one a question. */
export function questionBodies(
  workload: CompiledWorkload,
  vectors: readonly Buffer[],
  limit: number,
  params: Readonly<Record<string, unknown>>,
): Buffer[] {
  const rest = JSON.stringify({ limit, params, with_payload: workload.withPayload, with_vector: false });
  const head = Buffer.from('{"query":');
  const tail = Buffer.from(`,${rest.slice(1)}`);
  const filter = Buffer.from(',"filter":');
  return workload.filters.flatMap((filters) =>
    Array.from(workload.rows, (row, index) => {
      const vector = vectors[row] as Buffer;
      const own = filters[index];
      return Buffer.concat(own ? [head, vector, filter, own, tail] : [head, vector, tail]);
    }),
  );
}
