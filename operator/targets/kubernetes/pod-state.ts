import type { KubeObject } from '../../runtime/kube.ts';
import { CONTAINER } from './stateful-set.ts';

/** Whether a pod serves, and if not, why, in words for people. */
export type PodState =
  | { ready: true }
  | {
      ready: false;
      /** Kubernetes' own: `Unschedulable`, `ImagePullBackOff`, … */
      reason: string;
      message: string;
      /** How long this may last before it is hopeless; undefined: until the deadline of the whole. */
      patienceMs?: number;
    };

interface ContainerState {
  waiting?: { reason?: string; message?: string };
  terminated?: { reason?: string; message?: string; exitCode?: number };
}
interface PodStatus {
  phase?: string;
  reason?: string;
  message?: string;
  conditions?: { type: string; status: string; reason?: string; message?: string }[];
  containerStatuses?: { name: string; state?: ContainerState; lastState?: ContainerState; restartCount?: number }[];
}

/** A moment: a registry may be asked again, a crash may have been one of its kind. */
const PATIENCE: Readonly<Record<string, number>> = {
  InvalidImageName: 0,
  ErrImageNeverPull: 0,
  ErrImagePull: 120_000,
  ImagePullBackOff: 120_000,
  CreateContainerConfigError: 60_000,
  CreateContainerError: 60_000,
  RunContainerError: 60_000,
  CrashLoopBackOff: 60_000,
};

export function podState(pod: KubeObject | undefined): PodState {
  if (!pod) return { ready: false, reason: 'NoPod', message: 'its pod has not been made yet' };
  const status = (pod['status'] ?? {}) as PodStatus;
  const condition = (type: string) => status.conditions?.find((item) => item.type === type);
  if (pod.metadata.deletionTimestamp) {
    return { ready: false, reason: 'Terminating', message: 'an earlier pod is still ending' };
  }
  if (condition('Ready')?.status === 'True') return { ready: true };
  if (status.phase === 'Failed') {
    return {
      ready: false,
      reason: status.reason ?? 'Failed',
      message: `its pod failed: ${status.message ?? 'no reason given'}`,
    };
  }
  const scheduled = condition('PodScheduled');
  if (scheduled?.status === 'False') {
    return {
      ready: false,
      reason: scheduled.reason ?? 'Unschedulable',
      message: `no node takes its pod: ${scheduled.message ?? 'no reason given'}`,
    };
  }
  const container = status.containerStatuses?.find(({ name }) => name === CONTAINER);
  const waiting = container?.state?.waiting;
  if (!container || (waiting && !waiting.reason) || waiting?.reason === 'ContainerCreating') {
    return { ready: false, reason: 'ContainerCreating', message: 'its container is being made' };
  }
  if (waiting?.reason) {
    const { reason } = waiting;
    const patienceMs = PATIENCE[reason];
    return {
      ready: false,
      reason,
      message: explained(reason, waiting.message, container.lastState?.terminated, container.restartCount),
      ...(patienceMs === undefined ? {} : { patienceMs }),
    };
  }
  const ended = container.state?.terminated;
  if (ended)
    return { ready: false, reason: ended.reason ?? 'Terminated', message: `its container ended: ${ending(ended)}` };
  return { ready: false, reason: 'NotReady', message: 'it runs, but /readyz does not answer yet' };
}

function explained(
  reason: string,
  message: string | undefined,
  last: ContainerState['terminated'],
  restarts = 0,
): string {
  if (reason === 'CrashLoopBackOff') {
    return `its container keeps ending, ${restarts} restarts so far${last ? `, last: ${ending(last)}` : ''}`;
  }
  if (reason === 'ErrImageNeverPull') return `the image is not on the node and may not be pulled: ${message ?? ''}`;
  const image = reason.includes('Image') ? 'its image cannot be pulled' : 'its container cannot be started';
  return `${image} (${reason}): ${message ?? 'no reason given'}`;
}

function ending({ reason, message, exitCode }: NonNullable<ContainerState['terminated']>): string {
  const hint = reason === 'OOMKilled' ? ', out of memory: raise spec.target.kubernetes.resources.memory' : '';
  const said = message ? `: ${message.slice(0, 300)}` : '';
  return `${reason ?? 'Error'} (exit code ${exitCode ?? 'unknown'})${hint}${said}`;
}
