/** Numbers as a file holds them, widened where JavaScript has no such type; 64-bit integers become the nearest double. */
export type Numbers =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>;

/** A file of rows of equally many numbers, whatever its format. */
export interface RowReader {
  readonly rows: number;
  readonly dimensions: number;
  /**
   * All rows in order, in blocks of a few MB: row after row, `dimensions` numbers each.
   * @throws {JobError} DatasetInvalid, naming file and row: truncated, or rows of another length.
   */
  readonly blocks: () => AsyncGenerator<Numbers, void, undefined>;
}

/** Bytes of numbers in a block, about: what is read or unpacked at once. */
export const BLOCK_BYTES = 4 * 2 ** 20;

/** Qdrant's own limit of a dense vector. */
export const MAX_DIMENSIONS = 65_536;

/** How many rows make a block. */
export function blockRows(dimensions: number, valueBytes = 4): number {
  return Math.max(1, Math.floor(BLOCK_BYTES / (dimensions * valueBytes)));
}
