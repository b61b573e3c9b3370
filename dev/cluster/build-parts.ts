import { join } from 'node:path';
import type { GoTool } from '../go/tools.ts';
import type { DebianParts } from './debian.ts';
import { coredns, localPathProvisioner } from './parts/addons.ts';
import { apiServer, controllerManager, etcd, scheduler } from './parts/control-plane.ts';
import { containerd, kubelet, kubeProxy } from './parts/node.ts';
import type { Part, PartContext } from './parts/part.ts';
import type { ClusterPaths } from './paths.ts';
import type { ClusterState } from './state.ts';

/** The node's name in Kubernetes. */
export const nodeName = 'qdrant-bench';

/** The name of everything's cgroup. */
export const cgroupName = (paths: ClusterPaths): string => `qdrant-bench-${paths.id}`;

export type Programs = {
  go: Readonly<Partial<Record<GoTool, string>>>;
  debian: DebianParts;
  etcd: DebianParts;
  snapshotter: 'overlayfs' | 'native';
  sandboxImage: string;
  helperImage: string;
  /** The certificate by which the API server's is checked. */
  authority: string;
};

/** What the parts are told. */
export function contextOf(paths: ClusterPaths, state: ClusterState, go: Programs['go']): PartContext {
  return {
    tool: (name) => go[name as GoTool] ?? name,
    config: (name) => join(paths.config, name),
    pki: (name) => join(paths.pki, name),
    stateDir: paths.stateDir,
    nodeName,
    ...state.addresses,
  };
}

/** All parts, in stages: each needs the stages before it. */
export async function buildParts(paths: ClusterPaths, state: ClusterState, programs: Programs): Promise<Part[][]> {
  const { go, debian, authority, snapshotter, sandboxImage, helperImage } = programs;
  const context = contextOf(paths, state, go);
  const program = async (name: string, from = debian): Promise<string> => (await from.program(name)) ?? name;
  const { socket } = paths;
  return [
    [
      etcd(context, await program('etcd', programs.etcd)),
      containerd(context, {
        command: await program('containerd'),
        runc: await program('runc'),
        plugins: await debian.plugins(),
        socket,
        snapshotter,
        sandboxImage,
      }),
    ],
    [apiServer(context, paths.auditLog, authority)],
    [
      controllerManager(context),
      scheduler(context),
      kubelet(context, { socket, cgroup: cgroupName(paths), cpuPolicy: state.cpuPolicy }),
      kubeProxy(context),
    ],
    [coredns(context), localPathProvisioner(context, helperImage, () => state.parts['local-path-provisioner'])],
  ];
}
