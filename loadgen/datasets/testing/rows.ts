import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../testing/fixtures.ts';
import { DataFile } from '../formats/data-file.ts';
import { formatOf, openRows, type Format, type RowsRole } from '../formats/format.ts';
import type { RowReader } from '../formats/row-reader.ts';

/** Which part of a file is read, and for what. */
export interface Part {
  format?: Format;
  key?: string;
  column?: string;
  role?: RowsRole;
}

/** A file that `make-fixtures.py` wrote. */
export const fixture = (name: string): string => join(import.meta.dirname, name);

/** Opens a file's rows for as long as `use` takes. */
export async function withRows<T>(
  path: string,
  { format, role = 'base', ...part }: Part,
  use: (reader: RowReader, file: DataFile) => Promise<T>,
): Promise<T> {
  const file = await DataFile.open(path, 'base x');
  try {
    return await use(await openRows(file, { format: formatOf(path, format), ...part }, role), file);
  } finally {
    await file.close();
  }
}

/** All rows, as they come. */
export async function rowsOf(path: string, part: Part = {}): Promise<number[][]> {
  return await withRows(path, part, async ({ rows, dimensions, blocks }) => {
    const all: number[][] = [];
    for await (const block of blocks()) {
      for (let at = 0; at < block.length; at += dimensions) all.push([...block.subarray(at, at + dimensions)]);
    }
    if (all.length !== rows) throw new Error(`${all.length} rows came, ${rows} were announced`);
    return all;
  });
}

/** As {@link rowsOf}, of bytes. */
export async function rowsOfBytes(bytes: Uint8Array, part: Part & { format: Format }): Promise<number[][]> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'file');
  await writeFile(path, bytes);
  return await rowsOf(path, part);
}

/** What `make-fixtures.py` writes of row i, dimension d, before it is rounded. */
export const value = (row: number, dimension: number): number => Math.sin(7 * row + dimension);

/** Its rows, rounded as `round` says. */
export function written(round: (value: number) => number, rows = 50, dimensions = 6): number[][] {
  return Array.from({ length: rows }, (_, i) => Array.from({ length: dimensions }, (__, d) => round(value(i, d))));
}

/** Its made-up ground truth. */
export const TRUTH = Array.from({ length: 4 }, (_, i) =>
  Array.from({ length: 5 }, (__, place) => (i * 3 + place) % 50),
);
