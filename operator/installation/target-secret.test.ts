import { describe, expect, it } from 'vitest';
import { MemoryKube } from '../jobs/kubernetes/testing/memory-kube.ts';
import { SweepStopped } from '../sweep/ports.ts';
import { targetSecret } from './target-secret.ts';

const URL_OF_QDRANT = 'https://qdrant.example:6333';
const USABLE = {
  labels: { 'qdrantbench.io/credential': 'true' },
  annotations: { 'qdrantbench.io/host': 'qdrant.example:6333' },
};
const base64 = (text: string): string => Buffer.from(text).toString('base64');

function read(metadata: object, data?: Record<string, string>, key = 'api-key'): Promise<string> {
  const kube = new MemoryKube();
  kube.put({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'key', namespace: 'team', ...metadata },
    ...(data ? { data } : {}),
  });
  return targetSecret(kube, 'team', { name: 'key', key }, URL_OF_QDRANT, new AbortController().signal);
}

describe('the API key of an existing Qdrant', () => {
  it('comes from a Secret that says it may be used for that server, without the newline editors leave', async () => {
    expect(await read(USABLE, { 'api-key': base64('hunter2\n') })).toBe('hunter2');
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
    [
      'is for another server',
      () =>
        read({ ...USABLE, annotations: { 'qdrantbench.io/host': 'qdrant.example' } }, { 'api-key': base64('hunter2') }),
      'is not for this server',
    ],
    ['is empty', () => read(USABLE), 'has no key "api-key"'],
    ['has other keys', () => read(USABLE, { key: base64('hunter2') }), 'has no key "api-key"'],
    ['has only what every object has', () => read(USABLE, {}, 'constructor'), 'has no key "constructor"'],
  ])('is not taken from a Secret that %s', async (_what, reading, why) => {
    const error: unknown = await reading().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SweepStopped);
    expect(error).toMatchObject({ reason: 'InvalidSpec' });
    const { message } = error as Error;
    expect(message).toContain('spec.target.external.apiKeySecretRef: Secret team/key ');
    expect(message).toContain(why);
    expect(message).not.toContain('hunter2');
  });
});
