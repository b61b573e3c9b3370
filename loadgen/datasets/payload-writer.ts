import type { Hash } from 'node:crypto';
import { join } from 'node:path';
import { JobError } from '../job-error.ts';
import { FILES, truthFiles, type DatasetMeta } from './dataset.ts';
import { computeFilteredTruth, type FilteredTruth, type NamedFilters } from './filtered-truth.ts';
import type { TruthTask } from './ground-truth.ts';
import { resolveAll, type FilteredQuery } from './named-filters.ts';
import { writeLines } from './prepared-lines.ts';

export interface PayloadWriterOptions {
  dir: string;
  points: number;
  queries: number;
  filters: readonly FilteredQuery[];
  /** The dataset's digest, which payload and variables are a part of. */
  digest: Hash;
  /** Where written files are accounted for. */
  files: DatasetMeta['files'];
  progress: (phase: 'GroundTruth', done: number, total: number, detail?: string) => void;
  signal?: AbortSignal | undefined;
}

/** Writes what a prepared dataset has beside vectors: payloads, query variables, ground truths under filters. */
export class PayloadWriter {
  readonly #options: PayloadWriterOptions;
  readonly #variables: string[] = [];
  #longest: number | undefined;

  constructor(options: PayloadWriterOptions) {
    this.#options = options;
  }

  /** The payloads of base rows, as JSON. @throws {JobError} DatasetInvalid when they are not one a row. */
  async payload(lines: AsyncIterable<string>, name: string): Promise<void> {
    const { digest, files, points, signal } = this.#options;
    digest.update('payload');
    const expected = { rows: points, name, of: 'base vectors' };
    const written = await writeLines(this.#paths(), lines, expected, (piece) => digest.update(piece), signal);
    files[FILES.payload] = written.texts;
    if (written.offsets) files[FILES.payloadOffsets] = written.offsets;
    this.#longest = written.longest;
  }

  /** What `$names` stand for in each query, as JSON. @throws {JobError} DatasetInvalid when they are not one a query. */
  async variables(lines: AsyncIterable<string>, name: string): Promise<void> {
    const { dir, digest, files, queries, signal } = this.#options;
    digest.update('variables');
    const kept = this.#variables;
    const keeping = async function* (): AsyncGenerator<string> {
      for await (const line of lines) {
        kept.push(line);
        yield line;
      }
    };
    const paths = { texts: join(dir, FILES.variables) };
    const expected = { rows: queries, name, of: 'query vectors' };
    const written = await writeLines(paths, keeping(), expected, (piece) => digest.update(piece), signal);
    files[FILES.variables] = written.texts;
  }

  /**
   * The filters of all queries, variables filled in. To be called before long work, since it shows what is wrong with them.
   * @throws {JobError} DatasetInvalid, naming query, row and variable.
   */
  resolve(): NamedFilters[] {
    return resolveAll(this.#options.filters, this.#variables, this.#options.queries);
  }

  /**
   * Computes and writes the ground truths under filters, and describes everything.
   * @throws {JobError} DatasetInvalid: a filter that no row ever matches, with which nothing could be measured.
   */
  async describe(
    task: TruthTask,
    named: readonly NamedFilters[],
    write: (name: string, bytes: Uint8Array) => Promise<void>,
  ): Promise<Pick<DatasetMeta, 'payload' | 'filters'>> {
    const payload = this.#longest === undefined ? {} : { payload: { longest: this.#longest } };
    if (named.length === 0) return payload;
    const { filters, progress, queries, signal } = this.#options;
    const onRows = (rows: number): void => progress('GroundTruth', rows, task.rows, 'with filters');
    const paths = this.#longest === undefined ? {} : { payload: this.#paths() };
    const truths = await computeFilteredTruth({ ...task, ...paths }, named, onRows, signal);
    const described: NonNullable<DatasetMeta['filters']> = {};
    for (const { name, filter } of filters) {
      const { truth, selectivity } = truths.get(name) as FilteredTruth;
      if (selectivity === 0) {
        throw new JobError(
          'DatasetInvalid',
          `query ${name}: its filter matches no base row in any of ${queries} queries; ` +
            'check the names and types of payload fields, and the variables',
        );
      }
      await write(truthFiles(name).ids, new Uint8Array(truth.ids.buffer));
      await write(truthFiles(name).distances, new Uint8Array(truth.distances.buffer));
      described[name] = { filter, selectivity };
    }
    return { ...payload, filters: described };
  }

  #paths(): { texts: string; offsets: string } {
    const { dir } = this.#options;
    return { texts: join(dir, FILES.payload), offsets: join(dir, FILES.payloadOffsets) };
  }
}
