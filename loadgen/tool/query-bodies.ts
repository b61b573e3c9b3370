import { vectorBytes, writeVector } from '../ingest/encode.ts';
import type { VectorRows } from './vector-files.ts';

export interface QueryShape {
  limit: number;
  params: Readonly<Record<string, unknown>>;
  /** The named vector to search. */
  using?: string;
}

/** Encoded queries together, in bytes; and their number. */
export const MAX_BODIES_BYTES = 512 * 2 ** 20;
export const MAX_QUERIES = 100_000;

/**
 * Complete request bodies of the file's queries, or of as many from its beginning as fit into half a gigabyte: encoding one
 * costs more than sending it, so it is done before.
 */
export async function readQueryBodies(file: VectorRows, shape: QueryShape): Promise<Buffer[]> {
  const { dimensions } = file;
  const { limit, params, using } = shape;
  const rest = { limit, params, with_payload: false, with_vector: false, ...(using === undefined ? {} : { using }) };
  const tail = `,${JSON.stringify(rest).slice(1)}`;
  const scratch = Buffer.allocUnsafe(vectorBytes(dimensions) + Buffer.byteLength(tail) + 16);
  const bodies: Buffer[] = [];
  let bytes = 0;
  for await (const values of file.blocks()) {
    for (let at = 0; at < values.length; at += dimensions) {
      if (bodies.length === MAX_QUERIES || bytes > MAX_BODIES_BYTES) return bodies;
      let end = scratch.write('{"query":', 0, 'latin1');
      end = writeVector(values, at, dimensions, scratch, end);
      end += scratch.write(tail, end);
      bodies.push(Buffer.from(scratch.subarray(0, end)));
      bytes += end;
    }
  }
  return bodies;
}
