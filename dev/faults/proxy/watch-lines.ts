import { StringDecoder } from 'node:string_decoder';

/** One event of a watch, as the API server writes it. */
export interface WatchLine {
  type: string;
  object: { kind?: string; metadata?: { name?: string; resourceVersion?: string }; [field: string]: unknown };
}

/** Takes a watch's body apart, line by line, and puts together what its events become. */
export class WatchLines {
  readonly #shape: (event: WatchLine) => WatchLine[];
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  constructor(shape: (event: WatchLine) => WatchLine[]) {
    this.#shape = shape;
  }

  /** The whole lines that a chunk completes, each changed. */
  feed(chunk: Buffer): string {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines
      .filter((line) => line.trim() !== '')
      .flatMap((line) => this.#shape(JSON.parse(line) as WatchLine))
      .map((event) => `${JSON.stringify(event)}\n`)
      .join('');
  }
}
