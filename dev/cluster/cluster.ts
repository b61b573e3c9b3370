import { access } from 'node:fs/promises';
import { probeHttp } from './probe.ts';
import { nodeName } from './build-parts.ts';
import { apiUrl, authorityCert } from './credentials.ts';
import { takeDown } from './down.ts';
import { importImage } from './images.ts';
import { holds } from './namespaces.ts';
import { clusterPaths } from './paths.ts';
import { isAlive } from './process.ts';
import { exclusively, readState } from './state.ts';
import { logOf } from './supervise.ts';
import { alternatives, clusterSupport, ClusterUnsupported } from './support.ts';
import { bringUp, notReady, type UpOptions } from './up.ts';

export { clusterSupport, ClusterUnsupported, type Support } from './support.ts';
export { nodeName } from './build-parts.ts';
export { storageClass } from './parts/addons.ts';

export type ClusterOptions = UpOptions & {
  /** Absolute; default: this checkout's (`defaultStateDir`). */
  stateDir?: string;
};

export type ClusterStatus = {
  stateDir: string;
  /** `absent`: nothing was made. `running`: pods can run. `broken`: `up` would repair it. */
  state: 'absent' | 'running' | 'broken';
  /** What is wrong, when it is broken. */
  problem?: string;
  kubeconfig: string;
  auditLog: string;
  url?: string;
  node?: string;
  /** This machine's address as pods see it. */
  hostAddress?: string;
  /** `static`: a Guaranteed pod with whole CPUs gets cores of its own. */
  cpuPolicy?: 'static' | 'none';
  parts: { name: string; pid: number; alive: boolean; log: string }[];
};

/**
 * Brings a one-node Kubernetes up and resolves when pods can run. May be called again at any time: what is healthy is
 * left alone, what is dead or out of date is started again. The first time it builds Kubernetes, which takes minutes.
 * Throws `ClusterUnsupported` where a cluster cannot run.
 */
export async function up(options: ClusterOptions = {}): Promise<ClusterStatus> {
  const paths = clusterPaths(options.stateDir);
  // Before anything is made, the lock included.
  const support = await clusterSupport();
  if (!support.supported) throw new ClusterUnsupported(`${support.why} ${alternatives}`);
  const onWait = (pid: number): void => options.onProgress?.(`waiting for process ${pid}, which works on this cluster`);
  await exclusively(paths.stateDir, () => bringUp(paths, options), { onWait, signal: options.signal });
  return status(options);
}

/** Takes the cluster down and removes all it made but the caches; false when there was none. */
export async function down(options: ClusterOptions = {}): Promise<boolean> {
  const paths = clusterPaths(options.stateDir);
  return exclusively(paths.stateDir, () => takeDown(paths, options.onProgress), { signal: options.signal });
}

/** What there is of the cluster; changes nothing. */
export async function status(options: { stateDir?: string } = {}): Promise<ClusterStatus> {
  const paths = clusterPaths(options.stateDir);
  const { stateDir, kubeconfig, auditLog } = paths;
  const state = await readState(paths.state);
  if (state === undefined) return { stateDir, state: 'absent', kubeconfig, auditLog, parts: [] };
  const parts = Object.entries(state.parts).map(([name, id]) => ({
    name,
    pid: id.pid,
    alive: isAlive(id),
    log: logOf(paths, name),
  }));
  const dead = parts.filter(({ alive }) => !alive).map(({ name }) => name);
  let problem: string | undefined;
  if (state.holder === undefined || !holds(state.holder)) problem = 'its network namespace is gone';
  else if (dead.length > 0) problem = `${dead.join(', ')} ended`;
  else if ((await probeHttp(`${apiUrl(state.addresses)}/readyz`, { ca: await authorityCert(paths) })) !== 200) {
    problem = 'the API server is not ready';
  } else problem = await notReady(paths, state);
  return {
    stateDir,
    state: problem === undefined ? 'running' : 'broken',
    problem,
    kubeconfig,
    auditLog,
    url: apiUrl(state.addresses),
    node: nodeName,
    hostAddress: state.addresses.hostEnd,
    cpuPolicy: state.cpuPolicy,
    parts,
  };
}

/** The administrator's kubeconfig. Throws when there is no cluster. */
export async function kubeconfigPath(options: { stateDir?: string } = {}): Promise<string> {
  const { kubeconfig } = clusterPaths(options.stateDir);
  await access(kubeconfig).catch(() => {
    throw new Error('there is no cluster here: start one with `npm run cluster -- up`');
  });
  return kubeconfig;
}

/** Imports an image archive into the cluster and returns the names that pods can use. */
export async function load(tar: string, options: ClusterOptions = {}): Promise<string[]> {
  return importImage(clusterPaths(options.stateDir), tar, options.signal);
}
