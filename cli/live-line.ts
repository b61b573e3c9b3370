import { humanDuration } from '../crds/duration.ts';

/** Where progress is written: one moving line on a terminal, else a line now and then. */
export interface ProgressSink {
  write: (text: string) => void;
  isTerminal: boolean;
  columns: number;
  now: () => number;
}

/** Between two lines of progress where there is no terminal to overwrite, in ms. */
const QUIET_MS = 5_000;

/** Lines that stay, each with the time since the beginning, and below them one that moves. */
export class LiveLine {
  readonly #sink: ProgressSink;
  readonly #began: number;
  #lastLine: number;
  #moving = false;

  constructor(sink: ProgressSink) {
    this.#sink = sink;
    this.#began = sink.now();
    this.#lastLine = this.#began;
  }

  /** Ends the moving line, if there is one. */
  end(): void {
    if (this.#moving) this.#sink.write('\r\x1b[K');
    this.#moving = false;
  }

  /** A line that stays. */
  line(text: string): void {
    this.end();
    this.#sink.write(`${this.#elapsed()}  ${text}\n`);
    this.#lastLine = this.#sink.now();
  }

  move(text: string): void {
    if (this.#sink.isTerminal) {
      this.#sink.write(`\r\x1b[K${`${this.#elapsed()}  ${text}`.slice(0, Math.max(20, this.#sink.columns - 1))}`);
      this.#moving = true;
    } else if (this.#sink.now() - this.#lastLine >= QUIET_MS) {
      this.line(text);
    }
  }

  #elapsed(): string {
    return humanDuration((this.#sink.now() - this.#began) / 1000).padStart(10);
  }
}
