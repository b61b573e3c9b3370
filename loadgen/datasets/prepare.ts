import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { VectorsDataset } from '../../crds/sweep/sweep-spec.ts';
import { errorText, JobError } from '../job-error.ts';
import type { Access } from '../net/access.ts';
import type { PreparedMessage, PrepareJob } from '../protocol.ts';
import { makeScratch, putInPlace, removeAbandoned, validMeta } from './cache-folder.ts';
import { DATASET_VERSION, FILES, type DatasetMeta } from './dataset.ts';
import { DatasetWriter, writeSynced } from './dataset-writer.ts';
import { neighboursOf, vectorsOf } from './formats/values.ts';
import { readJsonLines } from './json-lines.ts';
import { filteredQueries } from './named-filters.ts';
import { Sources, type Source } from './sources.ts';
import { PayloadGenerator, syntheticFields } from './synthetic-payload.ts';
import { SyntheticGenerator, syntheticParameters } from './synthetic.ts';

export interface PrepareHooks {
  progress: (phase: 'Fetching' | 'Generating' | 'GroundTruth', done: number, total: number, detail?: string) => void;
  /** Where it may be fetched from. */
  access: Access;
  signal?: AbortSignal;
}

/**
 * Makes the dataset available under `cacheDir/<key>`: base and query vectors as plain float32, exact ground truth,
 * and a description with checksums. The folder appears at once and complete, by rename; one that is there and whole is
 * reused; a damaged one is replaced.
 * @throws {JobError} DatasetUnreachable or DatasetInvalid.
 */
export async function prepareDataset(job: PrepareJob, hooks: PrepareHooks): Promise<Omit<PreparedMessage, 'type'>> {
  await mkdir(job.cacheDir, { recursive: true });
  await removeAbandoned(job.cacheDir);
  const scratch = await makeScratch(job.cacheDir);
  const made = join(scratch, 'made');
  await mkdir(made, { recursive: true });
  await using sources = new Sources(scratch, hooks);
  try {
    const { key, write } = job.dataset.synthetic
      ? synthetic(job, job.dataset.synthetic, hooks)
      : await vectors(job, job.dataset.vectors as VectorsDataset, sources, hooks);
    const dir = join(job.cacheDir, key);
    const known = await validMeta(dir);
    if (known) return described(dir, known);
    const meta = await write(made);
    await writeSynced(join(made, FILES.meta), Buffer.from(`${JSON.stringify(meta, null, 1)}\n`));
    await putInPlace(made, dir);
    return described(dir, meta);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EACCES' || code === 'EROFS') {
      throw new JobError(
        'Internal',
        `the dataset cache ${job.cacheDir} cannot be written (${errorText(error)}); free space or choose another folder`,
        { cause: error },
      );
    }
    throw error;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function described(datasetDir: string, meta: DatasetMeta): Omit<PreparedMessage, 'type'> {
  const { digest, points, dimensions, queries, distance, filters } = meta;
  const selectivity = Object.entries(filters ?? {}).map(([name, { selectivity: share }]) => [name, share]);
  return {
    datasetDir,
    digest,
    points,
    dimensions,
    queries,
    distance,
    ...(filters ? { selectivity: Object.fromEntries(selectivity) } : {}),
  };
}

interface Plan {
  key: string;
  write: (dir: string) => Promise<DatasetMeta>;
}

function keyOf(parts: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([DATASET_VERSION, parts]))
    .digest('hex')
    .slice(0, 32);
}

type SyntheticSpec = NonNullable<PrepareJob['dataset']['synthetic']>;

function synthetic(job: PrepareJob, spec: SyntheticSpec, hooks: PrepareHooks): Plan {
  const parameters = syntheticParameters(spec);
  const { points, dimensions, queries, distance, seed } = parameters;
  checkLimit(job.limit, points);
  const fields = syntheticFields(spec.payload);
  const filters = filteredQueries(job.queries);
  return {
    key: keyOf(['synthetic', parameters, fields, job.limit, filters]),
    async write(dir) {
      const generator = new SyntheticGenerator(parameters);
      const blockRows = Math.max(1, Math.floor((1 << 22) / (dimensions * 4)));
      const blocks = async function* (
        which: 'base' | 'queries',
        total: number,
      ): AsyncGenerator<Float32Array<ArrayBuffer>> {
        for (let row = 0; row < total; row += blockRows) {
          const rows = Math.min(blockRows, total - row);
          yield generator.next(which, rows);
          if (which === 'base') hooks.progress('Generating', row + rows, total);
        }
      };
      const writer = new DatasetWriter(
        dir,
        { distance, dimensions, points, queries, limit: job.limit, filters },
        hooks,
      );
      await writer.vectors('base', blocks('base', points));
      await writer.vectors('queries', blocks('queries', queries));
      if (fields.length > 0) {
        const made = new PayloadGenerator(fields, seed);
        await writer.beside.payload(made.rows(points), 'payload');
        await writer.beside.variables(made.variables(queries), 'query variables');
      }
      return await writer.finish();
    },
  };
}

