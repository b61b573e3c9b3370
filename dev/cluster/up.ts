import { mkdir, rm, writeFile } from 'node:fs/promises';
import { Resolver } from 'node:dns/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CoreV1Api, KubeConfig, StorageV1Api } from '@kubernetes/client-node';
import { ensureGoTools } from '../go/tools.ts';
import { buildImages } from '../images/images.ts';
import { buildParts, cgroupName, contextOf, nodeName, type Programs } from './build-parts.ts';
import { canPinCpus, hierarchies, makeCgroup } from './cgroups.ts';
import { authorityCert, ensureCredentials } from './credentials.ts';
import { type DebianParts, ensureDebianParts, etcdPackages, nodePackages } from './debian.ts';
import { endEverything } from './down.ts';
import { importImage } from './images.ts';
import { type Holder, holds, inside, makeMountPoints, must, startHolder } from './namespaces.ts';
import { chooseAddresses, linkNamespace } from './network.ts';
import { addonObjects, storageClass } from './parts/addons.ts';
import { clusterDomain } from './parts/node.ts';
import type { ClusterPaths } from './paths.ts';
import { runProcess } from '../qdrant/run-process.ts';
import { type ClusterState, readState, writeState } from './state.ts';
import { ensureStarted, logOf, type Supervision, untilHealthy } from './supervise.ts';
import { clusterTools } from './support.ts';

export type UpOptions = {
  /** A line for the user. */
  onProgress?: (line: string) => void;
  signal?: AbortSignal;
};

/** How long the node and the add-ons may take once every part is healthy. */
const readyMs = 120_000;

/**
 * Brings the cluster up, from whatever state it is in, and waits until pods can run: the node is ready, names resolve
 * and volumes can be had. The caller holds the state directory's lock.
 */
export async function bringUp(paths: ClusterPaths, options: UpOptions): Promise<void> {
  const { onProgress, signal } = options;
  const go = await ensureGoTools(clusterTools, options);
  const etcdParts = await ensureDebianParts(etcdPackages, options);
  const nodeParts = await ensureDebianParts(nodePackages, options);
  const images = await buildImages(['pause', 'tools'], options);

  await mkdir(paths.stateDir, { recursive: true, mode: 0o700 });
  const state = (await readState(paths.state)) ?? {
    version: 1,
    addresses: await chooseAddresses(paths.id),
    parts: {},
    madeDirs: [],
    cpuPolicy: canPinCpus(await hierarchies()) ? 'static' : 'none',
  };
  await writeState(paths.state, state);
  await ensureCredentials(paths, state.addresses, nodeName);
  await makeCgroup(cgroupName(paths));
  const holder = await ensureHolder(paths, state, onProgress);
  if (state.cpuPolicy === 'none') onProgress?.('pods get no cores of their own here: one CPU, or no cpuset cgroups');

  const programs: Programs = {
    go,
    debian: nodeParts,
    etcd: etcdParts,
    snapshotter: await findSnapshotter(paths, holder),
    sandboxImage: images.pause.ref,
    helperImage: images.tools.ref,
    authority: (await authorityCert(paths)) ?? '',
  };
  const env = await environment(nodeParts, etcdParts);
  const supervision: Supervision = { paths, state, holder, env, onProgress, signal };
  const stages = await buildParts(paths, state, programs);
  for (const [index, stage] of stages.entries()) {
    signal?.throwIfAborted();
    if (index === stages.length - 1) await applyAddons(paths, state, go.kubectl, signal);
    for (const part of stage) await ensureStarted(part, supervision);
    await untilHealthy(stage, supervision);
    if (index === 0) for (const { tar } of [images.pause, images.tools]) await importImage(paths, tar, signal);
  }
  await untilReady(paths, state, options);
}

/** The programs of both sets on the path; each set's libraries. */
async function environment(node: DebianParts, etcd: DebianParts): Promise<NodeJS.ProcessEnv> {
  // Nothing of the caller's: a proxy or a GODEBUG of theirs is not the cluster's.
  const base = { HOME: '/root', LANG: 'C.UTF-8' };
  const [one, other] = [await node.env(base), await etcd.env(base)];
  const libraries = [one['LD_LIBRARY_PATH'], other['LD_LIBRARY_PATH']].filter((paths) => paths !== undefined);
  return { ...one, ...(libraries.length === 0 ? {} : { LD_LIBRARY_PATH: libraries.join(':') }) };
}

