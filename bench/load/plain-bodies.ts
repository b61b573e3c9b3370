import type { Dataset } from '../../loadgen/datasets/dataset.ts';
import { encodeQueries } from '../../loadgen/load/queries.ts';
import { compileWorkload, PLAIN_WORKLOAD, questionBodies } from '../../loadgen/load/workload.ts';

/** One request body a query, without filters and payload. */
export function plainBodies(dataset: Dataset, limit: number, params: Readonly<Record<string, unknown>>): Buffer[] {
  const vectors = encodeQueries(dataset);
  return questionBodies(compileWorkload(dataset, PLAIN_WORKLOAD, { seed: 1, vectors }), vectors, limit, params);
}