function checkLimit(limit: number, points: number): void {
  if (limit > points) {
    throw new JobError(
      'DatasetInvalid',
      `limit is ${limit}, but there are only ${points} base vectors; lower workload.limit`,
    );
  }
}

/** Queries are held in memory, here and while they are asked. */
const MAX_QUERIES = 100_000;
const MAX_QUERY_BYTES = 256 * 2 ** 20;

async function vectors(job: PrepareJob, spec: VectorsDataset, sources: Sources, hooks: PrepareHooks): Promise<Plan> {
  const base = await sources.open(spec.base, 'base');
  const queries = await sources.open(spec.queries, 'queries');
  const truth = spec.groundTruth ? await sources.open(spec.groundTruth, 'groundTruth') : undefined;
  const payload = spec.payload && (await sources.fetch(spec.payload, 'payload'));
  const variables = spec.queryVariables && (await sources.fetch(spec.queryVariables, 'queryVariables'));
  checkTogether(base, queries, truth);
  const { rows: points, dimensions } = base.reader;
  checkLimit(job.limit, points);
  const files = [base, queries, truth].map(
    (source) => source && [source.sha256, source.format, ...(source.part === undefined ? [] : [source.part])],
  );
  const filters = filteredQueries(job.queries);
  return {
    key: keyOf(['vectors', files, payload?.sha256, variables?.sha256, spec.distance, job.limit, filters]),
    async write(dir) {
      const shape = { distance: spec.distance, dimensions, points, queries: queries.reader.rows, limit: job.limit };
      const writer = new DatasetWriter(dir, { ...shape, filters }, hooks);
      await writer.vectors('base', vectorsOf(base.file, base.reader));
      await writer.vectors('queries', vectorsOf(queries.file, queries.reader));
      if (payload) await writer.beside.payload(readJsonLines(payload.file.pieces(), payload.name), payload.name);
      if (variables)
        await writer.beside.variables(readJsonLines(variables.file.pieces(), variables.name), variables.name);
      // A ground truth shorter than what a query asks for is of no use: it is computed instead.
      if (!truth || truth.reader.dimensions < job.limit) return await writer.finish();
      return await writer.finish({ ids: await nearest(truth, job.limit), k: job.limit, name: truth.name });
    },
  };
}

/** @throws {JobError} DatasetInvalid when the files are not of one dataset, or the queries too many to be held. */
function checkTogether(base: Source, queries: Source, truth: Source | undefined): void {
  const { rows, dimensions } = queries.reader;
  if (base.reader.dimensions !== dimensions) {
    throw new JobError(
      'DatasetInvalid',
      `${base.name} has ${base.reader.dimensions} dimensions, ${queries.name} has ${dimensions}; both must have the same`,
    );
  }
  if (rows > MAX_QUERIES || rows * dimensions * 4 > MAX_QUERY_BYTES) {
    throw queries.file.invalid(
      `has ${rows} queries of ${dimensions} dimensions; expected at most ${MAX_QUERIES}, and ${MAX_QUERY_BYTES} bytes as float32`,
    );
  }
  if (truth && truth.reader.rows !== rows) {
    throw new JobError(
      'DatasetInvalid',
      `${truth.name} has ${truth.reader.rows} rows, ${queries.name} has ${rows}; one row a query is expected`,
    );
  }
}

/** The first `k` of each row of a ground truth. */
async function nearest({ file, reader }: Source, k: number): Promise<Int32Array> {
  const ids = new Int32Array(reader.rows * k);
  let row = 0;
  for await (const block of neighboursOf(file, reader)) {
    for (let at = 0; at < block.length; at += reader.dimensions, row += 1) ids.set(block.subarray(at, at + k), row * k);
  }
  return ids;
}
