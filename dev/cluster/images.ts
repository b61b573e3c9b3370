import { access } from 'node:fs/promises';
import { runProcess } from '../qdrant/run-process.ts';
import { ensureDebianParts, nodePackages } from './debian.ts';
import type { ClusterPaths } from './paths.ts';
import { probeSocket } from './probe.ts';

/**
 * Imports an image, an OCI or Docker archive, and returns the names it has. Pods use it by such a name with
 * `imagePullPolicy: IfNotPresent` or `Never`. Throws when the cluster does not run or the archive is none.
 */
export async function importImage(paths: ClusterPaths, tar: string, signal?: AbortSignal): Promise<string[]> {
  await access(tar).catch(() => {
    throw new Error(`image archive \`${tar}\` cannot be read: name a .tar file of an OCI image layout`);
  });
  if (!(await probeSocket(paths.socket))) {
    throw new Error('containerd of the cluster does not run: start the cluster with `npm run cluster -- up`');
  }
  const parts = await ensureDebianParts(nodePackages, { signal });
  const ctr = (await parts.program('ctr')) ?? 'ctr';
  const args = ['--address', paths.socket, '--namespace', 'k8s.io', 'images', 'import', tar];
  const result = await runProcess(ctr, args, { signal, timeoutMs: 600_000 });
  if (result.code !== 0) {
    throw new Error(`image archive \`${tar}\` cannot be imported: ${result.stderr.trim().slice(-1000)}`);
  }
  return [...result.stdout.matchAll(/^unpacking (\S+) /gm)].map((match) => match[1] ?? '');
}
