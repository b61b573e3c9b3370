import { createHash } from 'node:crypto';
import type { KubeObject, OwnerReference } from '../../runtime/kube.ts';

/** The sweep that owns what is made. */
export interface SweepRef {
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
  uid: string;
}

export const MANAGED_BY = 'app.kubernetes.io/managed-by';
export const COMPONENT = 'app.kubernetes.io/component';
export const SWEEP = 'qdrantbench.io/sweep';
export const SWEEP_UID = 'qdrantbench.io/sweep-uid';
/** The value of {@link MANAGED_BY} on everything of ours. */
export const MANAGER = 'qdrant-bench';

/** A StatefulSet's name has to leave room for what its controller appends in labels. */
const LONGEST = 52;

/**
 * The name of something made for a sweep: a DNS label of at most 52 characters, the same for the same sweep, another for
 * a sweep made again under the same name.
 */
export function childName({ namespace, name, uid }: SweepRef, suffix: string): string {
  const hash = createHash('sha256').update(`${namespace}/${name}/${uid}`).digest('hex').slice(0, 8);
  const room = LONGEST - 'qsw-'.length - `-${hash}-${suffix}`.length;
  return `qsw-${name.slice(0, room).replace(/-+$/, '')}-${hash}-${suffix}`;
}

/** Labels of everything made for a sweep; `component` says what it is: `qdrant`, `loadgen`. */
export const sweepLabels = ({ name, uid }: SweepRef, component: string): Record<string, string> => ({
  [MANAGED_BY]: MANAGER,
  [COMPONENT]: component,
  [SWEEP]: name,
  [SWEEP_UID]: uid,
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

/** Whether an object was made for this very sweep: our labels, and owned by it. Nothing else may be changed or deleted. */
export function isMadeFor(sweep: SweepRef, { metadata }: KubeObject): boolean {
  return hasLabelsOf(sweep, metadata.labels) && (metadata.ownerReferences ?? []).some(({ uid }) => uid === sweep.uid);
}

/** As {@link isMadeFor}, for what others make from our templates, such as volume claims. */
export const hasLabelsOf = (sweep: SweepRef, labels: Record<string, string> = {}): boolean =>
  labels[MANAGED_BY] === MANAGER && labels[SWEEP_UID] === sweep.uid;
