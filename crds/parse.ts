import { LineCounter, parseAllDocuments } from 'yaml';
import { fieldErrors, type FieldError } from './field-error.ts';
import { API_VERSION, sweepSchema, type QdrantSweep } from './sweep/sweep.ts';

/** A resource file larger than this is refused unread: etcd would not take it either. */
export const MAX_RESOURCE_BYTES = 1_048_576;

export type Parsed = { sweep: QdrantSweep; errors?: undefined } | { sweep?: undefined; errors: FieldError[] };

const refuse = (field: string, message: string): Parsed => ({ errors: [{ field, message }] });

/**
 * Reads the one QdrantSweep of a YAML (or JSON) text and validates it as the API server will.
 * Never throws on bad input; all problems are returned, each with its field.
 */
export function parseSweep(text: string): Parsed {
  if (Buffer.byteLength(text) > MAX_RESOURCE_BYTES) {
    return refuse('', `the file is larger than ${MAX_RESOURCE_BYTES} bytes; a QdrantSweep is a few lines of YAML`);
  }
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  if (!Array.isArray(documents) || documents.length === 0)
    return refuse('', 'the file is empty; expected a QdrantSweep');
  for (const document of documents) {
    const [error] = document.errors;
    if (error) {
      const { line, col } = lines.linePos(error.pos[0]);
      return refuse('', `not valid YAML: line ${line}, column ${col}: ${error.message}`);
    }
  }
  let objects: unknown[];
  try {
    objects = documents
      .map((document) => document.toJS({ maxAliasCount: 100 }) as unknown)
      .filter((value) => value !== null);
  } catch (error) {
    return refuse('', `not valid YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
  const sweeps = objects.filter((value) => (value as { kind?: unknown } | undefined)?.kind === 'QdrantSweep');
  if (sweeps.length > 1)
    return refuse('', `the file holds ${sweeps.length} QdrantSweeps; put each into a file of its own`);
  const input = sweeps[0] ?? objects[0];
  if (input === undefined) return refuse('', 'the file is empty; expected a QdrantSweep');
  if (input === null || typeof input !== 'object' || Array.isArray(input)) {
    return refuse('', `expected a QdrantSweep object with apiVersion: ${API_VERSION}`);
  }
  const result = sweepSchema.safeParse(input);
  return result.success ? { sweep: result.data } : { errors: fieldErrors(sweepSchema, result.error, input) };
}
