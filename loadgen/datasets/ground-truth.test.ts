import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { temporaryFolder } from '../testing/fixtures.ts';
import { exactDistance, type Distance } from './distance.ts';
import { adoptGroundTruth, computeGroundTruth, queriesAtOnce, readFloats, type TruthTask } from './ground-truth.ts';
import { open } from 'node:fs/promises';

const DISTANCES: Distance[] = ['Cosine', 'Dot', 'Euclid', 'Manhattan'];

function vectors(rows: number, dimensions: number, seed: number, grid = false): Float32Array<ArrayBuffer> {
  const random = new Random(seed);
  return Float32Array.from({ length: rows * dimensions }, () => (grid ? random.below(3) : random.bell()));
}

async function task(
  folder: string,
  overrides: Partial<TruthTask> & { base: Float32Array<ArrayBuffer> },
): Promise<TruthTask> {
  const { base, ...rest } = overrides;
  const dimensions = rest.dimensions ?? 4;
  const basePath = join(folder, 'base.f32');
  await writeFile(basePath, new Uint8Array(base.buffer));
  const whole = {
    rows: base.length / dimensions,
    dimensions,
    distance: 'Euclid' as const,
    queries: vectors(5, dimensions, 9),
    k: 3,
  };
  return { basePath, ...whole, ...rest };
}

/** By sorting everything: slow and plain. */
function naive(
  { rows, dimensions, distance, queries, k }: TruthTask,
  base: Float32Array,
): { id: number; distance: number }[][] {
  return Array.from({ length: queries.length / dimensions }, (_, query) =>
    Array.from({ length: rows }, (_, id) => ({
      id,
      distance: exactDistance(distance, queries, query * dimensions, base, id * dimensions, dimensions),
    }))
      .sort((a, b) => a.distance - b.distance || a.id - b.id)
      .slice(0, k),
  );
}

describe('computeGroundTruth', () => {
  it.each(DISTANCES)('agrees with sorting everything, %s, whatever the sizes', async (distance) => {
    await using folder = await temporaryFolder();
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 600 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 12 }),
        fc.nat(1000),
        fc.boolean(),
        async (rows, dimensions, queryCount, k, seed, grid) => {
          const base = vectors(rows, dimensions, seed, grid);
          const given = await task(folder.path, {
            base,
            dimensions,
            distance,
            queries: vectors(queryCount, dimensions, seed + 1, grid),
            k,
          });
          const truth = await computeGroundTruth(given, () => undefined);
          const expected = naive(given, base);
          expect(truth.k).toBe(Math.min(k, rows));
          expected.forEach((list, query) => {
            list.forEach((entry, place) => {
              expect(truth.distances[query * truth.k + place]).toBeCloseTo(entry.distance, 9);
            });
          });
        },
      ),
      { numRuns: 25 },
    );
  });

  it('takes the lower row of equally distant ones', async () => {
    await using folder = await temporaryFolder();
    const base = Float32Array.of(5, 0, 1, 0, 1, 0, 1, 0, 9, 0);
    const truth = await computeGroundTruth(
      await task(folder.path, { base, dimensions: 2, queries: Float32Array.of(0, 0), k: 2 }),
      () => undefined,
    );
    expect([...truth.ids]).toEqual([1, 2]);
    expect([...truth.distances]).toEqual([1, 1]);
  });

  it('gives the same over several threads as over one', async () => {
    await using folder = await temporaryFolder();
    const base = vectors(20_000, 16, 1);
    const given = await task(folder.path, {
      base,
      dimensions: 16,
      queries: vectors(120, 16, 2),
      k: 10,
      distance: 'Cosine',
    });
    let rows = 0;
    const many = await computeGroundTruth(given, (done) => (rows = Math.max(rows, done)), undefined, 3);
    const one = await computeGroundTruth(given, () => undefined, undefined, 1);
    expect(rows).toBe(20_000);
    expect(many.ids).toEqual(one.ids);
    expect(many.distances).toEqual(one.distances);
  });

  it('gives the same in several batches of queries as in one, and counts rows once', async () => {
    await using folder = await temporaryFolder();
    const given = await task(folder.path, { base: vectors(300, 4, 1), queries: vectors(11, 4, 2) });
    const told: number[] = [];
    const batches = await computeGroundTruth(given, (rows) => told.push(rows), undefined, 1, 4);
    expect(batches).toEqual(await computeGroundTruth(given, () => undefined, undefined, 1));
    expect(told).toEqual([100, 200, 300]);
    expect(queriesAtOnce(128)).toBe(65_536);
    expect(queriesAtOnce(65_536 * 1000)).toBe(4);
  });

  it('stops its threads when told to, and tells when they fail', async () => {
    await using folder = await temporaryFolder();
    const base = vectors(20_000, 16, 1);
    const given = await task(folder.path, { base, dimensions: 16, queries: vectors(120, 16, 2) });
    const abort = new AbortController();
    const stopped = computeGroundTruth(given, () => abort.abort(new Error('enough')), abort.signal, 2);
    await expect(stopped).rejects.toThrow('enough');
    await expect(
      computeGroundTruth({ ...given, basePath: join(folder.path, 'gone') }, () => undefined, undefined, 2),
    ).rejects.toThrow(/ENOENT/);
    await expect(computeGroundTruth({ ...given, rows: 21_000 }, () => undefined, undefined, 1)).rejects.toThrow(
      /shorter/,
    );
  });

  it('reads exactly the floats asked for', async () => {
    await using folder = await temporaryFolder();
    const { basePath } = await task(folder.path, { base: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
    const file = await open(basePath);
    expect([...(await readFloats(file, 2, 3))]).toEqual([3, 4, 5]);
    await file.close();
  });
});

