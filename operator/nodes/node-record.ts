import { KINDS } from '../runtime/kinds.ts';
import { type Kube, KubeError, type KubeObject } from '../runtime/kube.ts';
import { type PodUsage, usageIn } from './pod-usage.ts';

/** Something read, or why it could not be. */
export type Reading<T> = { value: T } | { absent: string };

/** What of a node can spoil a measurement on it. */
export interface NodeState {
  node: string;
  /** Kubernetes' pressure conditions that are true: `MemoryPressure`, `DiskPressure`, `PIDPressure`. */
  pressure: string[];
  ready: boolean;
}

export interface ContainerRef {
  namespace: string;
  pod: string;
  container: string;
}

/** A big node's metrics are a few megabytes. */
const METRICS = { timeoutMs: 10_000, maxBytes: 32 * 2 ** 20 };

/** Which node a pod is on; undefined while it is on none. */
export const nodeOf = (pod: KubeObject): string | undefined =>
  (pod['spec'] as { nodeName?: string } | undefined)?.nodeName;

/** Without its runtime's scheme, `containerd://`. What else than letters and digits might be in it is no id of ours to seek. */
function containerIdOf(pod: KubeObject, container: string): string | undefined {
  const { containerStatuses = [] } = (pod['status'] ?? {}) as {
    containerStatuses?: { name: string; containerID?: string }[];
  };
  const id = containerStatuses.find(({ name }) => name === container)?.containerID;
  return /^[a-z0-9.+-]+:\/\/([0-9A-Za-z]{12,128})$/.exec(id ?? '')?.[1];
}

/** The state of the node a pod is on. Never throws: a run is not lost for want of its surroundings. */
export async function readNodeState(
  kube: Pick<Kube, 'get'>,
  pod: { namespace: string; name: string },
  signal?: AbortSignal,
): Promise<Reading<NodeState>> {
  return attempt<NodeState>(signal, async () => {
    const found = await kube.get({ ...KINDS.Pod, ...pod }, signal);
    const name = found && nodeOf(found);
    if (!name) return { absent: `pod ${pod.name} is on no node` };
    const node = await kube.get({ ...KINDS.Node, name }, signal);
    if (!node) return { absent: `node ${name} is gone` };
    return { value: nodeState(node) };
  });
}

export function nodeState(node: KubeObject): NodeState {
  const { conditions = [] } = (node['status'] ?? {}) as { conditions?: { type: string; status: string }[] };
  const isTrue = conditions.filter(({ status }) => status === 'True').map(({ type }) => type);
  return {
    node: node.metadata.name,
    pressure: isTrue.filter((type) => type.endsWith('Pressure')).toSorted(),
    ready: isTrue.includes('Ready'),
  };
}

/**
 * What a pod's container has used so far, from its kubelet by way of the API server, which needs `get` on `nodes/proxy`: an
 * installation may well refuse that, for it opens more of the kubelet than its metrics. Never throws.
 */
export async function readPodUsage(
  kube: Pick<Kube, 'get' | 'raw'>,
  { namespace, pod, container }: ContainerRef,
  { signal, now = () => new Date() }: { signal?: AbortSignal; now?: () => Date } = {},
): Promise<Reading<PodUsage>> {
  return attempt<PodUsage>(signal, async () => {
    const found = await kube.get({ ...KINDS.Pod, namespace, name: pod }, signal);
    const node = found && nodeOf(found);
    if (!node) return { absent: `pod ${pod} is on no node` };
    const id = containerIdOf(found, container);
    if (!id) return { absent: `container ${container} of pod ${pod} has not started` };
    const text = await kube.raw(`/api/v1/nodes/${encodeURIComponent(node)}/proxy/metrics/cadvisor`, METRICS, signal);
    const usage = usageIn(text, id, now());
    return usage ? { value: usage } : { absent: `the kubelet of ${node} has no figures of ${pod}/${container} yet` };
  });
}

async function attempt<T>(signal: AbortSignal | undefined, read: () => Promise<Reading<T>>): Promise<Reading<T>> {
  try {
    return await read();
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof KubeError && error.status === 403) {
      return { absent: `the operator may not read it: ${error.message}`.slice(0, 500) };
    }
    return { absent: (error instanceof Error ? error.message : String(error)).slice(0, 500) };
  }
}
