import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { fixture, rowsOf, rowsOfBytes, TRUTH, written, type Part } from '../testing/rows.ts';
import type { Format } from './format.ts';
import { MAX_MEMORY_BYTES } from './hdf5-library.ts';
import type { H5Module } from './hdf5-types.ts';

const float = written(Math.fround);
const double = written((x) => x);
/** To the nearest of binary16's 11 bits. */
const half = written((x) => {
  if (x === 0) return 0;
  const step = 2 ** (Math.floor(Math.log2(Math.abs(x))) - 10);
  return Math.round(x / step) * step;
});
const whole = written((x) => Math.round(x * 100));
const positive = written((x) => Math.abs(Math.round(x * 100)));

/** Rows that were rounded elsewhere: to 1e-9 of what they should be. */
function expectRows(rows: readonly number[][], expected: readonly number[][]): void {
  expect(rows.length).toBe(expected.length);
  rows.forEach((row, i) => {
    expect(row.length).toBe(expected[i]?.length);
    row.forEach((value, d) => expect(value).toBeCloseTo(expected[i]?.[d] as number, 9));
  });
}

async function refusal(reading: Promise<unknown>): Promise<string> {
  const error: unknown = await reading.catch((reason: unknown) => reason);
  expect(error).toMatchObject({ name: 'JobError', reason: 'DatasetInvalid' });
  expect((error as Error).message).toMatch(/^base x: /);
  return (error as Error).message;
}

describe('npy files that NumPy wrote', () => {
  it.each<[string, number[][]]>([
    ['f4', float],
    ['f8', double],
    ['f2', half],
    ['i1', whole],
    ['u1', positive],
    ['i2', whole],
    ['u2', positive],
    ['i4', whole],
    ['u4', positive],
    ['i8', whole],
    ['u8', positive],
    ['big-f2', half],
    ['big-f4', float],
    ['big-f8', double],
    ['version-2', float],
    ['version-3', float],
  ])('are read: %s', async (name, expected) => expectRows(await rowsOf(fixture(`${name}.npy`)), expected));

  it('have halves of all kinds', async () => {
    const [row] = await rowsOf(fixture('half-kinds.npy'));
    expect(row).toEqual([0, -0, 2 ** -24, 1023 * 2 ** -24, 65504, Infinity]);
  });

  it.each([
    ['fortran', /in Fortran order; save it with numpy\.ascontiguousarray/],
    ['bool', /values of type \|b1; expected float16/],
    ['text', /values of type <U1/],
    ['flat', /has shape \(6\); expected two dimensions/],
    ['object', /values of type \|O/],
  ])('are refused: %s', async (name, why) => expect(await refusal(rowsOf(fixture(`${name}.npy`)))).toMatch(why));
});

