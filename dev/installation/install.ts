import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { load, status as clusterStatus, up } from '../cluster/cluster.ts';
import { ensureGoTools, goTools } from '../go/tools.ts';
import { buildImages } from '../images/images.ts';
import { ROOT } from '../house/run.ts';
import { ensureEngineBinary } from '../qdrant/engine-binary.ts';
import { runProcess } from '../qdrant/run-process.ts';
import { INSTALLED_IMAGES, installationValues, type ImageRefs } from './values.ts';

/** The operator on a cluster, and how to talk to it. */
export interface Installation {
  kubeconfig: string;
  /** The kubeconfig's context, when it is not its current one. */
  context?: string;
  /** Path of a kubectl of the cluster's version. */
  kubectl: string;
  namespace: string;
  release: string;
  /** Where the API server logs every request, on our own cluster. */
  auditLog?: string;
}

export interface InstallOptions {
  onProgress: (line: string) => void;
  signal?: AbortSignal;
  /** An existing cluster's context in the user's kubeconfig; default: our own cluster, made when there is none. */
  context?: string;
  /** More values of the chart, a file; only for existing clusters. */
  valuesFile?: string;
}

export const NAMESPACE = 'qdrant-bench';
export const RELEASE = 'qdrant-bench';
const ROLLOUT_SECONDS = 300;

/** A command that failed, with what it said. */
export class InstallError extends Error {
  override readonly name = 'InstallError';
}

/** Installs or upgrades the chart, and waits until the operator is ready. May be called again at any time. */
export async function install(options: InstallOptions): Promise<Installation> {
  const { onProgress, signal, context } = options;
  const ownCluster = context === undefined;
  if (ownCluster) {
    // Two compilers at once: each has stretches that leave a core idle.
    await Promise.all([ensureEngineBinary({ onProgress, signal }), ensureGoTools(goTools, { onProgress, signal })]);
    await up({ onProgress, signal });
  }
  const { helm, kubectl } = await ensureGoTools(['helm', 'kubectl'], { onProgress, signal });
  const cluster = ownCluster ? await clusterStatus() : undefined;
  const kubeconfig = cluster?.kubeconfig ?? userKubeconfig(process.env);
  const installation: Installation = {
    kubeconfig,
    kubectl,
    namespace: NAMESPACE,
    release: RELEASE,
    ...(context === undefined ? {} : { context }),
    ...(cluster ? { auditLog: cluster.auditLog } : {}),
  };
  const folder = await mkdtemp(join(tmpdir(), 'qdrant-bench-install-'));
  try {
    const values = join(folder, 'values.json');
    await writeFile(values, JSON.stringify(cluster ? installationValues(await images(cluster.stateDir, options)) : {}));
    onProgress(`installing the chart into namespace ${NAMESPACE}`);
    const extra = options.valuesFile === undefined ? [] : ['--values', options.valuesFile];
    const chart = join(ROOT, 'charts', 'qdrant-bench');
    const place = ['--namespace', NAMESPACE, '--create-namespace', '--kubeconfig', kubeconfig];
    const chosen = context === undefined ? [] : ['--kube-context', context];
    await must(
      helm,
      ['upgrade', '--install', RELEASE, chart, ...place, ...chosen, '--values', values, ...extra],
      signal,
    );
    onProgress('waiting for the operator, NATS and Postgres');
    for (const workload of ['statefulset', 'deployment']) {
      const names = (await runKubectl(installation, ['get', workload, '-n', NAMESPACE, '-o', 'name'], signal)).trim();
      for (const name of names.split('\n').filter(Boolean)) {
        await runKubectl(
          installation,
          ['rollout', 'status', name, '-n', NAMESPACE, `--timeout=${ROLLOUT_SECONDS}s`],
          signal,
        );
      }
    }
    return installation;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs kubectl against an installation's cluster. @throws {InstallError} with what it said. */
export function runKubectl(
  { kubectl, kubeconfig, context }: Installation,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const chosen = context === undefined ? [] : ['--context', context];
  return must(kubectl, ['--kubeconfig', kubeconfig, ...chosen, ...args], signal);
}

/** Makes our images and imports those the cluster does not have; a new cluster has an empty list. */
async function images(stateDir: string, { onProgress, signal }: InstallOptions): Promise<ImageRefs> {
  const built = await buildImages(INSTALLED_IMAGES, { onProgress, signal });
  const list = join(stateDir, 'imported-images.json');
  const imported = new Set<string>(
    await readFile(list, 'utf8').then(
      (text) => JSON.parse(text) as string[],
      () => [],
    ),
  );
  for (const name of INSTALLED_IMAGES) {
    const { tar } = built[name];
    if (imported.has(tar)) continue;
    onProgress(`importing image ${built[name].ref}`);
    await load(tar, { signal });
    imported.add(tar);
    await writeFile(list, JSON.stringify([...imported]));
  }
  return Object.fromEntries(INSTALLED_IMAGES.map((name) => [name, built[name].ref])) as ImageRefs;
}

/** Where kubectl looks: the first file of $KUBECONFIG, or ~/.kube/config. */
function userKubeconfig(env: NodeJS.ProcessEnv): string {
  return env['KUBECONFIG']?.split(':')[0] || join(env['HOME'] ?? '/root', '.kube', 'config');
}

async function must(program: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
  const result = await runProcess(program, [...args], { signal, timeoutMs: (ROLLOUT_SECONDS + 60) * 1000 });
  if (result.code === 0) return result.stdout;
  const shown = args.filter((arg) => !arg.startsWith(dirname(ROOT))).slice(0, 6);
  throw new InstallError(
    `${program.split('/').at(-1)} ${shown.join(' ')} … failed: ${(result.stderr || result.stdout).trim().slice(-2000)}`,
  );
}
