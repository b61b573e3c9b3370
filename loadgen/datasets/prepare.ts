import { createHash, randomBytes, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonSource, VectorSource, VectorsDataset } from '../../crds/sweep/sweep-spec.ts';
import { errorText, JobError } from '../job-error.ts';
import type { Access } from '../net/access.ts';
import { shownUrl } from '../net/url.ts';
import type { PreparedMessage, PrepareJob, SourceRole } from '../protocol.ts';
import { DATASET_VERSION, datasetMetaSchema, FILES, type DatasetMeta } from './dataset.ts';
import type { Distance } from './distance.ts';
import { fetchFile } from './fetch.ts';
import { readIntegers, readVectors, vecsFormat, vecsHeader, type VecsFormat } from './fvecs.ts';
import { adoptGroundTruth, computeGroundTruth, type GroundTruth } from './ground-truth.ts';
import { readJsonLines } from './json-lines.ts';
import { filteredQueries, type FilteredQuery } from './named-filters.ts';
import { PayloadWriter } from './payload-writer.ts';
import { sourceHeaders } from './source-headers.ts';
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
  const scratch = join(job.cacheDir, `.partial-${process.pid}-${randomBytes(6).toString('hex')}`);
  const made = join(scratch, 'made');
  await mkdir(made, { recursive: true });
  try {
    const { key, write } = job.dataset.synthetic
      ? synthetic(job, job.dataset.synthetic, hooks)
      : await vectors(job, job.dataset.vectors as VectorsDataset, scratch, hooks);
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

/** A scratch folder whose process is gone and that has not been touched for this long is nobody's. */
const ABANDONED_MILLISECONDS = 600_000;

/** Deletes what killed processes left behind. */
async function removeAbandoned(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    const pid = /^\.partial-([0-9]+)-/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const { mtimeMs } = await stat(join(cacheDir, name)).catch(() => ({ mtimeMs: Infinity }));
    if (Date.now() - mtimeMs > ABANDONED_MILLISECONDS) await rm(join(cacheDir, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Moves the finished folder to its place. Whoever else prepared the same meanwhile wrote the same content. */
async function putInPlace(made: string, dir: string): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await rename(made, dir);
      return;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if ((code !== 'ENOTEMPTY' && code !== 'EEXIST') || attempt === 3) throw error;
      if (await validMeta(dir)) return;
      await rm(dir, { recursive: true, force: true });
    }
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

/** The description of a prepared folder whose files are whole, else undefined. */
async function validMeta(dir: string): Promise<DatasetMeta | undefined> {
  try {
    const meta = datasetMetaSchema.parse(JSON.parse(await readFile(join(dir, FILES.meta), 'utf8')));
    for (const [name, { bytes, sha256 }] of Object.entries(meta.files)) {
      if ((await stat(join(dir, name))).size !== bytes) return undefined;
      const hash = createHash('sha256');
      for await (const chunk of createReadStream(join(dir, name), { highWaterMark: 1 << 20 }))
        hash.update(chunk as Buffer);
      if (hash.digest('hex') !== sha256) return undefined;
    }
    return meta;
  } catch {
    return undefined;
  }
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
      const writer = new Writer(dir, { distance, dimensions, points, queries, limit: job.limit, filters }, hooks);
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

interface FetchedSource {
  name: string;
  path: string;
  sha256: string;
}

interface Source extends FetchedSource {
  format: VecsFormat;
  rows: number;
  dimensions: number;
}

async function fetchSource(
  source: VectorSource,
  role: SourceRole,
  scratch: string,
  hooks: PrepareHooks,
): Promise<Source> {
  const format = vecsFormat(sourceName(source, role), source.format);
  const fetched = await fetchAny(source, role, scratch, hooks);
  return { ...fetched, format, ...(await vecsHeader(fetched.path, fetched.name, format)) };
}

const sourceName = (source: JsonSource | VectorSource, role: SourceRole): string => `${role} ${shownUrl(source.url)}`;

async function fetchAny(
  source: JsonSource | VectorSource,
  role: SourceRole,
  scratch: string,
  hooks: PrepareHooks,
): Promise<FetchedSource> {
  const headers = sourceHeaders(source, role, hooks.access.env);
  const fetched = await fetchFile(source.url, {
    into: join(scratch, `${role}.download`),
    access: hooks.access,
    ...(headers ? { headers } : {}),
    ...(source.sha256 === undefined ? {} : { sha256: source.sha256 }),
    ...(hooks.signal ? { signal: hooks.signal } : {}),
    onProgress: (done, total) => hooks.progress('Fetching', done, Math.max(done, total), role),
  });
  return { name: sourceName(source, role), path: fetched.path, sha256: fetched.sha256 };
}

async function vectors(job: PrepareJob, spec: VectorsDataset, scratch: string, hooks: PrepareHooks): Promise<Plan> {
  const base = await fetchSource(spec.base, 'base', scratch, hooks);
  const queries = await fetchSource(spec.queries, 'queries', scratch, hooks);
  const truth = spec.groundTruth ? await fetchSource(spec.groundTruth, 'groundTruth', scratch, hooks) : undefined;
  const payload = spec.payload && (await fetchAny(spec.payload, 'payload', scratch, hooks));
  const variables = spec.queryVariables && (await fetchAny(spec.queryVariables, 'queryVariables', scratch, hooks));
  if (base.dimensions !== queries.dimensions) {
    throw new JobError(
      'DatasetInvalid',
      `${base.name} has ${base.dimensions} dimensions, ${queries.name} has ${queries.dimensions}; both must have the same`,
    );
  }
  checkLimit(job.limit, base.rows);
  if (truth && truth.format !== 'ivecs') {
    throw new JobError('DatasetInvalid', `${truth.name}: is ${truth.format}; ground truth must be ivecs`);
  }
  if (truth && truth.rows !== queries.rows) {
    throw new JobError(
      'DatasetInvalid',
      `${truth.name} has ${truth.rows} rows, ${queries.name} has ${queries.rows}; one row a query is expected`,
    );
  }
  const sources = [base, queries, truth].map((source) => source && [source.sha256, source.format]);
  const filters = filteredQueries(job.queries);
  return {
    key: keyOf(['vectors', sources, payload?.sha256, variables?.sha256, spec.distance, job.limit, filters]),
    async write(dir) {
      const shape = { distance: spec.distance, dimensions: base.dimensions, points: base.rows, queries: queries.rows };
      const writer = new Writer(dir, { ...shape, limit: job.limit, filters }, hooks);
      await writer.vectors('base', valuesOf(base));
      await writer.vectors('queries', valuesOf(queries));
      if (payload) await writer.beside.payload(jsonLines(payload), payload.name);
      if (variables) await writer.beside.variables(jsonLines(variables), variables.name);
      // A ground truth shorter than what a query asks for is of no use: it is computed instead.
      if (!truth || truth.dimensions < job.limit) return await writer.finish();
      const given = new Int32Array(truth.rows * truth.dimensions);
      for await (const block of readIntegers(truth.path, truth.name)) {
        given.set(block.values, block.firstRow * truth.dimensions);
      }
      return await writer.finish({ ids: given, k: truth.dimensions, name: truth.name });
    },
  };
}

function jsonLines({ path, name }: FetchedSource): AsyncGenerator<string> {
  return readJsonLines(createReadStream(path, { highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>, name);
}

async function* valuesOf(source: Source): AsyncGenerator<Float32Array<ArrayBuffer>> {
  for await (const block of readVectors(source.path, source.name, source.format)) yield block.values;
}

interface Shape {
  distance: Distance;
  dimensions: number;
  points: number;
  queries: number;
  limit: number;
  filters: readonly FilteredQuery[];
}

/** Writes the files of a prepared dataset and keeps account of their checksums. */
class Writer {
  readonly #dir: string;
  readonly #shape: Shape;
  readonly #hooks: PrepareHooks;
  readonly #digest: Hash;
  readonly #files: DatasetMeta['files'] = {};
  readonly #queries: Float32Array[] = [];
  /** What there is beside the vectors. */
  readonly beside: PayloadWriter;

  constructor(dir: string, shape: Shape, hooks: PrepareHooks) {
    this.#dir = dir;
    this.#shape = shape;
    this.#hooks = hooks;
    this.#digest = createHash('sha256').update(JSON.stringify([shape.distance, shape.dimensions, shape.points]));
    this.beside = new PayloadWriter({ dir, ...shape, digest: this.#digest, files: this.#files, ...hooks });
  }

  async vectors(which: 'base' | 'queries', blocks: AsyncIterable<Float32Array<ArrayBuffer>>): Promise<void> {
    const name = FILES[which];
    const file: FileHandle = await open(join(this.#dir, name), 'w');
    const hash = createHash('sha256');
    let bytes = 0;
    try {
      for await (const block of blocks) {
        this.#hooks.signal?.throwIfAborted();
        const piece = new Uint8Array(block.buffer, block.byteOffset, block.byteLength);
        hash.update(piece);
        this.#digest.update(piece);
        await file.writeFile(piece);
        bytes += piece.length;
        if (which === 'queries') this.#queries.push(block);
      }
      await file.datasync();
    } finally {
      await file.close();
    }
    this.#files[name] = { bytes, sha256: hash.digest('hex') };
  }

  /** Computes or takes over the ground truth and describes everything. */
  async finish(given?: { ids: Int32Array; k: number; name: string }): Promise<DatasetMeta> {
    const { limit, points, dimensions, queries, distance } = this.#shape;
    const all = new Float32Array(queries * dimensions);
    let offset = 0;
    for (const block of this.#queries) {
      all.set(block, offset);
      offset += block.length;
    }
    const task = { basePath: join(this.#dir, FILES.base), rows: points, dimensions, distance, queries: all, k: limit };
    const { signal, progress } = this.#hooks;
    const named = this.beside.resolve();
    progress('GroundTruth', 0, points);
    const truth: GroundTruth = given
      ? await adoptGroundTruth(task, given.ids, given.k, given.name, signal)
      : await computeGroundTruth(task, (rows) => progress('GroundTruth', rows, points), signal);
    await this.#write(FILES.ids, new Uint8Array(truth.ids.buffer));
    await this.#write(FILES.distances, new Uint8Array(truth.distances.buffer));
    const beside = await this.beside.describe(task, named, (name, bytes) => this.#write(name, bytes));
    return {
      version: DATASET_VERSION,
      digest: `sha256:${this.#digest.digest('hex')}`,
      points,
      dimensions,
      queries,
      distance,
      k: truth.k,
      groundTruth: given ? 'given' : 'computed',
      ...beside,
      files: this.#files,
    };
  }

  async #write(name: string, bytes: Uint8Array): Promise<void> {
    await writeSynced(join(this.#dir, name), bytes);
    this.#files[name] = { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  await writeFile(path, bytes, { flush: true });
}
