import { JobError } from '../job-error.ts';
import { parsePayload } from '../filter/payload-json.ts';

/** Longest line: far above what a vector search's payload sensibly is, far below what a request may hold. */
export const MAX_LINE_BYTES = 2 ** 20;

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/**
 * The lines of a file, given piece by piece, each a JSON object, as they are written, without the line's end. The last one may go without.
 * @throws {JobError} DatasetInvalid, naming file and row: no object, too long, not UTF-8.
 */
export async function* readJsonLines(
  chunks: AsyncIterable<Buffer>,
  name: string,
): AsyncGenerator<string, void, undefined> {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  let row = 0;
  const checked = (bytes: Buffer): string => {
    const invalid = (why: string, cause?: unknown) =>
      new JobError('DatasetInvalid', `${name}: row ${row}: ${why}; expected one JSON object a line`, { cause });
    if (bytes.length > MAX_LINE_BYTES) throw invalid(`is longer than ${MAX_LINE_BYTES} bytes`);
    try {
      const text = utf8.decode(bytes.at(-1) === RETURN ? bytes.subarray(0, -1) : bytes);
      parsePayload(text);
      row += 1;
      return text;
    } catch (error) {
      // The parser's own words quote what it read.
      throw invalid(error instanceof SyntaxError ? 'is no JSON object' : 'is not UTF-8', error);
    }
  };

  let pieces: Buffer[] = [];
  let held = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const tail = chunk.subarray(from, end);
      yield checked(pieces.length === 0 ? tail : Buffer.concat([...pieces, tail]));
      pieces = [];
      held = 0;
      from = end + 1;
    }
    if (from === chunk.length) continue;
    const rest = chunk.subarray(from);
    pieces.push(rest);
    held += rest.length;
    if (held > MAX_LINE_BYTES) checked(Buffer.concat(pieces));
  }
  if (held > 0) yield checked(Buffer.concat(pieces));
}
