import type { KubeObject, OwnerReference } from '../runtime/kube.ts';

/** The sweep that something in Kubernetes is made for. */
export interface SweepRef {
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
  uid: string;
}

export const LABELS = {
  managedBy: 'app.kubernetes.io/managed-by',
  component: 'app.kubernetes.io/component',
  sweep: 'qdrantbench.io/sweep',
  sweepUid: 'qdrantbench.io/sweep-uid',
  job: 'qdrantbench.io/job',
  run: 'qdrantbench.io/run',
  attempt: 'qdrantbench.io/attempt',
} as const;
/** The value of the managed-by label on everything of ours. */
export const MANAGER = 'qdrant-bench';

/** What a thing made for a sweep is. */
export type Component = 'qdrant' | 'loadgen' | 'dataset';

/** Labels of everything made for a sweep. */
export const sweepLabels = (
  { name, uid }: Pick<SweepRef, 'name' | 'uid'>,
  component?: Component,
): Record<string, string> => ({
  [LABELS.managedBy]: MANAGER,
  ...(component ? { [LABELS.component]: component } : {}),
  [LABELS.sweep]: name,
  [LABELS.sweepUid]: uid,
});

/** Has the garbage collector delete a child with its sweep. */
export const ownerReference = ({ apiVersion, kind, name, uid }: SweepRef): OwnerReference => ({
  apiVersion,
  kind,
  name,
  uid,
  controller: true,
  blockOwnerDeletion: true,
});

/**
 * Whether an object was made for this very sweep: our labels, and owned by it, or by nobody, as what outlives it. Nothing
 * else may be changed or deleted.
 */
export function isMadeFor(sweep: Pick<SweepRef, 'uid'>, { metadata }: KubeObject): boolean {
  const { labels, ownerReferences: owners = [] } = metadata;
  return hasLabelsOf(sweep, labels) && (owners.length === 0 || owners.some(({ uid }) => uid === sweep.uid));
}

/** As {@link isMadeFor}, for what others make from our templates, such as volume claims. */
export const hasLabelsOf = (sweep: Pick<SweepRef, 'uid'>, labels: Record<string, string> = {}): boolean =>
  labels[LABELS.managedBy] === MANAGER && labels[LABELS.sweepUid] === sweep.uid;
