import { access, constants } from 'node:fs/promises';
import { readIntegers, readVectors, vecsFormat, vecsHeader, type VecsFormat } from '../datasets/fvecs.ts';
import { errorText, JobError } from '../job-error.ts';

/**
 * The one place where the tool opens files of numbers: whatever format is added to datasets, is added here.
 */

/** A file of vectors, read in order, block by block. */
export interface VectorFile {
  rows: number;
  dimensions: number;
  /** All rows: each block holds whole rows, `dimensions` numbers each. */
  blocks(): AsyncGenerator<Float32Array, void, undefined>;
}

/** @throws {JobError} DatasetInvalid, naming the flag, the file and what was expected. */
export async function openVectors(flag: string, path: string): Promise<VectorFile> {
  const { name, format } = await known(flag, path);
  const { rows, dimensions } = await vecsHeader(path, name, format);
  return {
    rows,
    dimensions,
    async *blocks() {
      for await (const { values } of readVectors(path, name, format)) yield values;
    },
  };
}

/**
 * The first `rows` rows of a file of row numbers, `width` each.
 * @throws {JobError} DatasetInvalid: too few rows or columns, or numbers that are no row's.
 */
export async function readTruth(
  flag: string,
  path: string,
  rows: number,
  limit: number,
): Promise<{ k: number; ids: Int32Array }> {
  const { name, format } = await known(flag, path);
  if (format !== 'ivecs')
    throw new JobError('DatasetInvalid', `${name}: ${format} holds vectors; expected ivecs, row numbers`);
  const { rows: given, dimensions: k } = await vecsHeader(path, name, 'ivecs');
  if (given < rows) {
    throw new JobError(
      'DatasetInvalid',
      `${name}: has ${given} rows, but there are ${rows} queries; expected one row for each`,
    );
  }
  if (k < limit) {
    throw new JobError(
      'DatasetInvalid',
      `${name}: names ${k} neighbours a query, --limit asks for ${limit}; lower --limit or give more neighbours`,
    );
  }
  // Of each row the nearest `limit` are needed, and no more kept.
  const ids = new Int32Array(rows * limit);
  for await (const { firstRow, rows: count, values } of readIntegers(path, name)) {
    for (let row = 0; row < count && firstRow + row < rows; row += 1) {
      ids.set(values.subarray(row * k, row * k + limit), (firstRow + row) * limit);
    }
    if (firstRow + count >= rows) break;
  }
  const wrong = ids.findIndex((id) => id < 0);
  if (wrong >= 0) {
    throw new JobError(
      'DatasetInvalid',
      `${name}: row ${Math.floor(wrong / limit)} names neighbour ${ids[wrong]}; expected row numbers from 0`,
    );
  }
  return { k: limit, ids };
}

async function known(flag: string, path: string): Promise<{ name: string; format: VecsFormat }> {
  const name = `${flag} ${path}`;
  try {
    await access(path, constants.R_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'does not exist' : code === 'EACCES' ? 'may not be read' : errorText(error);
    throw new JobError('DatasetInvalid', `${name}: the file ${why}`, { cause: error });
  }
  return { name, format: vecsFormat(name) };
}
