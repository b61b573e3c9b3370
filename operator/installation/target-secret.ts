import { KINDS } from '../runtime/kinds.ts';
import type { Kube } from '../runtime/kube.ts';
import { SweepStopped } from '../sweep/ports.ts';

/** A Secret has to say that it may be used, and with which host: who may create a sweep gets no Secret by naming it. */
const LABEL = 'qdrantbench.io/credential';
const HOST = 'qdrantbench.io/host';

/** The API key of an existing Qdrant. @throws {SweepStopped} InvalidSpec saying what to do. */
export async function targetSecret(
  kube: Pick<Kube, 'get'>,
  namespace: string,
  { name, key }: { name: string; key: string },
  url: string,
  signal: AbortSignal,
): Promise<string> {
  const field = 'spec.target.external.apiKeySecretRef';
  const refuse = (why: string): never => {
    throw new SweepStopped('InvalidSpec', `${field}: Secret ${namespace}/${name} ${why}`);
  };
  const secret = await kube.get({ ...KINDS.Secret, namespace, name }, signal);
  if (!secret) return refuse('does not exist');
  const { labels = {}, annotations = {} } = secret.metadata;
  const { host } = new URL(url);
  if (labels[LABEL] !== 'true') return refuse(`may not be used: label it ${LABEL}=true`);
  if (annotations[HOST] !== host) return refuse(`is not for this server: annotate it ${HOST}=${host}`);
  const data = (secret['data'] ?? {}) as Record<string, string>;
  const value = Object.hasOwn(data, key) ? data[key] : undefined;
  if (!value) return refuse(`has no key ${JSON.stringify(key)}`);
  return Buffer.from(value, 'base64').toString('utf8').trim();
}
