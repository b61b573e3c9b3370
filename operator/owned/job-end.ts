import type { KubeObject } from '../runtime/kube.ts';

/** The condition that ended a Job. */
export interface JobEnd {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

/** How a batch/v1 Job ended, by its status; undefined while something of it may run. */
export function jobEnd(job: KubeObject | undefined): JobEnd | undefined {
  const { conditions = [] } = (job?.['status'] ?? {}) as { conditions?: JobEnd[] };
  return conditions.find(({ type, status }) => status === 'True' && (type === 'Complete' || type === 'Failed'));
}
