import { JobError } from '../../job-error.ts';
import type { DataFile } from './data-file.ts';
import { openHdf5 } from './hdf5.ts';
import { openJsonl } from './jsonl.ts';
import { openNpy } from './npy.ts';
import { openParquet } from './parquet.ts';
import type { RowReader } from './row-reader.ts';
import { openVecs } from './vecs.ts';

export const FORMATS = ['fvecs', 'bvecs', 'ivecs', 'npy', 'hdf5', 'parquet', 'jsonl'] as const;
export type Format = (typeof FORMATS)[number];

/** What rows of numbers are of a dataset. */
export type RowsRole = 'base' | 'queries' | 'groundTruth';

const EXTENSIONS: Readonly<Record<string, Format>> = {
  ...(Object.fromEntries(FORMATS.map((format) => [format, format])) as Record<Format, Format>),
  h5: 'hdf5',
  ndjson: 'jsonl',
};

/** What a format that has one begins with. HDF5 may have 512, 1024, … bytes of something else before. */
const MAGIC: readonly { format: Format; bytes: string; at: readonly number[] }[] = [
  { format: 'npy', bytes: '\x93NUMPY', at: [0] },
  { format: 'hdf5', bytes: '\x89HDF\r\n\x1a\n', at: [0, 512, 1024, 2048, 4096] },
  { format: 'parquet', bytes: 'PAR1', at: [0] },
];

/** Where a role's numbers are in files that have names for them: ann-benchmarks' HDF5, columns and JSON fields. */
const NAMES: Readonly<Record<RowsRole, { key: string; field: string }>> = {
  base: { key: 'train', field: 'vector' },
  queries: { key: 'test', field: 'vector' },
  groundTruth: { key: 'neighbors', field: 'neighbors' },
};

/**
 * The format that was given, else the one a name's extension says; what follows ? or # does not count.
 * @throws {JobError} DatasetInvalid, naming the formats.
 */
export function formatOf(name: string, format?: Format): Format {
  if (format !== undefined) return format;
  const extension = /\.([a-z0-9]+)$/.exec((name.split(/[?#]/, 1)[0] as string).toLowerCase())?.[1] ?? '';
  if (Object.hasOwn(EXTENSIONS, extension)) return EXTENSIONS[extension] as Format;
  throw new JobError(
    'DatasetInvalid',
    `${name}: the format cannot be told from the name's extension; set format to one of ${FORMATS.join(', ')}`,
  );
}

/**
 * Opens a file's rows; nothing but its header is read, of JSON every line.
 * @throws {JobError} DatasetInvalid: it is of another format, damaged, empty, or says it holds more than it can.
 */
export async function openRows(
  file: DataFile,
  { format, key, column }: { format: Format; key?: string; column?: string },
  role: RowsRole,
): Promise<RowReader> {
  if (file.size === 0) throw file.invalid(`the file is empty; expected at least one row in ${format}`);
  if ((role === 'groundTruth') !== (format === 'ivecs') && format.endsWith('vecs')) {
    const wanted = role === 'groundTruth' ? 'row numbers, as ivecs' : 'vectors, as fvecs or bvecs';
    throw file.invalid(`is of format ${format}; expected ${wanted}`);
  }
  await checkMagic(file, format);
  const reader = await openAs(file, format, key ?? NAMES[role].key, column, NAMES[role].field);
  checkShape(file, reader);
  return reader;
}

function openAs(
  file: DataFile,
  format: Format,
  key: string,
  column: string | undefined,
  field: string,
): Promise<RowReader> {
  switch (format) {
    case 'npy':
      return openNpy(file);
    case 'hdf5':
      return openHdf5(file, key);
    case 'parquet':
      return openParquet(file, column, field);
    case 'jsonl':
      return openJsonl(file, field);
    default:
      return openVecs(file, format);
  }
}

async function checkMagic(file: DataFile, format: Format): Promise<void> {
  const head = (await file.head(4096 + 8)).toString('latin1');
  const found = MAGIC.find(({ bytes, at }) => at.some((offset) => head.startsWith(bytes, offset)))?.format;
  if (found === format) return;
  if (found) throw file.invalid(`begins as a file of format ${found}, not ${format}; set format: ${found}`);
  if (MAGIC.some((one) => one.format === format)) {
    throw file.invalid(
      `does not begin as a file of format ${format}; is it cut off, a web page, or of another format?`,
    );
  }
}

/** Real vectors never pack as well as this: what says so is a bomb, or damaged. */
const MAX_RATIO = 1000;
const MAX_ROWS = 2 ** 31 - 1;

function checkShape(file: DataFile, { rows, dimensions }: RowReader): void {
  if (rows > MAX_ROWS) throw file.invalid(`has ${rows} rows; expected at most ${MAX_ROWS}`);
  const bytes = rows * dimensions * 4;
  if (bytes <= file.size * MAX_RATIO) return;
  throw file.invalid(
    `says that its ${file.size} bytes hold ${rows} rows of ${dimensions} numbers, ${bytes} bytes; expected at most ` +
      `${MAX_RATIO} times what it has`,
  );
}
