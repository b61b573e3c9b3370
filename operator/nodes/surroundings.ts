import { KINDS } from '../runtime/kinds.ts';
import type { Kube, KubeObject } from '../runtime/kube.ts';
import { nodeOf, readNodeState, readPodUsage, type NodeState, type Reading } from './node-record.ts';
import { usageBetween, type PodUsage, type PodUsageDifference } from './pod-usage.ts';

/** What was around a measurement when it was looked at. */
export interface Sample {
  at: string;
  pods: { component: string; pod: string; node: string; usage: Reading<PodUsage>; state: Reading<NodeState> }[];
}

/** What goes into a run's record: whether the nodes were under pressure, and what its pods used and were denied. */
export interface Surroundings {
  from: string;
  to: string;
  /** `node: MemoryPressure`, seen at the beginning or the end. */
  pressure: string[];
  pods: {
    component: string;
    pod: string;
    node: string;
    used?: PodUsageDifference;
    /** Why it is not known what the pod used. */
    absent?: string;
  }[];
}

const COMPONENT = 'app.kubernetes.io/component';

/** Looks at the running pods that `labelSelector` names. Never throws but when aborted: a run is not lost for want of it. */
export async function sampleSurroundings(
  kube: Pick<Kube, 'get' | 'list' | 'raw'>,
  { namespace, labelSelector }: { namespace: string; labelSelector: string },
  signal: AbortSignal,
  now: () => Date = () => new Date(),
): Promise<Sample> {
  const found = await kube.list(KINDS.Pod, { namespace, labelSelector }, signal).catch((): KubeObject[] => {
    signal.throwIfAborted();
    return [];
  });
  const sample: Sample = { at: now().toISOString(), pods: [] };
  for (const object of found) {
    const { name: pod, labels = {} } = object.metadata;
    const node = nodeOf(object);
    const component = labels[COMPONENT];
    const { phase } = (object['status'] ?? {}) as { phase?: string };
    if (!node || !component || phase !== 'Running') continue;
    const usage = await readPodUsage(kube, { namespace, pod, container: component }, { signal, now });
    const state = await readNodeState(kube, { namespace, name: pod }, signal);
    sample.pods.push({ component, pod, node, usage, state });
  }
  return sample;
}

/** What happened between two looks. Pure. */
export function surroundings(before: Sample, after: Sample): Surroundings {
  const isGone = ({ pod }: { pod: string }): boolean => after.pods.every((item) => item.pod !== pod);
  const pressure = new Set<string>();
  for (const { state } of [...before.pods, ...after.pods]) {
    if ('value' in state) for (const type of state.value.pressure) pressure.add(`${state.value.node}: ${type}`);
  }
  return {
    from: before.at,
    to: after.at,
    pressure: [...pressure].toSorted(),
    pods: [...after.pods, ...before.pods.filter(isGone)].map((seen) => {
      const { component, pod, node, usage } = seen;
      // A load generator may be over before it is looked at again.
      if (isGone(seen)) return { component, pod, node, absent: 'it ended before the second look' };
      const first = before.pods.find((item) => item.pod === pod)?.usage;
      const used = first && 'value' in first && 'value' in usage ? usageBetween(first.value, usage.value) : undefined;
      if (used) return { component, pod, node, used };
      return { component, pod, node, absent: whyAbsent(first, usage) };
    }),
  };
}

function whyAbsent(first: Reading<PodUsage> | undefined, last: Reading<PodUsage>): string {
  if ('absent' in last) return last.absent;
  if (!first) return 'seen only once';
  return 'absent' in first ? first.absent : 'its container was restarted in between';
}
