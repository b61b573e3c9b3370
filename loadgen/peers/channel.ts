/** A piece of a message on its way. */
export interface Piece {
  /** From 1, without gaps. */
  seq: number;
  last: boolean;
  text: string;
}

/** Characters of a piece: well below what any wire takes. */
const PIECE = 200_000;
/** Pieces sent before the first of them is acknowledged. */
const WINDOW = 16;
/** Characters of a whole message at most. */
const MAX_MESSAGE = 64 * 2 ** 20;

/**
 * Messages to and from one other, whole, in order and each once, over a wire that loses, delays and repeats: whatever is not
 * acknowledged is sent again (go-back-N), what has come already or comes too early is passed over. No clocks, no I/O.
 */
export class Channel {
  readonly #unacknowledged: Piece[] = [];
  #sent = 0;
  /** Last piece that came in order: what is acknowledged. */
  #received = 0;
  #partial: string[] = [];
  #length = 0;

  send(text: string): void {
    for (let from = 0; from === 0 || from < text.length; from += PIECE) {
      const last = from + PIECE >= text.length;
      this.#sent += 1;
      this.#unacknowledged.push({ seq: this.#sent, last, text: text.slice(from, from + PIECE) });
    }
  }

  /** What to send now, again and again until it is acknowledged. */
  outgoing(): readonly Piece[] {
    return this.#unacknowledged.slice(0, WINDOW);
  }

  get acknowledgement(): number {
    return this.#received;
  }

  get idle(): boolean {
    return this.#unacknowledged.length === 0;
  }

  /** The other has everything up to this piece. @returns whether that is news. */
  acknowledged(seq: number): boolean {
    const before = this.#unacknowledged.length;
    while ((this.#unacknowledged[0]?.seq ?? Infinity) <= seq) this.#unacknowledged.shift();
    return this.#unacknowledged.length < before;
  }

  /** A piece has come. @returns the message it completes. @throws {RangeError} when that is longer than any of ours. */
  receive({ seq, last, text }: Piece): string | undefined {
    if (seq !== this.#received + 1) return undefined;
    this.#received = seq;
    this.#partial.push(text);
    this.#length += text.length;
    if (this.#length > MAX_MESSAGE) throw new RangeError(`a message of more than ${MAX_MESSAGE} characters`);
    if (!last) return undefined;
    const whole = this.#partial.join('');
    this.#partial = [];
    this.#length = 0;
    return whole;
  }
}