describe('adoptGroundTruth', () => {
  const base = vectors(300, 4, 1);
  const rowsOf = (lists: { id: number }[][]) => Int32Array.from(lists.flatMap((list) => list.map(({ id }) => id)));

  it('keeps the first ids of a right one, with distances', async () => {
    await using folder = await temporaryFolder();
    const given = await task(folder.path, { base });
    const deep = naive({ ...given, k: 10 }, base);
    const truth = await adoptGroundTruth(given, rowsOf(deep), 10, 'groundTruth x');
    expect([...truth.ids]).toEqual(deep.flatMap((list) => list.slice(0, 3).map(({ id }) => id)));
    expect(truth.distances[0]).toBeCloseTo((deep[0] as { distance: number }[])[0]?.distance as number, 12);
  });

  it('accepts equally near rows in any order', async () => {
    await using folder = await temporaryFolder();
    const twins = Float32Array.of(5, 0, 1, 0, 1, 0, 1, 0, 9, 0);
    const given = await task(folder.path, { base: twins, dimensions: 2, queries: Float32Array.of(0, 0), k: 2 });
    const truth = await adoptGroundTruth(given, Int32Array.of(3, 2), 2, 'x');
    expect([...truth.ids].sort()).toEqual([2, 3]);
  });

  it.each<[string, (rows: Int32Array) => void, RegExp]>([
    ['a row that does not exist', (rows) => (rows[4] = 300), /row 1, place 1 is 300; expected a base row, 0 to 299/],
    ['a negative row', (rows) => (rows[0] = -1), /row 0, place 0 is -1/],
    ['a row named twice', (rows) => (rows[1] = rows[0] as number), /row 0 names base row \d+ twice/],
    [
      'a farther row',
      (rows) => (rows[2] = 299),
      /row 0, place \d is base row \d+ at Euclid distance .* is the true one/,
    ],
  ])('refuses %s', async (_, spoil, message) => {
    await using folder = await temporaryFolder();
    const given = await task(folder.path, { base });
    const rows = rowsOf(naive(given, base));
    spoil(rows);
    await expect(adoptGroundTruth(given, rows, 3, 'groundTruth x')).rejects.toThrow(message);
  });
});
