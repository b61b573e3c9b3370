import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApiServer, type TestApiServer } from '../../dev/cluster/testing/api-server.ts';
import { jobObject, jobSecret } from '../jobs/kubernetes/job-objects.ts';
import { prepareJob, SETTINGS, SWEEP } from '../jobs/kubernetes/testing/jobs.ts';
import type { KubeClient } from '../runtime/kube-client.ts';
import { KINDS } from '../runtime/kinds.ts';
import { testKube } from '../runtime/testing/test-kube.ts';
import { datasetCredentials, readApiKey } from './credential-secret.ts';
import { checkSourceClaims } from './source-claims.ts';

// A real API server: Secrets as people write them, and Jobs as it takes and keeps them.

const NAMESPACE = 'default';
const never = new AbortController().signal;
const url = 'https://qdrant.example:6333';
const labels = { 'qdrantbench.io/credential': 'true' };
const annotations = { 'qdrantbench.io/host': 'qdrant.example:6333' };

let server: TestApiServer;
let kube: KubeClient;
beforeAll(async () => {
  server = await startApiServer();
  kube = testKube(server.kubeconfig);
}, 900_000);
afterAll(async () => {
  await kube?.close();
  await server?.stop();
});

const make = (name: string, metadata: object, stringData: Record<string, string>) =>
  kube.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: NAMESPACE, ...metadata }, stringData });
const read = (name: string, key = 'api-key') => readApiKey(kube, NAMESPACE, { url, reference: { name, key } }, never);

describe('a Secret on a real API server', () => {
  it('is read when it is labelled and bound to the host', async () => {
    await make('good', { labels, annotations }, { 'api-key': 'hunter2\n' });
    expect(await read('good')).toBe('hunter2');
  });

  it('is used again as soon as it is mended, and no more once its label is gone', async () => {
    const ref = { ...KINDS.Secret, namespace: NAMESPACE, name: 'mended' };
    await make('mended', {}, { 'api-key': 'hunter2' });
    await expect(read('mended')).rejects.toThrow('Secret default/mended may not be used: label it');
    await kube.mergePatch(ref, { metadata: { labels } });
    await expect(read('mended')).rejects.toThrow('is not for this server: annotate it qdrantbench.io/host=');
    await kube.mergePatch(ref, { metadata: { annotations } });
    expect(await read('mended')).toBe('hunter2');
    await kube.mergePatch(ref, { metadata: { labels: { 'qdrantbench.io/credential': null } } });
    await expect(read('mended')).rejects.toThrow('may not be used');
  });

  it.each([
    ['absent', 'api-key', 'Secret default/absent does not exist'],
    ['good', 'toString', 'has no key "toString"'],
  ])('%s with key %s is refused by name', async (name, key, why) => {
    await expect(read(name, key)).rejects.toMatchObject({
      reason: 'InvalidSpec',
      message: expect.stringContaining(why) as string,
    });
  });

  it('is named by a Job, and nothing of it is in the Job, its Secret, or what was logged of the requests', async () => {
    await make('headers', { labels, annotations }, { headers: 'Authorization: Bearer hunter3\n' });
    const headersSecretRef = { name: 'headers', key: 'headers' };
    const vectors = {
      base: { url: `${url}/base.fvecs`, headersSecretRef },
      queries: { url: `${url}/queries.fvecs` },
      distance: 'Cosine' as const,
    };
    const secrets = await datasetCredentials(kube, NAMESPACE, { vectors }, never);
    const sweep = { ...SWEEP, namespace: NAMESPACE };
    const job = prepareJob();
    const made = [
      await kube.create(jobSecret(sweep, job, 'creds', secrets)),
      await kube.create(jobObject(sweep, job, SETTINGS, secrets)),
    ];
    const text = JSON.stringify(made);
    expect(text).not.toContain('hunter3');
    expect(text).not.toContain(Buffer.from('hunter3').toString('base64').slice(0, 8));
    expect(text).toContain(
      `{"name":"QDRANT_BENCH_HEADERS_BASE","valueFrom":{"secretKeyRef":{"name":"headers","key":"headers"}}}`,
    );
  });
});

describe('a volume on a real API server', () => {
  it('is used when it is labelled, read-only, by a Job the API server takes', async () => {
    const name = 'shop.v2';
    const dataset = {
      vectors: {
        base: { persistentVolumeClaim: { claimName: name, path: '/base.npy' } },
        queries: { url: `${url}/queries.npy` },
        distance: 'Cosine' as const,
      },
    };
    const check = () => checkSourceClaims(kube, NAMESPACE, dataset, never);
    await expect(check()).rejects.toThrow(`PersistentVolumeClaim default/${name} does not exist`);
    await kube.create({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name, namespace: NAMESPACE },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    });
    await expect(check()).rejects.toThrow('may not be used: label it qdrantbench.io/dataset=true');
    const ref = { ...KINDS.PersistentVolumeClaim, namespace: NAMESPACE, name };
    await kube.mergePatch(ref, { metadata: { labels: { 'qdrantbench.io/dataset': 'true' } } });
    await check();
    const job = jobObject({ ...SWEEP, namespace: NAMESPACE }, prepareJob({ dataset }), SETTINGS, {});
    const text = JSON.stringify(await kube.create(job));
    expect(text).toContain(`{"name":"claim-0","persistentVolumeClaim":{"claimName":"${name}","readOnly":true}}`);
    expect(text).toContain(`{"name":"claim-0","readOnly":true,"mountPath":"/var/lib/qdrant-bench/claims/${name}"}`);
  });
});
