import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { localAccess } from '../net/access.ts';
import type { PrepareJob } from '../protocol.ts';
import { smallDataset, temporaryFolder } from '../testing/fixtures.ts';
import { fvecs, ivecs } from '../testing/vecs.ts';
import { openDataset } from './dataset.ts';
import { prepareDataset } from './prepare.ts';

const quiet = { progress: () => undefined, access: localAccess({}) };
const data = process.env.QDRANT_BENCH_DATA ?? resolve(import.meta.dirname, '../../../shared/data');

async function vectorsJob(
  folder: string,
  files: { base: Buffer; queries: Buffer; groundTruth?: Buffer },
  limit = 2,
): Promise<PrepareJob> {
  const url = async (name: string, bytes: Buffer): Promise<{ url: string }> => {
    const path = join(folder, name);
    await writeFile(path, bytes);
    return { url: pathToFileURL(path).href };
  };
  return {
    kind: 'Prepare',
    dataset: {
      vectors: {
        base: await url('base.fvecs', files.base),
        queries: await url('queries.fvecs', files.queries),
        ...(files.groundTruth ? { groundTruth: await url('truth.ivecs', files.groundTruth) } : {}),
        distance: 'Euclid',
      },
    },
    limit,
    cacheDir: join(folder, 'cache'),
  };
}

const base = fvecs([
  [0, 0],
  [1, 0],
  [0, 2],
  [5, 5],
]);
const queries = fvecs([
  [0, 0],
  [4, 4],
]);

