import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { JobError } from '../../job-error.ts';

/** A file of a dataset, held open, so that what was checked is what is read. */
export class DataFile {
  /** For messages: role and where it is from. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly #handle: FileHandle;

  constructor(name: string, handle: FileHandle, size: number) {
    this.name = name;
    this.size = size;
    this.#handle = handle;
  }

  /** @throws as the system does, and when it is a folder, a pipe or a device. */
  static async open(path: string, name: string): Promise<DataFile> {
    // Without waiting: to open a pipe is to wait for who writes into it.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) throw new Error('it is not a file');
      return new DataFile(name, handle, stats.size);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** For libraries that read by themselves. */
  get fd(): number {
    return this.#handle.fd;
  }

  /**
   * Exactly `length` bytes from `offset` on, in memory of their own.
   * @throws {JobError} DatasetInvalid when the file ends before.
   */
  async read(offset: number, length: number): Promise<Buffer<ArrayBuffer>> {
    const bytes = Buffer.from(new ArrayBuffer(length));
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.#handle.read(bytes, filled, length - filled, offset + filled);
      if (bytesRead === 0)
        throw this.invalid(`ended at byte ${offset + filled} while being read; fetch the file again`);
      filled += bytesRead;
    }
    return bytes;
  }

  /** At most `length` bytes from the beginning. */
  async head(length: number): Promise<Buffer> {
    return await this.read(0, Math.min(length, this.size));
  }

  /** Everything, a megabyte at a time. */
  async *pieces(): AsyncGenerator<Buffer<ArrayBuffer>, void, undefined> {
    for (let offset = 0; offset < this.size; offset += PIECE_BYTES) {
      yield await this.read(offset, Math.min(PIECE_BYTES, this.size - offset));
    }
  }

  /** SHA-256 of everything, in hexadecimal digits. */
  async sha256(onProgress?: (done: number) => void, signal?: AbortSignal): Promise<string> {
    const hash = createHash('sha256');
    let done = 0;
    for await (const piece of this.pieces()) {
      signal?.throwIfAborted();
      hash.update(piece);
      done += piece.length;
      onProgress?.(done);
    }
    return hash.digest('hex');
  }

  /** That the file is not what it should be: `what` follows its name. */
  invalid(what: string, cause?: unknown): JobError {
    return new JobError('DatasetInvalid', `${this.name}: ${what}`, { cause });
  }

  /** Runs what takes bytes of the file apart: whatever it throws means that they are not what they should be. */
  parse<T>(what: string, parse: () => T): T {
    try {
      return parse();
    } catch (error) {
      if (error instanceof JobError) throw error;
      throw this.invalid(`${what} cannot be read: damaged, or of a kind not known here`, error);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

const PIECE_BYTES = 1 << 20;
