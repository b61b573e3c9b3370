import { parquetSchema } from 'hyparquet';
import type { DataFile } from './data-file.ts';
import type { NumberType } from './numbers.ts';
import { CODECS, pagesOf, readMetadata, type Codec, type Metadata } from './parquet-pages.ts';
import { decodeData, decodeDictionary, type Decoded, type NumberColumn } from './parquet-values.ts';
import { blockRows, MAX_DIMENSIONS, type Numbers, type RowReader } from './row-reader.ts';

type Tree = ReturnType<typeof parquetSchema>;

/** A column of lists of numbers. */
interface ListColumn extends NumberColumn {
  name: string;
  /** Path of its leaf. */
  path: string;
}

/** The pages of the column in one row group. */
interface Chunk {
  start: number;
  end: number;
  codec: Codec;
  rows: number;
  values: number;
}

/**
 * A column of a Parquet file that holds lists of numbers, all of the same length: `list<float>`, `list<double>`, a list
 * of fixed size, integers. It is read page by page, so that row groups may be larger than memory.
 * @param column the column's name; undefined: `usual`, else the only one there is.
 * @throws {JobError} DatasetInvalid, naming the columns there are.
 */
export async function openParquet(file: DataFile, column: string | undefined, usual: string): Promise<RowReader> {
  const metadata = await readMetadata(file);
  const chosen = file.parse('the schema', () => chooseColumn(file, metadata, column, usual));
  const chunks = file.parse('the footer', () => chunksOf(file, metadata, chosen));
  const rows = chunks.reduce((sum, chunk) => sum + chunk.rows, 0);
  const values = chunks.reduce((sum, chunk) => sum + chunk.values, 0);
  if (rows < 1) throw file.invalid('has no rows; expected at least one');
  const dimensions = values / rows;
  if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > MAX_DIMENSIONS) {
    throw file.invalid(
      `column ${chosen.name} has ${values} numbers in ${rows} rows; expected 1 to ${MAX_DIMENSIONS}, equally many in each`,
    );
  }
  return { rows, dimensions, blocks: () => readRows(file, { chosen, chunks, dimensions }) };
}

function chooseColumn(file: DataFile, metadata: Metadata, column: string | undefined, usual: string): ListColumn {
  const lists = parquetSchema(metadata)
    .children.map(listColumn)
    .filter((one) => one !== undefined);
  const named = lists.find(({ name }) => name === (column ?? usual));
  const chosen = named ?? (column === undefined && lists.length === 1 ? lists[0] : undefined);
  if (chosen) return chosen;
  const known =
    lists
      .map(({ name }) => name)
      .join(', ')
      .slice(0, 500) || 'none';
  throw file.invalid(
    column === undefined
      ? `has several columns of lists of numbers, or none (${known}); set column`
      : `has no column ${column} of lists of numbers; those it has: ${known}`,
  );
}

/** A field of the schema that is one list of numbers, however writers nest it; else undefined. */
function listColumn(field: Tree): ListColumn | undefined {
  let node = field;
  let repeated = 0;
  let maxDefinition = 0;
  for (;;) {
    const { repetition_type: repetition } = node.element;
    if (repetition === 'REPEATED') repeated += 1;
    if (repetition !== 'REQUIRED') maxDefinition += 1;
    const [child] = node.children;
    if (!child) break;
    if (node.children.length > 1) return undefined;
    node = child;
  }
  const type = numberType(node.element);
  return repeated === 1 && type
    ? { name: field.element.name, path: node.path.join('.'), type, maxDefinition }
    : undefined;
}

function numberType({ type, type_length: length, logical_type: logical }: Tree['element']): NumberType | undefined {
  const littleEndian = true;
  if (type === 'FLOAT') return { kind: 'float', bytes: 4, littleEndian };
  if (type === 'DOUBLE') return { kind: 'float', bytes: 8, littleEndian };
  if (type === 'INT32') return { kind: 'int', bytes: 4, littleEndian };
  if (type === 'INT64') return { kind: 'int', bytes: 8, littleEndian };
  const half = type === 'FIXED_LEN_BYTE_ARRAY' && length === 2 && logical?.type === 'FLOAT16';
  return half ? { kind: 'float', bytes: 2, littleEndian } : undefined;
}

