import type { DataFile } from './data-file.ts';
import { decodeNumbers, isKnown, type NumberType } from './numbers.ts';
import { blockRows, MAX_DIMENSIONS, type Numbers, type RowReader } from './row-reader.ts';

/** The header is a Python dictionary of three keys; longer than this it holds something else. */
const MAX_HEADER_BYTES = 65_536;
const KINDS = { f: 'float', i: 'int', u: 'uint' } as const;

/**
 * NumPy's own format, versions 1 to 3, of a two-dimensional array of numbers in C order.
 * @throws {JobError} DatasetInvalid, saying how to save the array otherwise.
 */
export async function openNpy(file: DataFile): Promise<RowReader> {
  const { start, header } = await readHeader(file);
  const { descr, fortran, shape } = parseHeader(file, header);
  if (fortran) throw file.invalid('is in Fortran order; save it with numpy.ascontiguousarray(array)');
  const type = numberType(file, descr);
  const [rows = 0, dimensions = 0] = shape;
  if (shape.length !== 2) {
    throw file.invalid(`has shape (${shape.join(', ')}); expected two dimensions: rows, and the numbers of a row`);
  }
  if (rows < 1 || dimensions < 1 || dimensions > MAX_DIMENSIONS) {
    throw file.invalid(
      `has ${rows} rows of ${dimensions} dimensions; expected at least one row of 1 to ${MAX_DIMENSIONS}`,
    );
  }
  const expected = start + rows * dimensions * type.bytes;
  if (file.size !== expected) {
    throw file.invalid(
      `has ${file.size} bytes, but ${rows} × ${dimensions} numbers of ${descr} end at ${expected}; fetch the file again`,
    );
  }
  return { rows, dimensions, blocks: () => readNpy(file, { rows, dimensions, type, start }) };
}

async function readHeader(file: DataFile): Promise<{ start: number; header: string }> {
  const head = await file.head(12);
  const version = head[6] ?? 0;
  const lengthBytes = version === 1 ? 2 : 4;
  if (version < 1 || version > 3 || head.length < 8 + lengthBytes) {
    throw file.invalid(`is of npy version ${version}; expected 1, 2 or 3`);
  }
  const length = head.readUIntLE(8, lengthBytes);
  const start = 8 + lengthBytes + length;
  if (length > MAX_HEADER_BYTES || start > file.size) {
    throw file.invalid(`has an npy header of ${length} bytes; expected at most ${MAX_HEADER_BYTES}, inside the file`);
  }
  return { start, header: (await file.read(8 + lengthBytes, length)).toString(version === 3 ? 'utf8' : 'latin1') };
}

function parseHeader(file: DataFile, header: string): { descr: string; fortran: boolean; shape: number[] } {
  const descr = /'descr'\s*:\s*'([^']{1,32})'/.exec(header)?.[1];
  const fortran = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1];
  const shape = /'shape'\s*:\s*\(([0-9, ]*)\)/.exec(header)?.[1];
  if (descr === undefined || fortran === undefined || shape === undefined) {
    throw file.invalid('has an npy header without descr, fortran_order and shape of an array of plain numbers');
  }
  const sizes = shape.split(',').map((text) => text.trim());
  return { descr, fortran: fortran === 'True', shape: sizes.filter((text) => text !== '').map(Number) };
}

function numberType(file: DataFile, descr: string): NumberType {
  const [, order, kind, bytes] = /^([<>|=])([fiu])([0-9]{1,2})$/.exec(descr) ?? [];
  if (kind !== undefined) {
    const type = { kind: KINDS[kind as keyof typeof KINDS], bytes: Number(bytes), littleEndian: order !== '>' };
    if (isKnown(type)) return type;
  }
  throw file.invalid(
    `holds values of type ${descr}; expected float16, float32, float64 or integers, as by array.astype("float32")`,
  );
}

async function* readNpy(
  file: DataFile,
  { rows, dimensions, type, start }: { rows: number; dimensions: number; type: NumberType; start: number },
): AsyncGenerator<Numbers, void, undefined> {
  const rowBytes = dimensions * type.bytes;
  const step = blockRows(dimensions, type.bytes);
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    yield decodeNumbers(await file.read(start + first * rowBytes, count * rowBytes), type);
  }
}
