import { DataFile } from '../datasets/formats/data-file.ts';
import { formatOf, openRows, type RowsRole } from '../datasets/formats/format.ts';
import type { RowReader } from '../datasets/formats/row-reader.ts';
import { neighboursOf, vectorsOf } from '../datasets/formats/values.ts';
import { errorText, JobError } from '../job-error.ts';

/** Vectors read in order, block by block. */
export interface VectorRows {
  rows: number;
  dimensions: number;
  /** All rows: each block holds whole rows, `dimensions` numbers each. */
  blocks(): AsyncGenerator<Float32Array, void, undefined>;
}

/** A file of vectors. */
export type VectorFile = VectorRows & AsyncDisposable;

/** @throws {JobError} DatasetInvalid, naming the flag, the file and what was expected. */
export async function openVectors(flag: '--base' | '--queries', path: string): Promise<VectorFile> {
  const { file, reader } = await openFile(flag, path, flag === '--base' ? 'base' : 'queries');
  const { rows, dimensions } = reader;
  return { rows, dimensions, blocks: () => vectorsOf(file, reader), [Symbol.asyncDispose]: () => file.close() };
}

/**
 * The first `rows` rows of a file of row numbers, `limit` of each.
 * @throws {JobError} DatasetInvalid: too few rows or columns, or numbers that are no row's.
 */
export async function readTruth(
  flag: string,
  path: string,
  rows: number,
  limit: number,
): Promise<{ k: number; ids: Int32Array }> {
  const { file, reader } = await openFile(flag, path, 'groundTruth');
  try {
    const { rows: given, dimensions: k } = reader;
    if (given < rows) {
      throw file.invalid(`has ${given} rows, but there are ${rows} queries; expected one row for each`);
    }
    if (k < limit) {
      throw file.invalid(
        `names ${k} neighbours a query, --limit asks for ${limit}; lower --limit or give more neighbours`,
      );
    }
    // Of each row the nearest `limit` are needed, and no more kept.
    const ids = new Int32Array(rows * limit);
    let row = 0;
    for await (const values of neighboursOf(file, reader)) {
      for (let at = 0; at < values.length && row < rows; at += k) {
        ids.set(values.subarray(at, at + limit), row * limit);
        row += 1;
      }
      if (row === rows) break;
    }
    const wrong = ids.findIndex((id) => id < 0);
    if (wrong >= 0) {
      throw file.invalid(`row ${Math.floor(wrong / limit)} names neighbour ${ids[wrong]}; expected row numbers from 0`);
    }
    return { k: limit, ids };
  } finally {
    await file.close();
  }
}

async function openFile(flag: string, path: string, role: RowsRole): Promise<{ file: DataFile; reader: RowReader }> {
  const name = `${flag} ${path}`;
  let file: DataFile;
  try {
    file = await DataFile.open(path, name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'does not exist' : code === 'EACCES' ? 'may not be read' : errorText(error);
    throw new JobError('DatasetInvalid', `${name}: the file ${why}`, { cause: error });
  }
  try {
    return { file, reader: await openRows(file, { format: formatOf(name) }, role) };
  } catch (error) {
    await file.close();
    throw error;
  }
}