describe('HDF5 files that h5py wrote', () => {
  it.each<[string, Part, number[][]]>([
    ['ann', {}, float],
    ['ann', { role: 'queries' }, float.slice(0, 4)],
    ['ann', { role: 'groundTruth' }, TRUTH],
    ['ann', { key: 'i8' }, TRUTH],
    ['ann', { key: '/group/f8' }, double],
    ['ann', { key: 'f2' }, half],
    ['ann', { key: 'big' }, float],
    ['ann', { key: 'u1' }, positive],
    ['ann', { key: 'soft' }, float],
    ['user-block', {}, float],
  ])('are read: %s %j', async (name, part, expected) =>
    expectRows(await rowsOf(fixture(`${name}.hdf5`), part), expected),
  );

  it.each([
    ['nothing', /has no dataset nothing of its own; set key to one of those it has \(big, bomb, distances/],
    ['group', /has no dataset group of its own/],
    ['outside', /has no dataset outside of its own/],
    ['virtual', /virtual lies in other files/],
    ['external', /external, rows 0 to 1: cannot be read: damaged, or in another file/],
    ['flat', /flat has shape 6; expected rows/],
    ['empty', /empty has shape 0 × 3/],
    ['text', /text has shape 2/],
    ['lzf', /lzf is packed by filter 32000, which is not known here/],
    ['bomb', /says that its 26770 bytes hold 1000000 rows of 10000 numbers/],
    ['large-chunks', /large-chunks has chunks of 400000000 bytes; expected at most/],
  ])('are refused: %s', async (key, why) => expect(await refusal(rowsOf(fixture('ann.hdf5'), { key }))).toMatch(why));
});

describe('an HDF5 file whose chunk unpacks to a gigabyte', () => {
  it('is refused before it takes more memory than the library gets, which goes on working', async () => {
    const why = await refusal(rowsOf(fixture('bomb.hdf5')));
    expect(why).toMatch(/train, rows 0 to 49: cannot be read/);
    const { ready } = (await import('h5wasm')) as unknown as { ready: Promise<H5Module> };
    const { length } = (await ready).HEAPU8;
    expect(length).toBeLessThanOrEqual(MAX_MEMORY_BYTES);
    // It did try.
    expect(length).toBeGreaterThan(MAX_MEMORY_BYTES / 8);
    expectRows(await rowsOf(fixture('ann.hdf5')), float);
  });
});

describe('Parquet files that Arrow wrote', () => {
  it.each<[string, Part, number[][]]>([
    ['none', {}, float],
    ['snappy', {}, float],
    ['gzip', {}, float],
    ['brotli', {}, float],
    ['zstd', {}, float],
    ['required', {}, float],
    ['truth', { role: 'groundTruth' }, TRUTH],
    ...['pages-1.0', 'pages-2.0', 'plain-1.0', 'plain-2.0'].flatMap((name): [string, Part, number[][]][] => [
      [name, {}, float],
      [name, { column: 'fixed' }, float],
      [name, { column: 'large' }, float],
      [name, { column: 'double' }, double],
      [name, { column: 'half' }, half],
      [name, { column: 'i64' }, whole],
      [name, { column: 'i32' }, whole],
    ]),
    ['encodings', {}, float],
    ['encodings', { column: 'double' }, double],
    ['encodings', { column: 'i64' }, whole],
    ['encodings', { column: 'i32' }, whole],
  ])('are read: %s %j', async (name, part, expected) =>
    expectRows(await rowsOf(fixture(`${name}.parquet`), part), expected),
  );

  it.each<[string, Part, RegExp]>([
    ['lz4', {}, /column vector is packed with LZ4_RAW; write it with one of UNCOMPRESSED, SNAPPY/],
    ['pages-1.0', { column: 'id' }, /has no column id of lists of numbers; those it has: vector, fixed, double, half/],
    [
      'pages-1.0',
      { role: 'groundTruth' },
      /several columns of lists of numbers, or none \(vector, fixed, .*; set column/,
    ],
    ['nested', {}, /several columns of lists of numbers, or none \(none\)/],
    ['ragged', {}, /row 1 of column vector has 1 numbers or more; expected 2 in each row/],
    ['null', {}, /row 1 of column vector is empty or has a null in it/],
    ['null-row', {}, /row 1 of column vector is empty or has a null in it/],
    ['no-rows', {}, /has no rows/],
    ['bomb', {}, /says that its 639 bytes hold 4000 rows of 1000 numbers/],
  ])('are refused: %s %j', async (name, part, why) =>
    expect(await refusal(rowsOf(fixture(`${name}.parquet`), part))).toMatch(why),
  );
});

describe('damaged files', () => {
  const names: [string, Format][] = [
    ['f4.npy', 'npy'],
    ['ann.hdf5', 'hdf5'],
    ['gzip.parquet', 'parquet'],
    ['pages-1.0.parquet', 'parquet'],
    ['pages-2.0.parquet', 'parquet'],
    ['encodings.parquet', 'parquet'],
  ];
  it.each(names)('are refused by name wherever %s is cut off', async (name, format) => {
    const bytes = await readFile(fixture(name));
    for (const share of [0, 0.001, 0.01, 0.3, 0.6, 0.9, 0.99]) {
      await refusal(rowsOfBytes(bytes.subarray(0, Math.floor(bytes.length * share)), { format }));
    }
  });

  it.each(names)('are read as they are or refused by name, whatever bytes of %s are wrong', async (name, format) => {
    const bytes = await readFile(fixture(name));
    for (let i = 0; i < 60; i += 1) {
      const damaged = Buffer.from(bytes);
      // Spread over the file, its ends more often than its middle, where there are only numbers.
      const near = Math.floor((i * i * i) / 7) % Math.ceil(bytes.length / 2);
      const at = i % 2 === 0 ? near : bytes.length - 1 - near;
      damaged[at] = (damaged[at] as number) ^ (1 << (i % 8)) ^ (i % 3 === 0 ? 0xff : 0);
      const error: unknown = await rowsOfBytes(damaged, { format }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (error !== undefined) expect(error).toMatchObject({ name: 'JobError', reason: 'DatasetInvalid' });
    }
  });
});
