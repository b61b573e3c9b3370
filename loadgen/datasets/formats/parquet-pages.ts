import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { parquetMetadata, snappyUncompress } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import type { DataFile } from './data-file.ts';

/** Most bytes of a page, packed or not, and most values. Writers make pages of 1 MiB; DuckDB's are up to 100 MB. */
const MAX_PAGE_BYTES = 128 * 2 ** 20;
const MAX_PAGE_VALUES = 2 ** 25;
/** A page's header holds two statistics at most. */
const HEADER_BYTES = 65_536;
/** A footer of a thousand columns and row groups has a few MB. */
const MAX_FOOTER_BYTES = 64 * 2 ** 20;

export type Metadata = ReturnType<typeof parquetMetadata>;
export type Codec = NonNullable<Metadata['row_groups'][number]['columns'][number]['meta_data']>['codec'];
/** Those that Node can unpack to a bounded length. LZ4 is missing. */
export const CODECS: ReadonlySet<string> = new Set(['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'BROTLI', 'ZSTD']);
type Header = ReturnType<typeof parquetHeader>;

/** A page as it is in the file, unpacked; levels and values are not separated yet in a page of version 1. */
export interface Page {
  header: Header;
  /** Number of values, nulls included. */
  count: number;
  /** Of a page of version 2: repetition and definition levels, which are never packed. */
  levels?: [Uint8Array, Uint8Array];
  /** The values; of a page of version 1 with the levels before them. */
  bytes: Buffer<ArrayBuffer>;
}

/** The file's own description of itself. @throws {JobError} DatasetInvalid. */
export async function readMetadata(file: DataFile): Promise<Metadata> {
  if (file.size < 12) throw file.invalid(`${file.size} bytes are too few for a Parquet file`);
  const tail = await file.read(file.size - 8, 8);
  const magic = tail.toString('latin1', 4);
  if (magic === 'PARE') throw file.invalid('is encrypted; write it without encryption');
  if (magic !== 'PAR1') throw file.invalid('does not end as a Parquet file: it is cut off; fetch it again');
  const length = tail.readUInt32LE(0);
  if (length > MAX_FOOTER_BYTES || length + 12 > file.size) {
    throw file.invalid(`has a footer of ${length} bytes; expected at most ${MAX_FOOTER_BYTES}, inside the file`);
  }
  const footer = await file.read(file.size - 8 - length, length + 8);
  return file.parse('the footer', () => parquetMetadata(footer.buffer, { geoparquet: false }));
}

/**
 * The pages of a column chunk, from byte `start` to `end`, one after another: a row group may be larger than memory.
 * @throws {JobError} DatasetInvalid: pages larger than allowed, unpacked too, or outside the chunk.
 */
export async function* pagesOf(
  file: DataFile,
  { start, end, codec }: { start: number; end: number; codec: Codec },
): AsyncGenerator<Page, void, undefined> {
  for (let offset = start; offset < end;) {
    const head = await file.read(offset, Math.min(HEADER_BYTES, end - offset));
    const reader = { view: new DataView(head.buffer), offset: 0 };
    const where = `the page at byte ${offset}`;
    const header = file.parse(where, () => parquetHeader(reader));
    const { compressed_page_size: packed, uncompressed_page_size: size } = header;
    const count = (header.data_page_header ?? header.data_page_header_v2 ?? header.dictionary_page_header)?.num_values;
    if (!within(packed, MAX_PAGE_BYTES) || !within(size, MAX_PAGE_BYTES) || offset + reader.offset + packed > end) {
      throw file.invalid(`${where} says it has ${packed} bytes, ${size} unpacked; expected at most ${MAX_PAGE_BYTES}`);
    }
    if (count !== undefined && !within(count, MAX_PAGE_VALUES)) {
      throw file.invalid(`${where} says it has ${count} values; expected at most ${MAX_PAGE_VALUES}`);
    }
    const bytes = await file.read(offset + reader.offset, packed);
    offset += reader.offset + packed;
    // Index pages hold nothing of the data.
    if (count !== undefined) yield file.parse(where, () => unpacked(header, count, bytes, codec));
  }
}

const within = (value: number, max: number): boolean => Number.isInteger(value) && value >= 0 && value <= max;

function unpacked(header: Header, count: number, bytes: Buffer<ArrayBuffer>, codec: Codec): Page {
  const { data_page_header_v2: v2, uncompressed_page_size: size } = header;
  if (!v2) return { header, count, bytes: unpack(bytes, size, codec) };
  const repetition = v2.repetition_levels_byte_length;
  const values = repetition + v2.definition_levels_byte_length;
  const rest = bytes.subarray(values);
  return {
    header,
    count,
    levels: [bytes.subarray(0, repetition), bytes.subarray(repetition, values)],
    bytes: v2.is_compressed === false ? rest : unpack(rest, size - values, codec),
  };
}

/** Never makes more than `size` bytes. @throws when the packed bytes are not those of so many. */
function unpack(bytes: Buffer<ArrayBuffer>, size: number, codec: Codec): Buffer<ArrayBuffer> {
  const result = unpackAny(bytes, size, codec);
  if (result.length !== size) throw new RangeError(`unpacked to ${result.length} bytes, expected ${size}`);
  return result;
}

function unpackAny(bytes: Buffer<ArrayBuffer>, size: number, codec: Codec): Buffer<ArrayBuffer> {
  const maxOutputLength = Math.max(1, size);
  switch (codec) {
    case 'UNCOMPRESSED':
      return bytes;
    case 'SNAPPY': {
      const into = Buffer.from(new ArrayBuffer(size));
      snappyUncompress(bytes, into);
      return into;
    }
    case 'GZIP':
      return gunzipSync(bytes, { maxOutputLength }) as Buffer<ArrayBuffer>;
    case 'BROTLI':
      return brotliDecompressSync(bytes, { maxOutputLength }) as Buffer<ArrayBuffer>;
    default:
      return zstdDecompressSync(bytes, { maxOutputLength }) as Buffer<ArrayBuffer>;
  }
}
