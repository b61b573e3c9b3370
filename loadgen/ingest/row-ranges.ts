/** Rows `first` … `first` + `count` − 1. */
export interface RowRange {
  first: number;
  count: number;
}

/** Rows that are still to be sent, handed out in pieces, in order; what could not be sent comes back to the front. */
export class RowRanges {
  /** The next one last. */
  readonly #ranges: RowRange[];
  #left: number;

  constructor(ranges: readonly RowRange[]) {
    this.#ranges = ranges.filter(({ count }) => count > 0).reverse();
    this.#left = ranges.reduce((sum, { count }) => sum + count, 0);
  }

  /** Rows not handed out. */
  get left(): number {
    return this.#left;
  }

  /** At most `most` neighbouring rows, undefined when none are left. */
  take(most: number): RowRange | undefined {
    const range = this.#ranges.pop();
    if (range === undefined) return undefined;
    const { first } = range;
    const count = Math.min(range.count, most);
    if (count < range.count) this.#ranges.push({ first: first + count, count: range.count - count });
    this.#left -= count;
    return { first, count };
  }

  giveBack(range: RowRange): void {
    this.#ranges.push(range);
    this.#left += range.count;
  }
}

/** Which of the rows 0 … n − 1 have been seen, a bit a row. */
export class RowSet {
  readonly #bits: Uint8Array;
  readonly #rows: number;
  #size = 0;

  constructor(rows: number) {
    this.#rows = rows;
    this.#bits = new Uint8Array(Math.ceil(rows / 8));
  }

  get size(): number {
    return this.#size;
  }

  has(row: number): boolean {
    return (((this.#bits[row >> 3] as number) >> (row & 7)) & 1) === 1;
  }

  add(row: number): void {
    if (this.has(row)) return;
    this.#bits[row >> 3] = (this.#bits[row >> 3] as number) | (1 << (row & 7));
    this.#size += 1;
  }

  /** What is not in it, as few ranges as there are gaps. */
  missing(): RowRange[] {
    const ranges: RowRange[] = [];
    let first = -1;
    for (let row = 0; row <= this.#rows; row += 1) {
      const gap = row < this.#rows && !this.has(row);
      if (gap && first < 0) first = row;
      if (!gap && first >= 0) {
        ranges.push({ first, count: row - first });
        first = -1;
      }
    }
    return ranges;
  }
}