function chunksOf(file: DataFile, { row_groups: groups }: Metadata, { name, path }: ListColumn): Chunk[] {
  return groups.map((group, index) => {
    const column = group.columns.find(({ meta_data: meta }) => meta?.path_in_schema.join('.') === path);
    const meta = column?.meta_data;
    if (!meta || column.file_path) {
      throw file.invalid(`column ${name} of row group ${index} is not in this file; write it into one`);
    }
    if (!CODECS.has(meta.codec)) {
      throw file.invalid(`column ${name} is packed with ${meta.codec}; write it with one of ${[...CODECS].join(', ')}`);
    }
    // Some writers do not say where the dictionary is, or say 0; it comes before the data.
    const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
    const end = start + Number(meta.total_compressed_size);
    if (start < 4 || end < start || end > file.size) {
      throw file.invalid(`column ${name} of row group ${index} is outside of the file: it is damaged; fetch it again`);
    }
    return { start, end, codec: meta.codec, rows: Number(group.num_rows), values: Number(meta.num_values) };
  });
}

async function* readRows(
  file: DataFile,
  { chosen, chunks, dimensions }: { chosen: ListColumn; chunks: readonly Chunk[]; dimensions: number },
): AsyncGenerator<Numbers, void, undefined> {
  const block = new Block(file, chosen, dimensions);
  let rows = 0;
  for (const chunk of chunks) {
    let dictionary: Numbers | undefined;
    for await (const page of pagesOf(file, chunk)) {
      if (page.header.type === 'DICTIONARY_PAGE') {
        dictionary = file.parse('a dictionary', () => decodeDictionary(page, chosen));
        continue;
      }
      const decoded = file.parse(`a page after row ${block.row}`, () => decodeData(page, chosen, dictionary));
      yield* block.add(decoded);
    }
    rows += chunk.rows;
    block.endRowGroup(rows);
  }
  yield* block.rest();
}

/** Rows being put together: a page may begin and end amidst a row. */
class Block {
  readonly #file: DataFile;
  readonly #column: ListColumn;
  readonly #dimensions: number;
  readonly #values: Float64Array<ArrayBuffer>;
  #filled = 0;
  /** Row that is being read; -1 before the first. */
  row = -1;
  /** Numbers this row has so far. */
  #inRow: number;

  constructor(file: DataFile, column: ListColumn, dimensions: number) {
    this.#file = file;
    this.#column = column;
    this.#dimensions = dimensions;
    this.#values = new Float64Array(blockRows(dimensions, 8) * dimensions);
    this.#inRow = dimensions;
  }

  *add({ repetition, definition, values }: Decoded): Generator<Numbers, void, undefined> {
    let next = 0;
    for (let i = 0; i < repetition.length; i += 1) {
      if (repetition[i] === 0) {
        this.#endRow();
        if (this.#filled === this.#values.length) {
          yield this.#values.slice();
          this.#filled = 0;
        }
        this.row += 1;
        this.#inRow = 0;
      }
      if (definition[i] !== this.#column.maxDefinition) {
        throw this.#file.invalid(`row ${this.row} of column ${this.#column.name} is empty or has a null in it`);
      }
      if (this.#inRow === this.#dimensions) this.#wrongLength(this.#inRow + 1);
      this.#values[this.#filled] = values[next] as number;
      this.#filled += 1;
      this.#inRow += 1;
      next += 1;
    }
  }

  *rest(): Generator<Numbers, void, undefined> {
    this.#endRow();
    if (this.#filled > 0) yield this.#values.slice(0, this.#filled);
  }

  /** @param rows how many there are, that row group's included. */
  endRowGroup(rows: number): void {
    this.#endRow();
    if (this.row + 1 !== rows) {
      throw this.#file.invalid(`has ${this.row + 1} rows where its footer says ${rows}: it is damaged; fetch it again`);
    }
  }

  #endRow(): void {
    if (this.#inRow !== this.#dimensions) this.#wrongLength(this.#inRow);
  }

  #wrongLength(has: number): never {
    const { name } = this.#column;
    throw this.#file.invalid(
      `row ${this.row} of column ${name} has ${has} numbers or more; expected ${this.#dimensions} in each row`,
    );
  }
}
