import { readdir, readFile, rm } from 'node:fs/promises';
import { cgroupName } from './build-parts.ts';
import { removeCgroup } from './cgroups.ts';
import { membersOf, must, removeMountPoints } from './namespaces.ts';
import { unlinkNamespace } from './network.ts';
import type { ClusterPaths } from './paths.ts';
import { type ProcessId, stopProcess } from './process.ts';
import { type ClusterState, readState } from './state.ts';

/**
 * Ends all processes of a cluster and removes its network and cgroups; what it stores stays. Only processes are ended
 * that were recorded, run in the cluster's namespaces or are in its cgroup.
 */
export async function endEverything(
  paths: ClusterPaths,
  state: ClusterState,
  onProgress?: (line: string) => void,
): Promise<void> {
  const end = async (...names: string[]): Promise<void> => {
    await Promise.all(
      names.map(async (name) => {
        const id = state.parts[name];
        if (id !== undefined) await stopProcess(id, 5000);
      }),
    );
  };
  const { holder } = state;
  // While one of them runs the namespace's number is its own; each look finds those that were started since.
  let members: ProcessId[] = holder === undefined ? [] : [holder, ...Object.values(state.parts)];
  const look = (): void => {
    if (holder !== undefined) members = membersOf(holder.mountNamespace, members);
  };
  look();
  onProgress?.('ending the pods');
  // First what would start pods or volumes anew.
  await end('local-path-provisioner', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy', 'coredns');
  await removeCgroup(cgroupName(paths));
  look();
  onProgress?.('ending the control plane');
  await end('containerd', 'kube-apiserver');
  await end('etcd');
  // What containerd started to look after containers, and the holder.
  for (look(); members.length > 0; look()) await Promise.all(members.map((id) => stopProcess(id, 1000)));
  await unlinkNamespace(paths.id);
}

/**
 * Takes the cluster down: afterwards none of its processes, addresses, mounts, cgroups or files is left. Resolves with
 * false when there was none. The caller holds the state directory's lock.
 */
export async function takeDown(paths: ClusterPaths, onProgress?: (line: string) => void): Promise<boolean> {
  const state = await readState(paths.state);
  if (state === undefined) {
    // It may have been interrupted before it wrote down anything, and so before it started anything.
    const leftover = (await readdir(paths.stateDir).catch(() => undefined)) ?? [];
    if (leftover.length > 0) await refuseForeign(paths, leftover);
    return false;
  }
  await endEverything(paths, state, onProgress);
  onProgress?.('removing its files');
  await unmountBelow(paths.stateDir);
  await rm(paths.stateDir, { recursive: true, force: true });
  await removeMountPoints(state.madeDirs);
  return true;
}

/** Never removes a folder that no cluster made. */
async function refuseForeign(paths: ClusterPaths, entries: readonly string[]): Promise<never> {
  throw new Error(
    `${paths.stateDir} holds ${entries.slice(0, 3).join(', ')} but no state.json: it is no cluster's state directory, or ` +
      'the file was removed. Look into it and remove it yourself.',
  );
}

/** The cluster's mounts are in its own namespace; what somebody mounted below from outside must not be emptied. */
async function unmountBelow(folder: string): Promise<void> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  const below = lines.map((line) => line.split(' ')[4] ?? '').filter((point) => point.startsWith(`${folder}/`));
  for (const point of below.toReversed()) await must('umount', [point]);
}
