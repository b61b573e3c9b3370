import { describe, expect, it } from 'vitest';
import type { DatasetSpec } from '../../crds/sweep/sweep-spec.ts';
import { createAuthority } from '../../dev/cluster/pki.ts';
import { MemoryKube } from '../jobs/kubernetes/testing/memory-kube.ts';
import { SweepStopped } from '../sweep/ports.ts';
import { datasetCredentials, readApiKey } from './credential-secret.ts';

const URL_OF_QDRANT = 'https://qdrant.example:6333';
const USABLE = {
  labels: { 'qdrantbench.io/credential': 'true' },
  annotations: { 'qdrantbench.io/host': 'qdrant.example:6333' },
};
const never = new AbortController().signal;
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const boundTo = (host: string) => ({ ...USABLE, annotations: { 'qdrantbench.io/host': host } });

function secret(metadata: object, data?: Record<string, string>): MemoryKube {
  const kube = new MemoryKube();
  kube.put({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'key', namespace: 'team', ...metadata },
    ...(data ? { data } : {}),
  });
  return kube;
}
const read = (metadata: object, data?: Record<string, string>, key = 'api-key', url = URL_OF_QDRANT): Promise<string> =>
  readApiKey(secret(metadata, data), 'team', { url, reference: { name: 'key', key } }, never);

async function refusal(reading: Promise<unknown>): Promise<string> {
  const error: unknown = await reading.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SweepStopped);
  expect(error).toMatchObject({ reason: 'InvalidSpec', mendable: true });
  const { message, cause } = error as Error;
  expect(message).not.toContain('hunter2');
  expect(cause).toBeUndefined();
  return message;
}

describe('the API key of an existing Qdrant', () => {
  it('comes from a Secret that says it may be used for that server, without the newline editors leave', async () => {
    expect(await read(USABLE, { 'api-key': base64('hunter2\n') })).toBe('hunter2');
  });

  it.each([
    ['https://qdrant.example', 'qdrant.example'],
    ['https://qdrant.example', 'qdrant.example:443'],
    ['https://qdrant.example', ' Qdrant.Example '],
    ['https://qdrant.example:443/', 'qdrant.example'],
    ['http://qdrant.example', 'qdrant.example:80'],
    ['http://qdrant.example:6333', 'qdrant.example:6333'],
    ['http://[2001:db8::1]:6333', '[2001:db8::1]:6333'],
  ])('for %s is bound to %s', async (url, host) => {
    expect(await read(boundTo(host), { 'api-key': base64('hunter2') }, 'api-key', url)).toBe('hunter2');
  });

  it.each([
    ['https://qdrant.example', 'other.example', 'qdrant.example'],
    ['https://qdrant.example:6333', 'qdrant.example', 'qdrant.example:6333'],
    ['https://qdrant.example', 'qdrant.example:6333', 'qdrant.example'],
    ['https://a.qdrant.example', 'qdrant.example', 'a.qdrant.example'],
    ['https://qdrant.example.evil', 'qdrant.example', 'qdrant.example.evil'],
    ['https://qdrant.example', '*', 'qdrant.example'],
    ['https://qdrant.example', '', 'qdrant.example'],
    // Bound to https, it does not go out in the clear.
    ['http://qdrant.example', 'qdrant.example', 'qdrant.example:80'],
    ['http://qdrant.example:443', 'qdrant.example', 'qdrant.example:443'],
    ['http://qdrant.example:443', 'qdrant.example:443', 'qdrant.example:443'],
  ])('does not go to %s when it is bound to %j', async (url, host, wanted) => {
    const message = await refusal(read(boundTo(host), { 'api-key': base64('hunter2') }, 'api-key', url));
    expect(message).toBe(
      `spec.target.external.apiKeySecretRef: Secret team/key is not for this server: annotate it qdrantbench.io/host=${wanted}`,
    );
  });

  it.each<[string, () => Promise<string>, string]>([
    ['is not there', () => read({ name: 'another' }), 'does not exist'],
    ['is of another namespace', () => read({ namespace: 'other' }), 'does not exist'],
    ['does not say it may be used', () => read({}), 'may not be used: label it qdrantbench.io/credential=true'],
    [
      'says it may not be used',
      () => read({ ...USABLE, labels: { 'qdrantbench.io/credential': 'false' } }),
      'may not be used',
    ],
    [
      'names no server',
      () => read({ labels: USABLE.labels }),
      'is not for this server: annotate it qdrantbench.io/host=qdrant.example:6333',
    ],
    ['is empty', () => read(USABLE), 'has no key "api-key"'],
    ['has nothing under the key', () => read(USABLE, { 'api-key': base64(' \n') }), 'has no key "api-key"'],
    ['has other keys', () => read(USABLE, { key: base64('hunter2') }), 'has no key "api-key"'],
    ['has only what every object has', () => read(USABLE, {}, 'constructor'), 'has no key "constructor"'],
    ['holds two lines', () => read(USABLE, { 'api-key': base64('hunter2\r\nx: y') }), 'expected one line of ASCII'],
    ['holds no text', () => read(USABLE, { 'api-key': base64('hunter2\u0000') }), 'expected one line of ASCII'],
  ])('is not taken from a Secret that %s', async (_what, reading, why) => {
    const message = await refusal(reading());
    expect(message).toContain('spec.target.external.apiKeySecretRef: Secret team/key ');
    expect(message).toContain(why);
  });
});

