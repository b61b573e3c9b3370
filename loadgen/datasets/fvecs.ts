import { open, stat } from 'node:fs/promises';
import { JobError } from '../job-error.ts';

/** The TEXMEX formats: each row is an int32 dimension, then that many values, little-endian. */
export type VecsFormat = 'fvecs' | 'bvecs' | 'ivecs';

const VALUE_BYTES: Readonly<Record<VecsFormat, number>> = { fvecs: 4, bvecs: 1, ivecs: 4 };
const MAX_DIMENSIONS = 65_536;
const BLOCK_BYTES = 4 * 1024 * 1024;

export interface VecsHeader {
  rows: number;
  dimensions: number;
}

/** The format by `format`, else by the name's extension. */
export function vecsFormat(name: string, format?: VecsFormat): VecsFormat {
  if (format !== undefined) return format;
  const extension = /\.([a-z]+)$/.exec(name.split(/[?#]/, 1)[0] as string)?.[1];
  if (extension === 'fvecs' || extension === 'bvecs' || extension === 'ivecs') return extension;
  throw new JobError(
    'DatasetInvalid',
    `${name}: the format cannot be told from the name's extension; set format to fvecs, bvecs or ivecs`,
  );
}

/**
 * Rows and dimensions of a file, from its size and first row.
 * @throws {JobError} DatasetInvalid: empty, impossible dimension, or a size that is not a whole number of rows.
 */
export async function vecsHeader(path: string, name: string, format: VecsFormat): Promise<VecsHeader> {
  const { size } = await stat(path);
  if (size === 0)
    throw new JobError('DatasetInvalid', `${name}: the file is empty; expected at least one ${format} row`);
  if (size < 4) throw new JobError('DatasetInvalid', `${name}: ${size} bytes are too few for a row's int32 dimension`);
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(4);
    await file.read(head, 0, 4, 0);
    const dimensions = checkedDimensions(head.readInt32LE(0), name, 0);
    const rowBytes = 4 + dimensions * VALUE_BYTES[format];
    if (size % rowBytes !== 0) {
      const row = Math.floor(size / rowBytes);
      throw new JobError(
        'DatasetInvalid',
        `${name}: row ${row} is cut off or the rows differ in length: ${size} bytes are not a multiple of ${rowBytes}, ` +
          `the length of a ${format} row of ${dimensions} dimensions; fetch the file again or check its format`,
      );
    }
    return { rows: size / rowBytes, dimensions };
  } finally {
    await file.close();
  }
}

function checkedDimensions(value: number, name: string, row: number): number {
  if (value >= 1 && value <= MAX_DIMENSIONS) return value;
  throw new JobError(
    'DatasetInvalid',
    `${name}: row ${row} says it has ${value} dimensions; expected 1 to ${MAX_DIMENSIONS}. Is this really such a file?`,
  );
}

/** Some rows of a file: `values` holds `rows` × `dimensions` numbers. */
export interface VecsBlock<T extends Float32Array | Int32Array> {
  firstRow: number;
  rows: number;
  values: T;
}

/**
 * Streams float rows (fvecs, bvecs) in blocks of a few MB.
 * @throws {JobError} DatasetInvalid, naming file and row: a row of another dimension, NaN or infinite values.
 */
export async function* readVectors(
  path: string,
  name: string,
  format: VecsFormat,
): AsyncGenerator<VecsBlock<Float32Array<ArrayBuffer>>, void, undefined> {
  if (format === 'ivecs') {
    throw new JobError('DatasetInvalid', `${name}: ivecs holds row numbers, not vectors; expected fvecs or bvecs`);
  }
  const { dimensions } = await vecsHeader(path, name, format);
  for await (const { firstRow, rows, view } of readBlocks(path, name, format)) {
    const values = new Float32Array(rows * dimensions);
    const rowBytes = 4 + dimensions * VALUE_BYTES[format];
    for (let row = 0; row < rows; row += 1) {
      const start = row * rowBytes + 4;
      for (let d = 0; d < dimensions; d += 1) {
        const value = format === 'bvecs' ? view.getUint8(start + d) : view.getFloat32(start + d * 4, true);
        if (!Number.isFinite(value)) {
          throw new JobError(
            'DatasetInvalid',
            `${name}: row ${firstRow + row}, dimension ${d} is ${value}; expected a finite number`,
          );
        }
        values[row * dimensions + d] = value;
      }
    }
    yield { firstRow, rows, values };
  }
}

/** Streams integer rows (ivecs), such as ground truth. */
export async function* readIntegers(
  path: string,
  name: string,
): AsyncGenerator<VecsBlock<Int32Array<ArrayBuffer>>, void, undefined> {
  const { dimensions } = await vecsHeader(path, name, 'ivecs');
  for await (const { firstRow, rows, view } of readBlocks(path, name, 'ivecs')) {
    const values = new Int32Array(rows * dimensions);
    for (let row = 0; row < rows; row += 1) {
      const start = row * (4 + dimensions * 4) + 4;
      for (let d = 0; d < dimensions; d += 1) values[row * dimensions + d] = view.getInt32(start + d * 4, true);
    }
    yield { firstRow, rows, values };
  }
}

async function* readBlocks(
  path: string,
  name: string,
  format: VecsFormat,
): AsyncGenerator<{ firstRow: number; rows: number; view: DataView }, void, undefined> {
  const { rows: total, dimensions } = await vecsHeader(path, name, format);
  const rowBytes = 4 + dimensions * VALUE_BYTES[format];
  const blockRows = Math.max(1, Math.floor(BLOCK_BYTES / rowBytes));
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(blockRows * rowBytes);
    for (let firstRow = 0; firstRow < total; firstRow += blockRows) {
      const rows = Math.min(blockRows, total - firstRow);
      let filled = 0;
      while (filled < rows * rowBytes) {
        const { bytesRead } = await file.read(buffer, filled, rows * rowBytes - filled, firstRow * rowBytes + filled);
        if (bytesRead === 0) {
          throw new JobError(
            'DatasetInvalid',
            `${name}: ended at row ${firstRow + Math.floor(filled / rowBytes)} of ${total} while being read`,
          );
        }
        filled += bytesRead;
      }
      const view = new DataView(buffer.buffer, buffer.byteOffset, rows * rowBytes);
      for (let row = 0; row < rows; row += 1) {
        const said = view.getInt32(row * rowBytes, true);
        if (said !== dimensions) {
          throw new JobError(
            'DatasetInvalid',
            `${name}: row ${firstRow + row} says it has ${said} dimensions; expected ${dimensions} as in row 0`,
          );
        }
      }
      yield { firstRow, rows, view };
    }
  } finally {
    await file.close();
  }
}
