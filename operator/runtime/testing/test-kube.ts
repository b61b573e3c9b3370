import { KubeClient, loadKubeConfig } from '../kube-client.ts';
import type { KubeKind } from '../kube.ts';

/** A strict client of a test's API server, directly or by another address. */
export function testKube(kubeconfig: string, options: { url?: string; kinds?: KubeKind[]; timeoutMs?: number } = {}) {
  const config = loadKubeConfig(kubeconfig);
  const { url, ...rest } = options;
  if (url) config.clusters = config.clusters.map((cluster) => ({ ...cluster, server: url }));
  return new KubeClient({
    config,
    userAgent: 'qdrant-bench/test',
    fieldManager: 'qdrant-bench',
    fieldValidation: 'Strict',
    ...rest,
  });
}

/** Waits until `condition` gives something. */
export async function eventually<T>(
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  ms = 10_000,
) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${condition.toString().slice(0, 200)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
