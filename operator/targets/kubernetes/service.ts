import { randomBytes } from 'node:crypto';
import type { KubeObject } from '../../runtime/kube.ts';
import { LABELS, ownerReference, sweepLabels } from '../../owned/sweep-ref.ts';
import { API_KEY, PORT, type QdrantPlan } from './stateful-set.ts';

const metadata = ({ sweep, name, outlives }: QdrantPlan, existing?: KubeObject) => ({
  name,
  namespace: sweep.namespace,
  ...(existing?.metadata.uid ? { uid: existing.metadata.uid } : {}),
  labels: sweepLabels(sweep, 'qdrant'),
  ...(outlives ? {} : { ownerReferences: [ownerReference(sweep)] }),
});

export function qdrantService(plan: QdrantPlan, existing?: KubeObject): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(plan, existing),
    spec: {
      selector: { [LABELS.component]: 'qdrant', [LABELS.sweepUid]: plan.sweep.uid },
      // We look at the pod ourselves. A server too busy to answer its probe must not lose its address in a measurement.
      publishNotReadyAddresses: true,
      ports: [{ name: 'http', port: PORT, targetPort: 'http', protocol: 'TCP' }],
    },
  };
}

/** A key of this sweep's own, so that pods of other tenants cannot use its Qdrant. Made once and never changed. */
export function apiKeySecret(plan: QdrantPlan): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metadata(plan),
    type: 'Opaque',
    immutable: true,
    data: { [API_KEY]: Buffer.from(randomBytes(24).toString('base64url')).toString('base64') },
  };
}

/** The key in a Secret made by {@link apiKeySecret}; undefined when somebody emptied it. */
export function apiKeyIn(secret: KubeObject): string | undefined {
  const encoded = (secret['data'] as Record<string, string> | undefined)?.[API_KEY];
  return encoded ? Buffer.from(encoded, 'base64').toString('utf8') : undefined;
}
