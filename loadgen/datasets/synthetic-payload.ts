import { createHash } from 'node:crypto';
import { fieldNameProblems, plainPath } from '../../crds/filter/field-names.ts';
import type { SyntheticDataset } from '../../crds/sweep/sweep-spec.ts';
import { JobError } from '../job-error.ts';
import { Random } from '../random.ts';

/** A field to make up, its default filled in. */
export interface SyntheticField {
  field: string;
  type: NonNullable<SyntheticDataset['payload']>[number]['type'];
  cardinality: number;
}

const DEFAULT_CARDINALITY = 100;
/** Words in a text. */
const WORDS = 8;
const FIRST_SECOND = Date.UTC(2020, 0, 1) / 1000;
const SPAN_SECONDS = 5 * 365 * 86_400;

/** The fields of a synthetic dataset with defaults filled in. */
export function syntheticFields(payload: SyntheticDataset['payload']): SyntheticField[] {
  return (payload ?? []).map(({ field, type, cardinality = type === 'bool' ? 2 : DEFAULT_CARDINALITY }) => ({
    field,
    type,
    cardinality: type === 'bool' ? Math.min(cardinality, 2) : cardinality,
  }));
}

/**
 * Makes up payloads, each field on its own, independent of the vectors and of the other fields: same seed, same data, and
 * another field changes none of those there are.
 *
 * A field's value number r of c, from 0, is drawn as ⌊c · u²⌋ with u uniform: it is in √((r + 1) / c) − √(r / c) of the
 * rows, so of 100 values the first is in 10 % of them, the tenth in 1.6 %, the last in 0.5 %. Floats and datetimes are
 * drawn evenly, so that the selectivity of a range is its length.
 */
export class PayloadGenerator {
  readonly #columns: { path: string[]; name: string; draw: Draw; drawVariable: Draw; rows: Random; queries: Random }[];

  /** @throws {JobError} DatasetInvalid: fields that cannot be in one payload. */
  constructor(fields: readonly SyntheticField[], seed: number) {
    this.#columns = checkedPaths(fields).map((path, index) => {
      const field = fields[index] as SyntheticField;
      const values = VALUES[field.type](field, seed);
      const stream = (part: string): Random => new Random(seed, streamOf(`${part} ${field.field}`));
      return {
        path,
        name: field.field,
        draw: values.row,
        drawVariable: values.variable ?? values.row,
        rows: stream('row'),
        queries: stream('query'),
      };
    });
  }

  /** The payloads of the next rows, a line of JSON each. */
  async *rows(count: number): AsyncGenerator<string> {
    for (let i = 0; i < count; i += 1) yield this.nextRow();
  }

  /** The variables of the next queries, a line of JSON each. */
  async *variables(count: number): AsyncGenerator<string> {
    for (let i = 0; i < count; i += 1) yield this.nextVariables();
  }

  /** The payload of the next row, as one line of JSON. */
  nextRow(): string {
    const payload: Record<string, unknown> = {};
    for (const { path, draw, rows } of this.#columns) put(payload, path, draw(rows));
    return JSON.stringify(payload);
  }

  /** The variables of the next query, as one line of JSON: by field, a value drawn as a row's, of a text one word. */
  nextVariables(): string {
    return JSON.stringify(
      Object.fromEntries(this.#columns.map(({ name, drawVariable, queries }) => [name, drawVariable(queries)])),
    );
  }
}

type Draw = (random: Random) => unknown;

/** The number of a value, low ones more often: ⌊c · u²⌋. */
function skewed(random: Random, cardinality: number): number {
  const u = random.uniform();
  return Math.min(cardinality - 1, Math.floor(cardinality * u * u));
}

/** How values of each type are drawn; `variable` where a query's is another than a row's. */
const VALUES: Record<SyntheticField['type'], (field: SyntheticField, seed: number) => { row: Draw; variable?: Draw }> =
  {
    keyword: ({ cardinality }) => ({ row: (random) => `value-${skewed(random, cardinality)}` }),
    integer: ({ cardinality }) => ({ row: (random) => skewed(random, cardinality) }),
    /** Uniform in [0, 1), in steps of 1 / cardinality. */
    float: ({ cardinality }) => ({ row: (random) => random.below(cardinality) / cardinality }),
    /** true, value 0, in 71 % of the rows; a cardinality of 1 leaves only true. */
    bool: ({ cardinality }) => ({ row: (random) => skewed(random, cardinality) === 0 }),
    text: ({ cardinality }) => {
      const word: Draw = (random) => `word${skewed(random, cardinality)}`;
      return { row: (random) => Array.from({ length: WORDS }, () => word(random)).join(' '), variable: word };
    },
    /** Uniform over five years from 2020, in equal steps. */
    datetime: ({ cardinality }) => ({
      row: (random) => {
        const seconds = FIRST_SECOND + Math.floor((SPAN_SECONDS * random.below(cardinality)) / cardinality);
        return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
      },
    }),
    uuid: ({ field, cardinality }, seed) => ({
      row: (random) => uuid(`${seed} ${field} ${skewed(random, cardinality)}`),
    }),
    /** Places spread evenly over longitudes and over latitudes −60 to 70, in millionths of a degree. */
    geo: ({ field, cardinality }, seed) => ({
      row: (random) => {
        const place = new Random(seed, streamOf(`place ${skewed(random, cardinality)} ${field}`));
        return {
          lon: (place.below(360_000_000) - 180_000_000) / 1e6,
          lat: (place.below(130_000_000) - 60_000_000) / 1e6,
        };
      },
    }),
  };

/** A version 8 UUID (RFC 9562), whose bits are ours to choose, from a text. */
function uuid(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** A random sequence of its own for each text; 0 to 15 are the vectors'. */
function streamOf(text: string): number {
  return 16 + (createHash('sha256').update(text).digest().readUInt32LE(0) % 0xffff_ff00);
}

function checkedPaths(fields: readonly SyntheticField[]): string[][] {
  const names = fields.map(({ field }) => field);
  const [problem] = fieldNameProblems(names);
  if (problem) throw new JobError('DatasetInvalid', `payload field ${names[problem.index]}: ${problem.message}`);
  return names.map((name) => plainPath(name) as string[]);
}

function put(payload: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let at = payload;
  for (const key of path.slice(0, -1)) at = (at[key] ??= {}) as Record<string, unknown>;
  at[path.at(-1) as string] = value;
}
