import { readFile, stat } from 'node:fs/promises';
import {
  ApiextensionsV1Api,
  AuthorizationV1Api,
  CoreV1Api,
  KubeConfig,
  RbacAuthorizationV1Api,
  VersionApi,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubernetesVersion } from '../../go/programs.ts';
import { startApiServer, type TestApiServer } from './api-server.ts';

let server: TestApiServer;
const kube = new KubeConfig();
beforeAll(async () => {
  server = await startApiServer({ onProgress: (line) => process.stderr.write(`  ${line}\n`) });
  kube.loadFromFile(server.kubeconfig);
}, 900_000);
afterAll(() => server?.stop());

describe('the API server', () => {
  it('is the pinned Kubernetes', async () => {
    const { gitVersion } = await kube.makeApiClient(VersionApi).getCode();
    expect(gitVersion).toBe(`v${kubernetesVersion}`);
  });

  it('stores objects, validates them, and knows resources that are added', async () => {
    const core = kube.makeApiClient(CoreV1Api);
    await core.createNamespacedConfigMap({
      namespace: 'default',
      body: { metadata: { name: 'a' }, data: { key: 'value' } },
    });
    expect((await core.readNamespacedConfigMap({ namespace: 'default', name: 'a' })).data).toEqual({ key: 'value' });
    const bad = core.createNamespacedConfigMap({ namespace: 'default', body: { metadata: { name: 'Not_A_Name' } } });
    await expect(bad).rejects.toMatchObject({ code: 422 });
    const crds = await kube.makeApiClient(ApiextensionsV1Api).listCustomResourceDefinition();
    expect(crds.items).toEqual([]);
  });

  it('accepts a pod though nobody makes service accounts', async () => {
    const pod = await kube.makeApiClient(CoreV1Api).createNamespacedPod({
      namespace: 'default',
      body: { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'none' }] } },
    });
    expect(pod.metadata?.uid).toBeTruthy();
  });

  it('lets a user do what RBAC says and nothing more', async () => {
    const rbac = kube.makeApiClient(RbacAuthorizationV1Api);
    await rbac.createNamespacedRole({
      namespace: 'default',
      body: { metadata: { name: 'r' }, rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }] },
    });
    await rbac.createNamespacedRoleBinding({
      namespace: 'default',
      body: {
        metadata: { name: 'r' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
      },
    });
    const may = async (verb: string): Promise<boolean> => {
      const resourceAttributes = { namespace: 'default', resource: 'secrets', verb };
      const body = { spec: { user: 'jane', resourceAttributes } };
      const review = await kube.makeApiClient(AuthorizationV1Api).createSubjectAccessReview({ body });
      return review.status?.allowed === true;
    };
    await expect.poll(() => may('get')).toBe(true);
    expect(await may('list')).toBe(false);
  });

  it('writes down who did what, without the objects', async () => {
    const core = kube.makeApiClient(CoreV1Api);
    const stringData = { password: 'hunter2-hunter2' };
    await core.createNamespacedSecret({ namespace: 'default', body: { metadata: { name: 's' }, stringData } });
    const events = async (): Promise<string> => readFile(server.auditLog, 'utf8');
    await expect.poll(events).toMatch(/"verb":"create"[^\n]*"resource":"secrets"/);
    expect(await events()).not.toContain('hunter2');
  });
});

it('leaves nothing when it is stopped', async () => {
  const second = await startApiServer();
  expect(second.url).not.toBe(server.url);
  await second.stop();
  await expect(stat(second.dir)).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(fetch(second.url)).rejects.toThrow();
});
