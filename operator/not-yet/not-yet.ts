import type { ExperimentStatus } from '../../crds/experiment/experiment-status.ts';
import type { PromotionStatus } from '../../crds/promotion/promotion-status.ts';
import type { KubeObject } from '../runtime/kube.ts';

/** What the statuses of all kinds that are not carried out have in common. */
export type NotYetStatus = Required<Pick<ExperimentStatus & PromotionStatus, 'observedGeneration' | 'conditions'>> & {
  phase: 'Failed';
};

/**
 * The status of a resource whose kind this version does not carry out: said at once, so that nobody waits for nothing.
 * Times are kept while what they are about does not change. Pure.
 */
export function notYet(object: KubeObject, now: Date): NotYetStatus {
  const { generation = 0 } = object.metadata;
  const before = (object['status'] as { conditions?: NotYetStatus['conditions'] } | undefined)?.conditions ?? [];
  const message = `this version does not carry out any ${object.kind}; nothing is begun and nothing spent. Delete it, or leave it for a version that does`;
  const condition = (type: 'Accepted' | 'Stalled', status: 'True' | 'False'): NotYetStatus['conditions'][number] => {
    const known = before.find((item) => item.type === type);
    return {
      type,
      status,
      reason: 'NotSupported',
      message,
      lastTransitionTime: known?.status === status ? known.lastTransitionTime : now.toISOString(),
      observedGeneration: generation,
    };
  };
  return {
    observedGeneration: generation,
    phase: 'Failed',
    conditions: [condition('Accepted', 'False'), condition('Stalled', 'True')],
  };
}
