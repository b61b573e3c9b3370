import { DataFile } from '../datasets/formats/data-file.ts';
import { readJsonLines } from '../datasets/json-lines.ts';
import { errorText, JobError } from '../job-error.ts';
import { MAX_BODIES_BYTES, MAX_QUERIES, type QueryShape } from './query-bodies.ts';

/** Queries a user wrote out: whatever `POST /collections/{c}/points/query` takes. */
export interface GivenBodies {
  bodies: Buffer[];
  /** Lines the file has. */
  rows: number;
  /** Whether any of them asks for payloads. */
  withPayload: boolean;
}

/**
 * Bodies of queries from a file of JSON lines, each sent as it is written: dense, sparse, hybrid (prefetch and fusion),
 * multivector, recommend, filtered. What the command line says (limit, params, using) is added where a body doesn't say it.
 * @throws {JobError} DatasetInvalid, naming file and row: no object, a limit beyond the command line's, params in both.
 */
export async function readGivenBodies(path: string, shape: QueryShape): Promise<GivenBodies> {
  const name = `--bodies ${path}`;
  let file: DataFile;
  try {
    file = await DataFile.open(path, name);
  } catch (error) {
    throw new JobError('DatasetInvalid', `${name}: cannot be read (${errorText(error)})`, { cause: error });
  }
  try {
    const found: GivenBodies = { bodies: [], rows: 0, withPayload: false };
    let bytes = 0;
    for await (const line of readJsonLines(file.pieces(), name)) {
      if (found.bodies.length < MAX_QUERIES && bytes <= MAX_BODIES_BYTES) {
        const own = JSON.parse(line) as Record<string, unknown>;
        const body = Buffer.from(completed(line, own, shape, (what) => file.invalid(`row ${found.rows}: ${what}`)));
        bytes += body.length;
        found.bodies.push(body);
        // Absent, null and false are the ways to say no.
        found.withPayload ||= (own['with_payload'] ?? false) !== false;
      }
      found.rows += 1;
    }
    if (found.rows === 0) throw file.invalid('is empty; expected one query body a line');
    return found;
  } finally {
    await file.close();
  }
}

/** The text of a body with what it leaves out; its own text stays as it is, so that no number is rounded. */
function completed(
  text: string,
  own: Readonly<Record<string, unknown>>,
  { limit, params, using }: QueryShape,
  invalid: (what: string) => Error,
): string {
  // Qdrant refuses a field that stands twice, null or not.
  const has = (field: string): boolean => Object.hasOwn(own, field);
  const added: Record<string, unknown> = {};
  if (!has('limit')) added['limit'] = limit;
  else if (!Number.isInteger(own['limit']) || (own['limit'] as number) < 1 || (own['limit'] as number) > limit) {
    throw invalid(`its limit is ${JSON.stringify(own['limit'])}; expected 1 to ${limit}, raise --limit`);
  }
  if (Object.keys(params).length > 0) {
    if (has('params')) throw invalid('has params of its own; leave out --param');
    added['params'] = params;
  }
  if (using !== undefined) {
    if (has('using')) throw invalid('names a vector by using; leave out --using');
    added['using'] = using;
  }
  const fields = JSON.stringify(added).slice(1, -1);
  if (fields === '') return text;
  const body = text.slice(0, text.lastIndexOf('}'));
  return `${body}${Object.keys(own).length === 0 ? '' : ','}${fields}}`;
}
