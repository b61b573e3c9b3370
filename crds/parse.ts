import { LineCounter, parseAllDocuments } from 'yaml';
import { fieldErrors, type FieldError } from './field-error.ts';
import { API_VERSION, type Kind } from './common/resource.ts';
import { SWEEP, type QdrantSweep } from './sweep/sweep.ts';
import { withoutNulls } from './without-nulls.ts';

/** A resource file larger than this is refused unread: etcd would not take it either. */
export const MAX_RESOURCE_BYTES = 1_048_576;

/** A resource that passed its schema, or all that is wrong with it. */
export type ParsedResource = { object: unknown; errors?: undefined } | { object?: undefined; errors: FieldError[] };
export type Parsed = { sweep: QdrantSweep; errors?: undefined } | { sweep?: undefined; errors: FieldError[] };

/**
 * Reads the one QdrantSweep of a YAML (or JSON) text and validates it as the API server will. What is valid and cannot be
 * carried out yet is admission's matter. Never throws on bad input; all problems are returned, each with its field.
 */
export function parseSweep(text: string): Parsed {
  const { object, errors } = parseResource(SWEEP, text);
  return errors ? { errors } : { sweep: object as QdrantSweep };
}

/** The same for any kind. */
export function parseResource({ kind, schema }: Kind, text: string): ParsedResource {
  const { objects, refused } = readYaml(text, kind);
  if (refused) return { errors: [refused] };
  const same = objects.filter((value) => (value as { kind?: unknown } | undefined)?.kind === kind);
  if (same.length > 1)
    return {
      errors: [{ field: '', message: `the file holds ${same.length} ${kind}s; put each into a file of its own` }],
    };
  const input = same[0] ?? objects[0];
  if (input === undefined) return { errors: [{ field: '', message: `the file is empty; expected a ${kind}` }] };
  if (input === null || typeof input !== 'object' || Array.isArray(input)) {
    return { errors: [{ field: '', message: `expected a ${kind} object with apiVersion: ${API_VERSION}` }] };
  }
  const clean = withoutNulls(schema, input);
  const result = schema.safeParse(clean);
  return result.success ? { object: result.data } : { errors: fieldErrors(schema, result.error, clean) };
}

type Yaml = { objects: unknown[]; refused?: undefined } | { objects?: undefined; refused: FieldError };

/** All documents of a YAML text that hold something. */
function readYaml(text: string, kind: string): Yaml {
  const refuse = (message: string): Yaml => ({ refused: { field: '', message } });
  if (Buffer.byteLength(text) > MAX_RESOURCE_BYTES) {
    return refuse(`the file is larger than ${MAX_RESOURCE_BYTES} bytes; a ${kind} is a few lines of YAML`);
  }
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  if (!Array.isArray(documents) || documents.length === 0) return refuse(`the file is empty; expected a ${kind}`);
  for (const document of documents) {
    const [error] = document.errors;
    if (error) {
      const { line, col } = lines.linePos(error.pos[0]);
      return refuse(`not valid YAML: line ${line}, column ${col}: ${error.message}`);
    }
  }
  try {
    return {
      objects: documents
        .map((document) => document.toJS({ maxAliasCount: 100 }) as unknown)
        .filter((value) => value !== null),
    };
  } catch (error) {
    return refuse(`not valid YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}
