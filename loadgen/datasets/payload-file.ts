import { open, type FileHandle } from 'node:fs/promises';
import { JobError } from '../job-error.ts';

/** Where the payloads of base rows are: one line of JSON each, and where each line begins, so that any run can be read. */
export interface PayloadPaths {
  /** Lines of JSON, row by row. */
  texts: string;
  /** points + 1 float64: where row i begins; the last one is the length of the file. */
  offsets: string;
}

/** Texts of rows one after the other, and where each begins. */
export interface PayloadRows {
  texts: string[];
  /** Bytes they have. */
  bytes: number;
}

/** Reads payloads in runs of rows; nothing but the run asked for is in memory. */
export class PayloadReader {
  readonly #texts: FileHandle;
  readonly #offsets: FileHandle;

  private constructor(texts: FileHandle, offsets: FileHandle) {
    this.#texts = texts;
    this.#offsets = offsets;
  }

  static async open(paths: PayloadPaths): Promise<PayloadReader> {
    const texts = await open(paths.texts, 'r');
    try {
      return new PayloadReader(texts, await open(paths.offsets, 'r'));
    } catch (error) {
      await texts.close();
      throw error;
    }
  }

  /**
   * The texts of rows `first` … `first` + `count` − 1, or fewer where they would be more than `maxBytes` together, though
   * at least one.
   */
  async rows(first: number, count: number, maxBytes = Infinity): Promise<PayloadRows> {
    const offsets = new Float64Array(count + 1);
    await fill(this.#offsets, new Uint8Array(offsets.buffer), first * 8);
    const start = offsets[0] as number;
    let rows = count;
    while (rows > 1 && (offsets[rows] as number) - start > maxBytes) rows = Math.ceil(rows / 2);
    const bytes = Buffer.allocUnsafe((offsets[rows] as number) - start);
    await fill(this.#texts, bytes, start);
    const texts = Array.from({ length: rows }, (_, row) =>
      // Without the line's end.
      bytes.toString('utf8', (offsets[row] as number) - start, (offsets[row + 1] as number) - start - 1),
    );
    return { texts, bytes: bytes.length };
  }

  async close(): Promise<void> {
    await this.#texts.close();
    await this.#offsets.close();
  }
}

async function fill(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, position + filled);
    if (bytesRead === 0)
      throw new JobError('DatasetChanged', 'a prepared payload file is shorter than its description');
    filled += bytesRead;
  }
}
