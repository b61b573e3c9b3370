import type { DataFile } from './data-file.ts';
import type { RowReader } from './row-reader.ts';

/**
 * Rows as vectors, in float32.
 * @throws {JobError} DatasetInvalid, naming file, row and dimension: NaN, infinite, or too large for float32.
 */
export async function* vectorsOf(
  file: DataFile,
  { dimensions, blocks }: Pick<RowReader, 'dimensions' | 'blocks'>,
): AsyncGenerator<Float32Array<ArrayBuffer>, void, undefined> {
  let firstRow = 0;
  for await (const values of blocks()) {
    const vectors = values instanceof Float32Array ? values : Float32Array.from(values);
    for (let i = 0; i < vectors.length; i += 1) {
      if (Number.isFinite(vectors[i])) continue;
      const where = `row ${firstRow + Math.floor(i / dimensions)}, dimension ${i % dimensions}`;
      throw file.invalid(
        Number.isFinite(values[i])
          ? `${where} is ${values[i]}, which does not fit into float32, what Qdrant keeps`
          : `${where} is ${values[i]}; expected a finite number`,
      );
    }
    yield vectors;
    firstRow += vectors.length / dimensions;
  }
}

/**
 * Rows as numbers of base rows: a ground truth.
 * @throws {JobError} DatasetInvalid, naming file, row and place: no integer, or none of 32 bits.
 */
export async function* neighboursOf(
  file: DataFile,
  { dimensions, blocks }: Pick<RowReader, 'dimensions' | 'blocks'>,
): AsyncGenerator<Int32Array<ArrayBuffer>, void, undefined> {
  let firstRow = 0;
  for await (const values of blocks()) {
    const ids = values instanceof Int32Array ? values : Int32Array.from(values);
    for (let i = 0; i < ids.length; i += 1) {
      if (ids[i] === values[i]) continue;
      throw file.invalid(
        `row ${firstRow + Math.floor(i / dimensions)}, place ${i % dimensions} is ${values[i]}; expected the number of a base row`,
      );
    }
    yield ids;
    firstRow += ids.length / dimensions;
  }
}
