import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { JobError } from '../job-error.ts';
import type { DatasetMeta } from './dataset.ts';

/** What is said of a file in the description of a prepared dataset. */
export type FileEntry = DatasetMeta['files'][string];

/** Text is written in pieces of this many bytes, offsets in pieces of so many rows. */
const PIECE_BYTES = 1 << 20;
const PIECE_ROWS = 1 << 16;

/** Appends to a file in large pieces and keeps account of its checksum. */
class Appender {
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  #bytes = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async create(path: string): Promise<Appender> {
    return new Appender(await open(path, 'w'));
  }

  async write(piece: Uint8Array): Promise<void> {
    this.#hash.update(piece);
    this.#bytes += piece.length;
    await this.#file.writeFile(piece);
  }

  /** Releases the file, once what was written is on disk. */
  async finish(): Promise<FileEntry> {
    await this.#file.datasync();
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

export interface WrittenLines {
  texts: FileEntry;
  offsets?: FileEntry;
  /** Bytes of the longest line, its end included. */
  longest: number;
}

/**
 * Writes one line of JSON a row, and where each line begins if `paths.offsets` is given.
 * @param expected how many rows there have to be, and of what.
 * @param onPiece takes every piece of text, in order.
 * @throws {JobError} DatasetInvalid when there are fewer or more rows than expected.
 */
export async function writeLines(
  paths: { texts: string; offsets?: string },
  lines: AsyncIterable<string>,
  expected: { rows: number; name: string; of: string },
  onPiece: (piece: Uint8Array) => void,
  signal?: AbortSignal,
): Promise<WrittenLines> {
  const miscounted = (count: string) =>
    new JobError(
      'DatasetInvalid',
      `${expected.name}: has ${count} rows, but there are ${expected.rows} ${expected.of}; expected one row for each`,
    );
  const texts = await Appender.create(paths.texts);
  const offsets = paths.offsets === undefined ? undefined : await Appender.create(paths.offsets);
  try {
    const begins = new Float64Array(PIECE_ROWS);
    let held: string[] = [];
    let [heldBytes, rows, position, longest] = [0, 0, 0, 0];
    const flush = async (): Promise<void> => {
      signal?.throwIfAborted();
      const piece = Buffer.from(held.join(''));
      onPiece(piece);
      await texts.write(piece);
      held = [];
      heldBytes = 0;
    };
    const begin = async (): Promise<void> => {
      const at = rows % PIECE_ROWS;
      begins[at] = position;
      if (at === PIECE_ROWS - 1) await offsets?.write(new Uint8Array(begins.slice().buffer));
    };
    for await (const line of lines) {
      if (rows === expected.rows) throw miscounted(`more than ${expected.rows}`);
      await begin();
      const text = `${line}\n`;
      const bytes = Buffer.byteLength(text);
      held.push(text);
      heldBytes += bytes;
      position += bytes;
      longest = Math.max(longest, bytes);
      rows += 1;
      if (heldBytes >= PIECE_BYTES) await flush();
    }
    if (rows < expected.rows) throw miscounted(String(rows));
    await flush();
    // One more than rows: where the last one ends.
    await begin();
    const left = (rows + 1) % PIECE_ROWS;
    await offsets?.write(new Uint8Array(begins.slice(0, left).buffer));
    return {
      texts: await texts.finish(),
      ...(offsets ? { offsets: await offsets.finish() } : {}),
      longest,
    };
  } finally {
    await texts.close();
    await offsets?.close();
  }
}
