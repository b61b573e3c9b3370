import { busKeysFromSecret, busKeysToSecret, generateBusKeys, type BusKeys } from '../bus/auth.ts';
import { KINDS } from '../runtime/kinds.ts';
import { alreadyExists, type Kube, type KubeObject } from '../runtime/kube.ts';

/**
 * The keys of this installation's NATS, from the Secret that holds them; the first operator to start makes them. The NATS
 * server's pod mounts the same Secret and waits until it is there.
 */
export async function ensureBusKeys(
  kube: Pick<Kube, 'get' | 'create'>,
  secret: { namespace: string; name: string },
  signal: AbortSignal,
): Promise<BusKeys> {
  const ref = { ...KINDS.Secret, ...secret };
  const found = await kube.get(ref, signal);
  if (found) return fromSecret(found);
  const keys = await generateBusKeys();
  try {
    await kube.create(
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { ...secret, labels: { 'app.kubernetes.io/managed-by': 'qdrant-bench' } },
        type: 'Opaque',
        stringData: busKeysToSecret(keys),
      },
      signal,
    );
    return keys;
  } catch (error) {
    if (!alreadyExists(error)) throw error;
  }
  // Another one was faster: its keys are the ones NATS has.
  const theirs = await kube.get(ref, signal);
  if (!theirs) throw new Error(`Secret ${secret.namespace}/${secret.name} was deleted meanwhile; restart the operator`);
  return fromSecret(theirs);
}

function fromSecret(secret: KubeObject): BusKeys {
  const data = (secret['data'] ?? {}) as Record<string, string>;
  return busKeysFromSecret(
    Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
    ),
  );
}
