import { open, type FileHandle } from 'node:fs/promises';
import { errorText, JobError } from '../job-error.ts';

/** Far more than a point's payload should have, and less than a request may. */
const MAX_LINE_BYTES = 2 ** 20;
const BLOCK_BYTES = 2 ** 20;
const NEWLINE = 0x0a;

/** Payloads of rows from a file with a JSON object a line; only where lines begin is kept in memory. */
export class JsonRows {
  readonly #file: FileHandle;
  readonly #begins: Float64Array;
  readonly longest: number;

  private constructor(file: FileHandle, begins: Float64Array, longest: number) {
    this.#file = file;
    this.#begins = begins;
    this.longest = longest;
  }

  /**
   * Reads the file once, checks every line.
   * @throws {JobError} DatasetInvalid, naming the line: no object, too long, fewer or more lines than `rows`.
   */
  static async open(flag: string, path: string, rows: number, signal?: AbortSignal): Promise<JsonRows> {
    const name = `${flag} ${path}`;
    const invalid = (what: string, cause?: unknown) => new JobError('DatasetInvalid', `${name}: ${what}`, { cause });
    let file: FileHandle;
    try {
      file = await open(path, 'r');
    } catch (error) {
      throw invalid(`cannot be read (${errorText(error)})`, error);
    }
    try {
      const begins = new Float64Array(rows + 1);
      let [line, position, longest] = [0, 0, 0];
      const take = (bytes: Buffer): void => {
        if (line === rows)
          throw invalid(`has more than ${rows} lines, but --base has ${rows} rows; expected one line for each`);
        mustBeObject(bytes, (why) => invalid(`line ${line + 1} ${why}; expected a JSON object`));
        longest = Math.max(longest, bytes.length);
        line += 1;
        begins[line] = position + bytes.length + 1;
        position += bytes.length + 1;
      };
      let held = Buffer.alloc(0);
      const block = Buffer.allocUnsafe(BLOCK_BYTES);
      for (;;) {
        signal?.throwIfAborted();
        const { bytesRead } = await file.read(block, 0, BLOCK_BYTES);
        if (bytesRead === 0) break;
        let text = Buffer.concat([held, block.subarray(0, bytesRead)]);
        for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE)) {
          take(text.subarray(0, end));
          text = text.subarray(end + 1);
        }
        if (text.length > MAX_LINE_BYTES) throw invalid(`line ${line + 1} is longer than ${MAX_LINE_BYTES} bytes`);
        held = text;
      }
      if (held.length > 0) take(held);
      if (line < rows) throw invalid(`has ${line} lines, but --base has ${rows} rows; expected one line for each`);
      return new JsonRows(file, begins, longest);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Bytes of a row's payload on average. */
  get mean(): number {
    return (this.#begins.at(-1) as number) / Math.max(1, this.#begins.length - 1);
  }

  /** The lines of some rows, as they were written. */
  async rows(first: number, count: number): Promise<string[]> {
    const begin = this.#begins[first] as number;
    const bytes = Buffer.alloc((this.#begins[first + count] as number) - begin);
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await this.#file.read(bytes, filled, bytes.length - filled, begin + filled);
      // The last line may go without its end.
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return Array.from({ length: count }, (_, row) =>
      bytes.toString(
        'utf8',
        (this.#begins[first + row] as number) - begin,
        (this.#begins[first + row + 1] as number) - begin - 1,
      ),
    );
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

function mustBeObject(bytes: Buffer, invalid: (why: string) => Error): void {
  if (bytes.length > MAX_LINE_BYTES) throw invalid(`is longer than ${MAX_LINE_BYTES} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    // What V8 says of it quotes the user's data.
    throw invalid(bytes.length === 0 ? 'is empty' : 'is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('is no object');
}
