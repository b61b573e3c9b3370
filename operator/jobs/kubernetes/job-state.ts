import { jobEnd, type JobEnd } from '../../owned/job-end.ts';
import type { KubeObject } from '../../runtime/kube.ts';

/** How far a Job is, as its objects tell. */
export type JobState =
  | {
      kind: 'Starting';
      why: string;
      /** What every pod goes through. */
      passing: boolean;
      /** No pod will ever run like this. */
      hopeless: boolean;
    }
  | { kind: 'Running'; node: string | undefined; pod: string }
  /** Nothing of it runs, or ever will again. */
  | { kind: 'Ended'; how: string };

interface ContainerStatus {
  state?: {
    waiting?: { reason?: string; message?: string };
    terminated?: { exitCode?: number; reason?: string; message?: string };
    running?: unknown;
  };
}

interface PodStatus {
  phase?: string;
  reason?: string;
  message?: string;
  conditions?: JobEnd[];
  containerStatuses?: ContainerStatus[];
}

/** Reasons a container waits for that do not pass by themselves. */
const HOPELESS = new Set([
  'InvalidImageName',
  'ErrImageNeverPull',
  'CreateContainerConfigError',
  'CreateContainerError',
]);

/** Reads a Job and its pods. Pure. `job` is undefined when it is gone. */
export function jobState(job: KubeObject | undefined, pods: readonly KubeObject[]): JobState {
  const alive = pods.filter((pod) => !isOver(pod));
  const ended = jobEnd(job);
  // A pod that is over ends its Job, also while the Job's controller has not said so yet: there is never a second one.
  if (alive.length === 0 && (!job || ended || pods.length > 0)) {
    const how = firstCause(pods.map(endOf).filter((text) => text !== ''));
    if (!job) return { kind: 'Ended', how: how ?? 'its Job is gone' };
    if (ended?.type !== 'Failed') return { kind: 'Ended', how: how ?? 'its pod is complete' };
    const why = `${ended.reason ?? 'Failed'}: ${ended.message ?? 'no message'}`;
    return { kind: 'Ended', how: how ? `${how} (${why})` : why };
  }
  // Several are as far as the last of them.
  const pod = alive.find((one) => ((one['status'] ?? {}) as PodStatus).phase !== 'Running') ?? alive[0];
  if (!pod) return { kind: 'Starting', why: 'it is not made yet', passing: true, hopeless: false };
  const status = (pod['status'] ?? {}) as PodStatus;
  if (status.phase === 'Running') {
    const { nodeName } = (pod['spec'] ?? {}) as { nodeName?: string };
    return { kind: 'Running', node: nodeName, pod: pod.metadata.name };
  }
  const waiting = status.containerStatuses?.map(({ state }) => state?.waiting).find((state) => state?.reason);
  if (waiting?.reason && waiting.reason !== 'ContainerCreating') {
    const why = said(waiting.reason, waiting.message);
    return { kind: 'Starting', why, passing: false, hopeless: HOPELESS.has(waiting.reason) };
  }
  const scheduled = status.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False') {
    const why = said(scheduled.reason ?? 'Unschedulable', scheduled.message);
    return { kind: 'Starting', why, passing: false, hopeless: false };
  }
  return { kind: 'Starting', why: waiting?.reason ?? status.phase ?? 'Pending', passing: true, hopeless: false };
}

const said = (reason: string, message: string | undefined): string => (message ? `${reason}: ${message}` : reason);

/** Of several that share a job, the one that died takes the others with it: those end as told. */
const TOLD_TO_END = /exit code 143$/;

function firstCause(ends: readonly string[]): string | undefined {
  return ends.find((text) => !TOLD_TO_END.test(text)) ?? ends[0];
}

function isOver(pod: KubeObject): boolean {
  const { phase } = (pod['status'] ?? {}) as PodStatus;
  return phase === 'Succeeded' || phase === 'Failed';
}

/** `OOMKilled, exit code 137` or `Evicted: The node was low on resource: memory.`; empty for a pod that did its work. */
function endOf(pod: KubeObject): string {
  const status = (pod['status'] ?? {}) as PodStatus;
  if (status.reason) return said(status.reason, status.message);
  const disrupted = status.conditions?.find(({ type, status: is }) => type === 'DisruptionTarget' && is === 'True');
  if (disrupted) return said(disrupted.reason ?? 'DisruptionTarget', disrupted.message);
  const terminated = status.containerStatuses?.map(({ state }) => state?.terminated).find((state) => state);
  if (!terminated || terminated.exitCode === 0) return '';
  return `${terminated.reason ?? 'Error'}, exit code ${terminated.exitCode ?? '?'}`;
}
