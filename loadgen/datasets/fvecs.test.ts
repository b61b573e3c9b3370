import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../testing/fixtures.ts';
import { fvecs, ivecs, bvecs } from '../testing/vecs.ts';
import { readIntegers, readVectors, vecsFormat, vecsHeader, type VecsFormat } from './fvecs.ts';

async function withFile<T>(bytes: Buffer, use: (path: string) => Promise<T>): Promise<T> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'file');
  await writeFile(path, bytes);
  return await use(path);
}

async function readAll(path: string, format: VecsFormat): Promise<number[]> {
  const all: number[] = [];
  for await (const block of readVectors(path, 'base x.fvecs', format)) all.push(...block.values);
  return all;
}

describe('vecs files', () => {
  it('takes the format from the field, or the extension before a query string', () => {
    expect(vecsFormat('a.bin', 'fvecs')).toBe('fvecs');
    expect(vecsFormat('https://x/a.bvecs?sig=1.fvecs')).toBe('bvecs');
    expect(() => vecsFormat('https://x/a.npy')).toThrow(/set format to fvecs, bvecs or ivecs/);
  });

  it('reads fvecs, bvecs and ivecs', async () => {
    await withFile(
      fvecs([
        [1.5, -2],
        [3, 4],
      ]),
      async (path) => {
        expect(await vecsHeader(path, 'x', 'fvecs')).toEqual({ rows: 2, dimensions: 2 });
        expect(await readAll(path, 'fvecs')).toEqual([1.5, -2, 3, 4]);
      },
    );
    await withFile(bvecs([[0, 255, 7]]), async (path) => expect(await readAll(path, 'bvecs')).toEqual([0, 255, 7]));
    await withFile(
      ivecs([
        [1, 2],
        [3, -4],
      ]),
      async (path) => {
        const all: number[] = [];
        for await (const block of readIntegers(path, 'x')) all.push(...block.values);
        expect(all).toEqual([1, 2, 3, -4]);
      },
    );
  });

  it('reads files of several blocks', async () => {
    const rows = Array.from({ length: 3000 }, (_, i) => Array.from({ length: 512 }, (_, d) => i + d / 1024));
    await withFile(fvecs(rows), async (path) => {
      const firstRows: number[] = [];
      let count = 0;
      for await (const block of readVectors(path, 'x', 'fvecs')) {
        firstRows.push(block.firstRow);
        expect(block.values[0]).toBe(block.firstRow);
        count += block.rows;
      }
      expect(count).toBe(3000);
      expect(firstRows.length).toBeGreaterThan(1);
    });
  });

  const good = fvecs([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  const ragged = Buffer.concat([fvecs([[1, 2]]), fvecs([[1, 2, 3, 4, 5]])]);
  it.each<[string, Buffer, VecsFormat, RegExp]>([
    ['empty', Buffer.alloc(0), 'fvecs', /base x\.fvecs: the file is empty; expected at least one fvecs row/],
    ['tiny', Buffer.alloc(3), 'fvecs', /3 bytes are too few/],
    ['truncated', good.subarray(0, -3), 'fvecs', /row 2 is cut off .* 33 bytes are not a multiple of 12/],
    ['zero dimensions', Buffer.alloc(8), 'fvecs', /row 0 says it has 0 dimensions; expected 1 to 65536/],
    ['another dimension', ragged, 'fvecs', /row 1 says it has 5 dimensions; expected 2 as in row 0/],
    [
      'NaN',
      fvecs([
        [1, 2],
        [3, NaN],
      ]),
      'fvecs',
      /row 1, dimension 1 is NaN; expected a finite number/,
    ],
    ['infinite', fvecs([[Infinity, 2]]), 'fvecs', /row 0, dimension 0 is Infinity/],
    ['integers', ivecs([[1, 2]]), 'ivecs', /ivecs holds row numbers, not vectors/],
  ])('refuses a file that is %s, naming file and row', async (_, bytes, format, message) => {
    await withFile(bytes, async (path) => {
      await expect(readAllNamed(path, format)).rejects.toThrow(message);
      await expect(readAllNamed(path, format)).rejects.toMatchObject({ reason: 'DatasetInvalid' });
    });
  });

  async function readAllNamed(path: string, format: VecsFormat): Promise<number[]> {
    await vecsHeader(path, 'base x.fvecs', format);
    return await readAll(path, format);
  }
});
