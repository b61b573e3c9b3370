import type { VectorRows } from './vector-files.ts';

/** What has been read is kept for a while, since a refused request is sent again. */
const KEPT_VALUES = 32 * 2 ** 20;

/**
 * Any run of rows of a file that can only be read in order. Runs are asked for nearly in order: what was read last is
 * kept, up to 128 MB; only for rows before that the file is read from its beginning again.
 */
export class BlockRows {
  readonly #file: VectorRows;
  #reader: AsyncGenerator<Float32Array, void, undefined> | undefined;
  /** Row after the last one read. */
  #read = 0;
  #kept: { first: number; rows: number; values: Float32Array }[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  constructor(file: VectorRows) {
    this.#file = file;
  }

  rows(first: number, count: number): Promise<Float32Array> {
    // One at a time: there is one position in the file.
    const turn = this.#turn.then(() => this.#rows(first, count));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #rows(first: number, count: number): Promise<Float32Array> {
    const { dimensions } = this.#file;
    const from = this.#kept[0]?.first ?? this.#read;
    if (first < from) await this.#restart();
    while (this.#read < first + count) await this.#more();
    const values = new Float32Array(count * dimensions);
    for (const block of this.#kept) {
      const begin = Math.max(first, block.first);
      const end = Math.min(first + count, block.first + block.rows);
      if (begin >= end) continue;
      const part = block.values.subarray((begin - block.first) * dimensions, (end - block.first) * dimensions);
      values.set(part, (begin - first) * dimensions);
    }
    this.#forget(first);
    return values;
  }

  async #more(): Promise<void> {
    this.#reader ??= this.#file.blocks();
    const next = await this.#reader.next();
    if (next.done) throw new Error(`row ${this.#read} is beyond the end of the file`);
    const rows = next.value.length / this.#file.dimensions;
    this.#kept.push({ first: this.#read, rows, values: next.value });
    this.#read += rows;
  }

  /** Lets go of the oldest blocks that no row from `first` on is in. */
  #forget(first: number): void {
    let held = this.#kept.reduce((sum, { values }) => sum + values.length, 0);
    for (let oldest = this.#kept[0]; oldest !== undefined && held > KEPT_VALUES; oldest = this.#kept[0]) {
      if (oldest.first + oldest.rows > first) return;
      held -= oldest.values.length;
      this.#kept.shift();
    }
  }

  async #restart(): Promise<void> {
    await this.close();
    this.#read = 0;
    this.#kept = [];
  }

  async close(): Promise<void> {
    await this.#reader?.return();
    this.#reader = undefined;
  }
}
