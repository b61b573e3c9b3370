import type { Dataset } from '../datasets/dataset.ts';
import { vectorBytes, writeVector } from '../ingest/encode.ts';

/** The text of every query vector, made once per dataset: encoding costs more than sending. */
export function encodeQueries(dataset: Dataset): Buffer[] {
  const { dimensions, queries } = dataset.meta;
  const scratch = Buffer.allocUnsafe(vectorBytes(dimensions));
  return Array.from({ length: queries }, (_, query) => {
    const end = writeVector(dataset.queries, query * dimensions, dimensions, scratch, 0);
    return Buffer.from(scratch.subarray(0, end));
  });
}
