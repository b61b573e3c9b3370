import type { DatasetSpec } from '../../crds/sweep/sweep-spec.ts';
import { SECRET_PARSERS } from '../../loadgen/net/secret-parsers.ts';
import { boundHost } from '../../loadgen/net/url.ts';
import { sourceSecrets, type SecretField } from '../../loadgen/dataset-sources.ts';
import type { JobSecret, SecretKeyRef } from '../jobs/job-runner.ts';
import { KINDS } from '../runtime/kinds.ts';
import type { Kube } from '../runtime/kube.ts';
import { SweepStopped } from '../sweep/ports.ts';

/** A Secret has to say that it may be used, and with which host: who may create a sweep gets no Secret by naming it. */
const LABEL = 'qdrantbench.io/credential';
const HOST = 'qdrantbench.io/host';

/** A Secret that a sweep names, and what it is to be sent to. */
export interface Credential {
  /** `spec.target.external.apiKeySecretRef` */
  field: string;
  namespace: string;
  reference: SecretKeyRef;
  url: string;
}

type ReadSecret = Pick<Kube, 'get'>;

const refused = ({ field, namespace, reference }: Credential, why: string): SweepStopped =>
  // A Secret may be mended without the spec being touched.
  new SweepStopped('InvalidSpec', `${field}: Secret ${namespace}/${reference.name} ${why}`, { mendable: true });

/**
 * The text under a key of a Secret which says that it may be used, and for that very host.
 * @throws {SweepStopped} InvalidSpec naming the Secret and what to do, and nothing of what is in it.
 */
export async function readCredential(kube: ReadSecret, credential: Credential, signal: AbortSignal): Promise<string> {
  const { namespace, reference, url } = credential;
  const { name, key } = reference;
  const secret = await kube.get({ ...KINDS.Secret, namespace, name }, signal);
  if (!secret) throw refused(credential, 'does not exist');
  const { labels = {}, annotations = {} } = secret.metadata;
  if (labels[LABEL] !== 'true') throw refused(credential, `may not be used: label it ${LABEL}=true`);
  const host = boundHost(url);
  // https is its own port: what is bound to it is not sent in the clear to port 443.
  const bound = (annotations[HOST] ?? '').trim().toLowerCase().replace(/:443$/, '');
  if (bound !== host) throw refused(credential, `is not for this server: annotate it ${HOST}=${host}`);
  const data = (secret['data'] ?? {}) as Record<string, string>;
  const value = Object.hasOwn(data, key) ? data[key] : undefined;
  const text = value && Buffer.from(value, 'base64').toString('utf8').trim();
  if (!text) throw refused(credential, `has no key ${JSON.stringify(key)}`);
  return text;
}

/** The API key of an existing Qdrant, without the newline editors leave. @throws {SweepStopped} as readCredential. */
export async function readApiKey(
  kube: ReadSecret,
  namespace: string,
  { url, reference }: { url: string; reference: SecretKeyRef },
  signal: AbortSignal,
): Promise<string> {
  const credential = { field: 'spec.target.external.apiKeySecretRef', namespace, reference, url };
  const key = await readCredential(kube, credential, signal);
  if (!/^[\x21-\x7e]{1,8192}$/.test(key)) {
    throw refused(credential, `has no API key under ${JSON.stringify(reference.key)}: expected one line of ASCII`);
  }
  return key;
}

/** What has to be in a Secret of each kind. */
const NAMES: Readonly<Record<SecretField, string>> = {
  headersSecretRef: 'headers',
  s3SecretRef: 'access key',
  caSecretRef: 'certificates',
};

/**
 * What the job that fetches a dataset is given besides its document: the Secrets of its sources, checked and by reference.
 * @throws {SweepStopped} as readCredential, also when what is in one is not what it should be.
 */
export async function datasetCredentials(
  kube: ReadSecret,
  namespace: string,
  dataset: DatasetSpec,
  signal: AbortSignal,
): Promise<Record<string, JobSecret>> {
  const secrets: Record<string, JobSecret> = {};
  for (const { role, field, reference, url, variable } of sourceSecrets(dataset)) {
    const credential = { field: `spec.dataset.vectors.${role}.${field}`, namespace, reference, url };
    const text = await readCredential(kube, credential, signal);
    try {
      SECRET_PARSERS[field](text);
    } catch (error) {
      const why = `has no ${NAMES[field]} under ${JSON.stringify(reference.key)}: ${(error as RangeError).message}`;
      throw refused(credential, why);
    }
    secrets[variable] = { secretKeyRef: reference };
  }
  return secrets;
}
