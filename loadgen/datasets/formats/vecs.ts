import type { DataFile } from './data-file.ts';
import { decodeNumbers, type NumberType } from './numbers.ts';
import { blockRows, MAX_DIMENSIONS, type Numbers, type RowReader } from './row-reader.ts';

/** The TEXMEX formats: each row is an int32 dimension, then that many values, little-endian. */
const VALUES: Readonly<Record<'fvecs' | 'bvecs' | 'ivecs', NumberType>> = {
  fvecs: { kind: 'float', bytes: 4, littleEndian: true },
  bvecs: { kind: 'uint', bytes: 1, littleEndian: true },
  ivecs: { kind: 'int', bytes: 4, littleEndian: true },
};

/**
 * Rows and dimensions come from the file's size and first row.
 * @throws {JobError} DatasetInvalid: empty, impossible dimension, or a size that is not a whole number of rows.
 */
export async function openVecs(file: DataFile, format: keyof typeof VALUES): Promise<RowReader> {
  const { size } = file;
  if (size < 4) throw file.invalid(`${size} bytes are too few for a row's int32 dimension`);
  const dimensions = (await file.read(0, 4)).readInt32LE(0);
  if (dimensions < 1 || dimensions > MAX_DIMENSIONS) {
    throw file.invalid(
      `row 0 says it has ${dimensions} dimensions; expected 1 to ${MAX_DIMENSIONS}. Is this really such a file?`,
    );
  }
  const type = VALUES[format];
  const rowBytes = 4 + dimensions * type.bytes;
  if (size % rowBytes !== 0) {
    throw file.invalid(
      `row ${Math.floor(size / rowBytes)} is cut off or the rows differ in length: ${size} bytes are not a multiple of ` +
        `${rowBytes}, the length of a ${format} row of ${dimensions} dimensions; fetch the file again or check its format`,
    );
  }
  const rows = size / rowBytes;
  return { rows, dimensions, blocks: () => readVecs(file, { rows, dimensions, type }) };
}

async function* readVecs(
  file: DataFile,
  { rows, dimensions, type }: { rows: number; dimensions: number; type: NumberType },
): AsyncGenerator<Numbers, void, undefined> {
  const valueBytes = dimensions * type.bytes;
  const rowBytes = 4 + valueBytes;
  const step = blockRows(dimensions, type.bytes);
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    const bytes = await file.read(first * rowBytes, count * rowBytes);
    const values = Buffer.from(new ArrayBuffer(count * valueBytes));
    for (let row = 0; row < count; row += 1) {
      const said = bytes.readInt32LE(row * rowBytes);
      if (said !== dimensions) {
        throw file.invalid(`row ${first + row} says it has ${said} dimensions; expected ${dimensions} as in row 0`);
      }
      bytes.copy(values, row * valueBytes, row * rowBytes + 4, (row + 1) * rowBytes);
    }
    yield decodeNumbers(values, type);
  }
}