/** The holder that still holds; else ends what is left of the old one's cluster and starts a new one. */
async function ensureHolder(
  paths: ClusterPaths,
  state: ClusterState,
  onProgress?: (line: string) => void,
): Promise<Holder> {
  if (state.holder !== undefined && holds(state.holder)) return state.holder;
  await endEverything(paths, state);
  await makeCgroup(cgroupName(paths));
  onProgress?.('making a network and mount namespace');
  const made = await makeMountPoints();
  state.madeDirs = [...new Set([...state.madeDirs, ...made])];
  await writeState(paths.state, state);
  const holder = await startHolder(paths.stateDir, logOf(paths, 'holder'));
  state.holder = holder;
  state.parts = {};
  await writeState(paths.state, state);
  try {
    await linkNamespace(holder, paths.id, state.addresses);
  } catch (error) {
    // A half-made network would be taken for a whole one next time.
    await endEverything(paths, state);
    throw error;
  }
  return holder;
}

/** Whether overlays work in the state directory; on another overlay they do not. */
async function findSnapshotter(paths: ClusterPaths, holder: Holder): Promise<Programs['snapshotter']> {
  const folder = join(paths.stateDir, 'overlay-test');
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) => join(folder, name));
  for (const name of ['lower', 'upper', 'work', 'merged']) await mkdir(join(folder, name), { recursive: true });
  const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  const mount = inside(holder, 'mount', ['-t', 'overlay', 'overlay', '-o', layers, merged ?? '']);
  const works = (await runProcess(...mount)).code === 0;
  if (works) await runProcess(...inside(holder, 'umount', [merged ?? '']));
  await rm(folder, { recursive: true, force: true });
  return works ? 'overlayfs' : 'native';
}

async function applyAddons(
  paths: ClusterPaths,
  state: ClusterState,
  kubectl: string,
  signal?: AbortSignal,
): Promise<void> {
  const file = join(paths.config, 'addons.json');
  await writeFile(file, addonObjects(contextOf(paths, state, {})));
  const common = ['--kubeconfig', paths.kubeconfig, '--cache-dir', join(paths.stateDir, 'kubectl')];
  const fieldManager = '--field-manager=qdrant-bench-cluster';
  await must(kubectl, [...common, 'apply', '--server-side', '--force-conflicts', fieldManager, '-f', file], signal);
}

async function untilReady(paths: ClusterPaths, state: ClusterState, options: UpOptions): Promise<void> {
  const { onProgress, signal } = options;
  onProgress?.('waiting for the node, DNS and the StorageClass');
  const until = Date.now() + readyMs;
  for (;;) {
    signal?.throwIfAborted();
    const missing = await notReady(paths, state);
    if (missing === undefined) return;
    if (Date.now() > until) throw new Error(`${missing} after ${readyMs / 1000} s: see the logs in ${paths.logs}`);
    await sleep(200);
  }
}

/** What pods still have to wait for; undefined when it is nothing. */
export async function notReady(paths: ClusterPaths, { addresses }: ClusterState): Promise<string | undefined> {
  const kube = new KubeConfig();
  try {
    kube.loadFromFile(paths.kubeconfig);
    const node = await kube.makeApiClient(CoreV1Api).readNode({ name: nodeName });
    const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
    if (ready?.status !== 'True') return `the node is not ready (${ready?.message ?? 'it says nothing'})`;
    await kube.makeApiClient(StorageV1Api).readStorageClass({ name: storageClass });
  } catch (error) {
    return `the API server does not answer as it should (${error instanceof Error ? error.message : String(error)})`;
  }
  const resolver = new Resolver({ timeout: 1000, tries: 1 });
  resolver.setServers([addresses.dns]);
  const found = await resolver.resolve4(`kubernetes.default.svc.${clusterDomain}`).catch(() => []);
  return found.length > 0 ? undefined : `DNS at ${addresses.dns} does not answer`;
}
