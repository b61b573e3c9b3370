import type { DataFile } from './data-file.ts';
import { blockRows, MAX_DIMENSIONS, type Numbers, type RowReader } from './row-reader.ts';

/** Longest line: a vector of 65,536 numbers of 25 characters, with as much payload beside it. */
const MAX_LINE_BYTES = 4 * 2 ** 20;

/**
 * A line a row, each an array of numbers or an object with one under `field`; every line is a row, the last may be empty.
 * The file is gone through once to count them.
 * @throws {JobError} DatasetInvalid, naming the line; nothing of what is in it is repeated.
 */
export async function openJsonl(file: DataFile, field: string): Promise<RowReader> {
  let rows = 0;
  let dimensions = 0;
  for await (const line of linesOf(file)) {
    if (rows === 0) dimensions = numbersOf(file, line, 0, field).length;
    rows += 1;
  }
  if (rows === 0) throw file.invalid('the file is empty; expected a line a row');
  if (dimensions < 1 || dimensions > MAX_DIMENSIONS) {
    throw file.invalid(`row 0 has ${dimensions} numbers; expected 1 to ${MAX_DIMENSIONS}`);
  }
  return { rows, dimensions, blocks: () => readJsonl(file, { rows, dimensions, field }) };
}

async function* readJsonl(
  file: DataFile,
  { rows, dimensions, field }: { rows: number; dimensions: number; field: string },
): AsyncGenerator<Numbers, void, undefined> {
  const step = blockRows(dimensions, 8);
  let block = new Float64Array(Math.min(step, rows) * dimensions);
  let row = 0;
  let filled = 0;
  for await (const line of linesOf(file)) {
    const numbers = numbersOf(file, line, row, field);
    if (numbers.length !== dimensions) {
      throw file.invalid(`row ${row} has ${numbers.length} numbers; expected ${dimensions} as in row 0`);
    }
    block.set(numbers, filled);
    filled += dimensions;
    row += 1;
    if (filled < block.length) continue;
    yield block;
    block = new Float64Array(Math.min(step, rows - row) * dimensions);
    filled = 0;
  }
}

function numbersOf(file: DataFile, line: string, row: number, field: string): number[] {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw file.invalid(`line ${row + 1} is no JSON; expected an array of numbers, or an object with one as ${field}`);
  }
  const numbers = Array.isArray(value) ? value : (value as Record<string, unknown> | null)?.[field];
  if (!Array.isArray(numbers) || !numbers.every((one) => typeof one === 'number')) {
    throw file.invalid(
      `line ${row + 1} holds no vector; expected an array of numbers, or an object with one as ${field}`,
    );
  }
  return numbers;
}

/** Lines of at most so many bytes, in UTF-8; an empty one is a line unless it is the last. */
async function* linesOf(file: DataFile): AsyncGenerator<string, void, undefined> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let line = 0;
  const checked = (bytes: Buffer): string => {
    line += 1;
    if (bytes.length > MAX_LINE_BYTES) throw tooLong(file, line);
    return bytes.toString('utf8');
  };
  for await (const piece of file.pieces()) {
    let from = 0;
    for (let end = piece.indexOf(0x0a); end >= 0; end = piece.indexOf(0x0a, from)) {
      yield checked(Buffer.concat([...rest, piece.subarray(from, end)]));
      rest = [];
      restBytes = 0;
      from = end + 1;
    }
    if (from < piece.length) rest.push(piece.subarray(from));
    restBytes += piece.length - from;
    if (restBytes > MAX_LINE_BYTES) throw tooLong(file, line + 1);
  }
  if (restBytes > 0) yield checked(Buffer.concat(rest));
}

function tooLong(file: DataFile, line: number): Error {
  return file.invalid(`line ${line} is longer than ${MAX_LINE_BYTES} bytes; expected a line a row`);
}
