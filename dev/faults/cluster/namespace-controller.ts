import type { KubeClient } from '../../../operator/runtime/kube-client.ts';
import { isConflict, isNotFound, refOf, type KubeObject } from '../../../operator/runtime/kube.ts';
import type { Upstream } from '../upstream.ts';
import { KIND_OF, type Watched } from './watched.ts';

const PROTECTION = 'kubernetes.io/pvc-protection';

/** Empties namespaces that are being deleted, and lets go of them when nothing is left. */
export async function emptyNamespaces(kube: KubeClient, watched: Watched, upstream: Upstream): Promise<void> {
  for (const namespace of watched.list('Namespace')) {
    const { name, deletionTimestamp } = namespace.metadata;
    if (!deletionTimestamp) continue;
    const content = watched.all().filter(({ metadata }) => metadata.namespace === name);
    for (const object of content) {
      if (!object.metadata.deletionTimestamp) await kube.delete(refOf(KIND_OF(object), object));
    }
    if (content.length > 0) continue;
    const body = { ...namespace, spec: { finalizers: [] } };
    await upstream.send('PUT', `/api/v1/namespaces/${name}/finalize`, body);
  }
}

/** The API server's admission protects every claim; the controller of that protection lets go of those no pod uses. */
export async function releaseClaims(kube: KubeClient, watched: Watched): Promise<void> {
  for (const claim of watched.list('PersistentVolumeClaim')) {
    const { deletionTimestamp, finalizers = [], resourceVersion } = claim.metadata;
    if (!deletionTimestamp || !finalizers.includes(PROTECTION) || isUsed(claim, watched.list('Pod'))) continue;
    const rest = finalizers.filter((name) => name !== PROTECTION);
    await kube
      .mergePatch(refOf(KIND_OF(claim), claim), { metadata: { resourceVersion, finalizers: rest } })
      .catch((error: unknown) => {
        if (!isNotFound(error) && !isConflict(error)) throw error;
      });
  }
}

function isUsed(claim: KubeObject, pods: readonly KubeObject[]): boolean {
  return pods.some((pod) => {
    const { phase } = (pod['status'] ?? {}) as { phase?: string };
    const { volumes = [] } = pod['spec'] as { volumes?: { persistentVolumeClaim?: { claimName: string } }[] };
    return (
      pod.metadata.namespace === claim.metadata.namespace &&
      phase !== 'Succeeded' &&
      phase !== 'Failed' &&
      volumes.some(({ persistentVolumeClaim: used }) => used?.claimName === claim.metadata.name)
    );
  });
}