describe('the headers of a dataset', () => {
  const reference = { name: 'key', key: 'headers' };
  const dataset = (changes: object = {}): DatasetSpec => ({
    vectors: {
      base: { url: 'https://qdrant.example:6333/base.fvecs', headersSecretRef: reference },
      queries: { url: 'https://other.example/queries.fvecs' },
      distance: 'Cosine',
      ...changes,
    },
  });
  const headers = { headers: base64('Authorization: Bearer hunter2\n') };
  const given = (of: DatasetSpec, kube = secret(USABLE, headers)) => datasetCredentials(kube, 'team', of, never);

  it('go to the job by reference, each source’s to its own host', async () => {
    expect(await given({ synthetic: { points: 100, dimensions: 4 } })).toEqual({});
    expect(await given(dataset())).toEqual({ QDRANT_BENCH_HEADERS_BASE: { secretKeyRef: reference } });
    const groundTruth = { url: 'https://qdrant.example:6333/truth.ivecs', headersSecretRef: reference };
    expect(await given(dataset({ groundTruth }))).toEqual({
      QDRANT_BENCH_HEADERS_BASE: { secretKeyRef: reference },
      QDRANT_BENCH_HEADERS_GROUNDTRUTH: { secretKeyRef: reference },
    });
    expect(
      await refusal(given(dataset({ queries: { url: 'https://evil.example/q', headersSecretRef: reference } }))),
    ).toBe(
      'spec.dataset.vectors.queries.headersSecretRef: Secret team/key is not for this server: annotate it qdrantbench.io/host=evil.example',
    );
  });

  it('are not taken from any other Secret, nor what is no header', async () => {
    const field = 'spec.dataset.vectors.base.headersSecretRef: Secret team/key ';
    expect(await refusal(given(dataset(), secret({ labels: {} }, headers)))).toContain(`${field}may not be used`);
    expect(await refusal(given(dataset(), secret(USABLE, { headers: base64('hunter2') })))).toBe(
      `${field}has no headers under "headers": line 1 is no header: expected NAME: VALUE`,
    );
  });

  it.each([
    ['s3SecretRef', 'aws_access_key_id = a\naws_secret_access_key = hunter2', 'QDRANT_BENCH_S3_BASE', 'access key'],
    ['caSecretRef', createAuthority('a').cert, 'QDRANT_BENCH_CA_BASE', 'certificates'],
  ])('are joined by %s', async (field, text, variable, what) => {
    const of = dataset({ base: { url: 'https://qdrant.example:6333/base.fvecs', [field]: reference } });
    expect(await given(of, secret(USABLE, { headers: base64(text) }))).toEqual({
      [variable]: { secretKeyRef: reference },
    });
    expect(await refusal(given(of, secret(USABLE, { headers: base64('hunter2') })))).toContain(
      `spec.dataset.vectors.base.${field}: Secret team/key has no ${what} under "headers": `,
    );
  });
});