describe('prepareDataset', () => {
  it('writes what a measurement needs, and opens it again', async () => {
    await using folder = await temporaryFolder();
    const job = await vectorsJob(folder.path, { base, queries });
    const prepared = await prepareDataset(job, quiet);
    expect(prepared).toMatchObject({ points: 4, dimensions: 2, queries: 2, distance: 'Euclid' });
    expect(prepared.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    const dataset = await openDataset(prepared.datasetDir);
    expect([...dataset.truth.ids]).toEqual([0, 1, 3, 2]);
    expect(dataset.distance(1, 3)).toBeCloseTo(Math.SQRT2);
    expect(dataset.distance(1, 4)).toBe(Infinity);
    expect(dataset.meta.groundTruth).toBe('computed');
    dataset.close();
    expect((await readdir(job.cacheDir)).length).toBe(1);
  });

  it('has another digest for other vectors or another distance, and the same for the same', async () => {
    await using folder = await temporaryFolder();
    const job = await vectorsJob(folder.path, { base, queries });
    const first = await prepareDataset(job, quiet);
    const other = structuredClone(job);
    (other.dataset.vectors as { distance: string }).distance = 'Dot';
    expect((await prepareDataset(other, quiet)).digest).not.toBe(first.digest);
    // Another limit needs another ground truth, but the data are the same.
    const deeper = await prepareDataset({ ...job, limit: 3 }, quiet);
    expect(deeper.digest).toBe(first.digest);
    expect(deeper.datasetDir).not.toBe(first.datasetDir);
  });

  it('reuses a whole folder and heals a damaged one', async () => {
    await using folder = await temporaryFolder();
    const { dir } = await smallDataset(folder.path);
    const meta = join(dir, 'meta.json');
    const before = (await stat(meta)).mtimeMs;
    const original = await readFile(join(dir, 'base.f32'));
    await smallDataset(folder.path);
    expect((await stat(meta)).mtimeMs).toBe(before);

    const spoiled = Buffer.from(original);
    spoiled[5] = (spoiled[5] as number) ^ 1;
    for (const damage of [spoiled, original.subarray(1)]) {
      await writeFile(join(dir, 'base.f32'), damage);
      await smallDataset(folder.path);
      expect(await readFile(join(dir, 'base.f32'))).toEqual(original);
    }
    await writeFile(meta, '{}');
    await smallDataset(folder.path);
    expect(JSON.parse(await readFile(meta, 'utf8'))).toMatchObject({ points: 200 });
  });

  it('survives two preparing the same at once', async () => {
    await using folder = await temporaryFolder();
    const job = await vectorsJob(folder.path, { base, queries });
    const both = await Promise.all([prepareDataset(job, quiet), prepareDataset(job, quiet)]);
    expect(both[0]).toEqual(both[1]);
    expect((await readdir(job.cacheDir)).length).toBe(1);
  });

  it('removes what a killed process left, not what a living one is writing', async () => {
    await using folder = await temporaryFolder();
    const long = new Date(Date.now() - 3_600_000);
    const abandoned = join(folder.path, '.partial-999999999-abc');
    const fresh = join(folder.path, '.partial-999999998-abc');
    const living = join(folder.path, `.partial-${process.ppid}-abc`);
    // Of a pod before this one, whose process had the same id.
    const before = join(folder.path, `.partial-${process.pid}-abc`);
    for (const path of [abandoned, fresh, living, before]) await mkdir(path);
    for (const path of [abandoned, living]) await utimes(path, long, long);
    await smallDataset(folder.path);
    expect([abandoned, fresh, living, before].map((path) => existsSync(path))).toEqual([false, true, true, false]);
  });

  it('takes a given ground truth, or computes one when it is too short', async () => {
    await using folder = await temporaryFolder();
    const groundTruth = ivecs([
      [0, 1, 2],
      [3, 2, 1],
    ]);
    const given = await prepareDataset(await vectorsJob(folder.path, { base, queries, groundTruth }), quiet);
    expect((await openDataset(given.datasetDir)).meta.groundTruth).toBe('given');
    const computed = await prepareDataset(await vectorsJob(folder.path, { base, queries, groundTruth }, 4), quiet);
    expect((await openDataset(computed.datasetDir)).meta).toMatchObject({ groundTruth: 'computed', k: 4 });
  });

  it.each<[string, { base: Buffer; queries: Buffer; groundTruth?: Buffer }, number, RegExp]>([
    [
      'other dimensions',
      { base, queries: fvecs([[1, 2, 3]]) },
      2,
      /base .* has 2 dimensions, queries .* has 3; both must have the same/,
    ],
    ['a limit beyond the data', { base, queries }, 9, /limit is 9, but there are only 4 base vectors/],
    [
      'another number of truth rows',
      { base, queries, groundTruth: ivecs([[0, 1]]) },
      2,
      /has 1 rows, .* has 2; one row a query/,
    ],
    [
      'a wrong truth',
      {
        base,
        queries,
        groundTruth: ivecs([
          [0, 3],
          [3, 1],
        ]),
      },
      2,
      /row 0, place 1 is base row 3/,
    ],
    ['a truncated base', { base: base.subarray(0, -1), queries }, 2, /row 3 is cut off/],
    ['NaN in the queries', { base, queries: fvecs([[0, NaN]]) }, 2, /queries .*: row 0, dimension 1 is NaN/],
  ])('refuses %s and leaves nothing half-written', async (_, files, limit, message) => {
    await using folder = await temporaryFolder();
    const job = await vectorsJob(folder.path, files, limit);
    const attempt = prepareDataset(job, quiet);
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toMatchObject({ reason: 'DatasetInvalid' });
    expect(await readdir(job.cacheDir)).toEqual([]);
  });

  it('refuses a ground truth that is no ivecs, and a synthetic limit beyond the points', async () => {
    await using folder = await temporaryFolder();
    const job = await vectorsJob(folder.path, {
      base,
      queries,
      groundTruth: ivecs([
        [0, 1],
        [3, 1],
      ]),
    });
    const truth = job.dataset.vectors?.groundTruth as { format?: string };
    truth.format = 'fvecs';
    await expect(prepareDataset(job, quiet)).rejects.toThrow(/is of format fvecs; expected row numbers, as ivecs/);
    await expect(smallDataset(folder.path, { points: 100 }, 101)).rejects.toThrow(/limit is 101/);
  });

  it('names the cache when it cannot be written', async () => {
    await using folder = await temporaryFolder();
    const job = await vectorsJob(folder.path, { base, queries });
    await writeFile(join(folder.path, 'plain'), 'x');
    await expect(prepareDataset({ ...job, cacheDir: join(folder.path, 'plain', 'x') }, quiet)).rejects.toThrow(
      /ENOTDIR/,
    );
  });

  it('stops when told to', async () => {
    await using folder = await temporaryFolder();
    const abort = new AbortController();
    abort.abort(new Error('enough'));
    const job = await vectorsJob(folder.path, { base, queries });
    await expect(prepareDataset(job, { ...quiet, signal: abort.signal })).rejects.toThrow();
    expect(await readdir(job.cacheDir)).toEqual([]);
  });

  it.skipIf(!existsSync(join(data, 'bigann10k/base.fvecs')))(
    'agrees with the ground truth of a real dataset',
    async () => {
      await using folder = await temporaryFolder();
      const url = (name: string) => ({ url: pathToFileURL(join(data, 'bigann10k', name)).href });
      const vectors = { base: url('base.fvecs'), queries: url('query.fvecs'), distance: 'Euclid' as const };
      const job = { kind: 'Prepare' as const, limit: 10, cacheDir: folder.path };
      const given = await prepareDataset(
        { ...job, dataset: { vectors: { ...vectors, groundTruth: url('groundtruth.ivecs') } } },
        quiet,
      );
      const computed = await prepareDataset({ ...job, dataset: { vectors } }, quiet);
      expect(given).toMatchObject({ points: 9500, dimensions: 128, queries: 500, digest: computed.digest });
      const [a, b] = await Promise.all([openDataset(given.datasetDir), openDataset(computed.datasetDir)]);
      expect(a.truth.distances).toEqual(b.truth.distances);
      expect([a.meta.groundTruth, b.meta.groundTruth]).toEqual(['given', 'computed']);
    },
  );
});

describe('openDataset', () => {
  it.each(['meta.json', 'queries.f32', 'truth.ids.i32'])(
    'tells that the dataset has changed when %s is damaged',
    async (name) => {
      await using folder = await temporaryFolder();
      const { dir } = await smallDataset(folder.path);
      await writeFile(join(dir, name), 'x');
      await expect(openDataset(dir)).rejects.toMatchObject({ reason: 'DatasetChanged' });
    },
  );
});
