import { hasEnded, sweepStatusSchema, type SweepStatus } from '../../crds/sweep/sweep-status.ts';
import type { KubeObject } from '../runtime/kube.ts';

/** Its status as last written, unless others wrote nonsense there. */
export const statusOf = (object: KubeObject): SweepStatus | undefined =>
  sweepStatusSchema.safeParse(object['status']).data;

/** Whether the status says that this very spec has been carried out. */
export function isOver(object: KubeObject, generation: number): boolean {
  const status = object['status'] as { phase?: unknown; observedGeneration?: number } | undefined;
  return status?.observedGeneration === generation && hasEnded(status.phase);
}
