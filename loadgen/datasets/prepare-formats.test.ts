import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { localAccess } from '../net/access.ts';
import { temporaryFolder } from '../testing/fixtures.ts';
import { openDataset } from './dataset.ts';
import { prepareDataset } from './prepare.ts';
import { fixture } from './testing/rows.ts';

const quiet = { progress: () => undefined, access: localAccess({}) };

describe('the formats of a dataset', () => {
  const file = (name: string, more: object = {}) => ({ url: pathToFileURL(fixture(name)).href, ...more });
  const prepared = async (folder: string, vectors: { base: object; queries: object; groundTruth?: object }) =>
    await prepareDataset(
      {
        kind: 'Prepare',
        dataset: {
          vectors: { ...(vectors as { base: { url: string }; queries: { url: string } }), distance: 'Cosine' },
        },
        limit: 3,
        cacheDir: join(folder, 'cache'),
      },
      quiet,
    );

  it('make no difference: the same vectors are the same dataset', async () => {
    await using folder = await temporaryFolder();
    const queries = file('ann.hdf5');
    const digests = new Set<string>();
    for (const base of [
      file('f4.npy'),
      file('big-f4.npy'),
      file('f8.npy'),
      file('ann.hdf5'),
      file('ann.hdf5', { key: 'group/f8' }),
      file('zstd.parquet'),
      file('pages-1.0.parquet', { column: 'double' }),
    ]) {
      const { points, dimensions, digest } = await prepared(folder.path, { base, queries });
      expect([points, dimensions]).toEqual([50, 6]);
      digests.add(digest);
    }
    expect(digests.size).toBe(1);
    const other = await prepared(folder.path, { base: file('ann.hdf5', { key: 'f2' }), queries });
    expect(digests).not.toContain(other.digest);
  });

  it('hold ground truth, too, of which as many places are taken as are asked for', async () => {
    await using folder = await temporaryFolder();
    const vectors = { base: file('ann.hdf5'), queries: file('ann.hdf5') };
    const { datasetDir } = await prepared(folder.path, vectors);
    const { truth } = await openDataset(datasetDir);
    // A place more than is asked for.
    const rows = Array.from({ length: 4 }, (_, i) => [...truth.ids.subarray(i * 3, i * 3 + 3), 49]);
    const lines = rows.map((neighbors) => JSON.stringify({ neighbors })).join('\n');
    await writeFile(join(folder.path, 'truth.jsonl'), lines);
    const groundTruth = { url: pathToFileURL(join(folder.path, 'truth.jsonl')).href };
    const given = await openDataset((await prepared(folder.path, { ...vectors, groundTruth })).datasetDir);
    expect(given.meta).toMatchObject({ groundTruth: 'given', k: 3 });
    expect(given.truth).toEqual(truth);
    // What the fixtures have of it is made up.
    await expect(prepared(folder.path, { ...vectors, groundTruth: file('ann.hdf5') })).rejects.toThrow(
      /^groundTruth file:.*ann\.hdf5: row 0, place 1 is base row .* is the true one/,
    );
  });

  it('may not hold more queries than fit into memory', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'queries.bvecs');
    await writeFile(path, Buffer.alloc(100_001 * 5, Buffer.from([1, 0, 0, 0, 7])));
    const many = { url: pathToFileURL(path).href };
    await expect(prepared(folder.path, { base: many, queries: many })).rejects.toThrow(
      /has 100001 queries of 1 dimensions; expected at most 100000, and 268435456 bytes as float32/,
    );
  });
});
