import type { ResolvedWorkload } from '../../crds/sweep/presets.ts';
import type { Workload } from '../../loadgen/protocol.ts';

/** A workload as jobs carry it. */
export function jobWorkload({ queries, withPayload, payloadIndexes, writes }: ResolvedWorkload): Workload {
  return {
    queries: queries.map((query) => ({ ...query })),
    withPayload,
    payloadIndexes: payloadIndexes.map((index) => ({ ...index })),
    ...(writes ? { writes } : {}),
  };
}
