import type { DataFile } from './data-file.ts';
import { openHdf5File, type OpenHdf5 } from './hdf5-library.ts';
import type { File, Hdf5Metadata } from './hdf5-types.ts';
import { decodeNumbers, isKnown, type NumberType } from './numbers.ts';
import { BLOCK_BYTES, MAX_DIMENSIONS, type Numbers, type RowReader } from './row-reader.ts';

const INTEGER = 0;
const FLOAT = 1;
/** A chunk is unpacked as a whole, by one filter after another. */
const MAX_CHUNK_BYTES = 64 * 2 ** 20;
/** Of the library's own filters, those it has here: deflate, shuffle, Fletcher32, n-bit, scale-offset. */
const FILTERS = new Set([1, 2, 3, 5, 6]);

interface Layout {
  path: string;
  rows: number;
  dimensions: number;
  type: NumberType;
  /** Rows read at once: whole chunks, where these are not too large. */
  step: number;
}

/**
 * A two-dimensional dataset of numbers in an HDF5 file, such as `train`, `test` or `neighbors` of ann-benchmarks. It is
 * read where it lies, block by block.
 * @throws {JobError} DatasetInvalid: no such dataset, another shape or type, or data that are not in this very file.
 */
export async function openHdf5(file: DataFile, key: string): Promise<RowReader> {
  const { hdf5, close } = await openHdf5File(file);
  try {
    const layout = file.parse(`dataset ${key}`, () => layoutOf(file, hdf5, key));
    const { rows, dimensions } = layout;
    return { rows, dimensions, blocks: () => readHdf5(file, key, layout) };
  } finally {
    close();
  }
}

function layoutOf(file: DataFile, hdf5: File, key: string): Layout {
  const { path, metadata, filters = [] } = hdf5.get(key) ?? {};
  if (path === undefined || !metadata) {
    const known = hdf5.keys().slice(0, 20).join(', ').slice(0, 500);
    throw file.invalid(`has no dataset ${key} of its own; set key to one of those it has (${known})`);
  }
  const { shape, chunks, virtual_sources: virtual } = metadata;
  if (virtual) throw file.invalid(`${key} lies in other files; copy it into one with h5repack`);
  const [rows = 0, dimensions = 0] = shape ?? [];
  if (shape?.length !== 2 || rows < 1 || dimensions < 1 || dimensions > MAX_DIMENSIONS) {
    const shown = shape?.join(' × ').slice(0, 100) || 'none';
    throw file.invalid(`${key} has shape ${shown}; expected rows of 1 to ${MAX_DIMENSIONS} numbers`);
  }
  const type = numberType(file, key, metadata);
  const chunkBytes = (chunks ?? []).reduce((bytes, length) => bytes * length, type.bytes);
  if (chunkBytes > MAX_CHUNK_BYTES) {
    throw file.invalid(
      `${key} has chunks of ${chunkBytes} bytes; expected at most ${MAX_CHUNK_BYTES}: use h5repack -l`,
    );
  }
  const unknown = filters.find(({ id }) => !FILTERS.has(id));
  if (unknown) {
    throw file.invalid(`${key} is packed by filter ${unknown.id}, which is not known here; use h5repack -f GZIP=4`);
  }
  const rowBytes = dimensions * type.bytes;
  const chunkRows = chunks?.[0] ?? 1;
  const step = Math.max(1, Math.floor(BLOCK_BYTES / rowBytes));
  const whole = chunkRows * Math.max(1, Math.floor(step / chunkRows));
  return { path, rows, dimensions, type, step: whole * rowBytes <= 16 * BLOCK_BYTES ? whole : step };
}

function numberType(file: DataFile, key: string, { type, size, signed }: Hdf5Metadata): NumberType {
  const kind = type === FLOAT ? 'float' : type === INTEGER ? (signed ? 'int' : 'uint') : undefined;
  // The library has brought them into this machine's order by the time we see them.
  const known: NumberType | undefined = kind && { kind, bytes: size, littleEndian: true };
  if (known && isKnown(known)) return known;
  throw file.invalid(`${key} holds no floats of 16, 32 or 64 bits and no integers; save it as float32`);
}

async function* readHdf5(
  file: DataFile,
  key: string,
  { path, rows, dimensions, type, step }: Layout,
): AsyncGenerator<Numbers, void, undefined> {
  const opened = await openHdf5File(file);
  try {
    for (let first = 0; first < rows; first += step) {
      const count = Math.min(step, rows - first);
      const part = { first, count, dimensions, bytes: count * dimensions * type.bytes };
      const bytes = file.parse(`dataset ${key}`, () => readRows(opened, path, part));
      if (!bytes) {
        throw file.invalid(
          `${key}, rows ${first} to ${first + count - 1}: cannot be read: damaged, or in another file`,
        );
      }
      yield decodeNumbers(bytes, type);
    }
  } finally {
    opened.close();
  }
}

/** undefined when the library could not. Its own wrapper hands out whatever was in memory then. */
function readRows(
  { module, hdf5: { file_id: id } }: OpenHdf5,
  path: string,
  { first, count, dimensions, bytes }: { first: number; count: number; dimensions: number; bytes: number },
): Buffer<ArrayBuffer> | undefined {
  const pointer = module._malloc(bytes);
  if (pointer === 0) return undefined;
  try {
    const lengths = [BigInt(count), BigInt(dimensions)];
    const status = module.get_dataset_data(id, path, lengths, [BigInt(first), 0n], [1n, 1n], BigInt(pointer));
    return status < 0 ? undefined : Buffer.from(module.HEAPU8.slice(pointer, pointer + bytes).buffer as ArrayBuffer);
  } finally {
    module._free(pointer);
  }
}
