import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { crdText } from '../crds/generate/main.ts';
import { KINDS } from '../crds/kinds.ts';
import { ensureGoTools } from '../dev/go/tools.ts';
import { readConfig } from '../operator/config.ts';
import { busKeysToSecret, generateBusKeys } from '../operator/bus/auth.ts';
import { CHART, helm, render, type Container, type Rendered } from './testing/render.ts';
import { run } from './testing/run.ts';

const external = {
  nats: { enabled: false, url: 'nats://nats.example:4222', existingSecret: 'my-nats' },
  postgres: { enabled: false, existingSecret: { name: 'my-postgres', key: 'dsn' } },
};
const variants: [string, Record<string, unknown>][] = [
  ['the defaults', {}],
  ['services of your own', external],
  ['two namespaces', { watchNamespaces: ['team-a', 'team-b'] }],
  [
    'everything set',
    {
      fullnameOverride: 'bench',
      addresses: { allow: ['10.0.0.0/8', 'fd00::/8', 'minio.storage.svc'], deny: ['10.96.0.0/12'] },
      imagePullSecrets: [{ name: 'pull' }],
      replicas: 3,
      leaderElection: {
        leaseName: 'leader',
        leaseDurationSeconds: 30,
        renewDeadlineSeconds: 20,
        retryPeriodSeconds: 4,
      },
      kubeApi: { qps: 2.5, burst: 10 },
      reconcileTimeoutSeconds: 60,
      serviceAccount: { name: 'robot', annotations: { a: 'b' } },
      metrics: { service: { annotations: { a: 'b' } }, serviceMonitor: { enabled: true, labels: { a: 'b' } } },
      podAnnotations: { a: 'b' },
      podLabels: { c: 'd' },
      nodeSelector: { a: 'b' },
      tolerations: [{ operator: 'Exists' }],
      affinity: { nodeAffinity: {} },
      priorityClassName: 'high',
      nats: { storage: { storageClassName: 'fast' }, nodeSelector: { a: 'b' }, tolerations: [{ operator: 'Exists' }] },
      postgres: {
        storage: { storageClassName: 'fast' },
        nodeSelector: { a: 'b' },
        tolerations: [{ operator: 'Exists' }],
      },
    },
  ],
];

const CLUSTER_WIDE = new Set(['CustomResourceDefinition', 'ClusterRole', 'ClusterRoleBinding']);
const workloads = (objects: Rendered[]) =>
  objects.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet');
const containers = (objects: Rendered[]): Container[] =>
  workloads(objects).flatMap(({ spec }) => spec.template.spec.containers);
const rules = (objects: Rendered[]) =>
  objects.filter(({ kind }) => kind.endsWith('Role')).flatMap(({ rules }) => rules);
const names = (objects: Rendered[]) => objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);

function environment(objects: Rendered[]): Record<string, unknown> {
  const [operator] = containers(objects.filter(({ kind }) => kind === 'Deployment'));
  return Object.fromEntries((operator?.env ?? []).map(({ name, value, valueFrom }) => [name, value ?? valueFrom]));
}

describe.each(variants)('the chart with %s', (_, values) => {
  let objects: Rendered[];
  beforeAll(async () => {
    objects = await render(values);
  }, 900_000);

  it('passes helm lint', async () => {
    expect(await helm(['lint', '--strict', CHART], values)).toMatchObject({ code: 0 });
  });

  it('gives every object its place and our labels, and no two the same name', () => {
    for (const { kind, metadata } of objects) {
      expect(metadata.labels).toMatchObject({
        'app.kubernetes.io/instance': 'qb',
        'app.kubernetes.io/part-of': 'qdrant-bench',
      });
      expect(metadata.namespace === undefined).toBe(CLUSTER_WIDE.has(kind));
    }
    const all = objects.map(({ kind, metadata }) => `${kind}/${metadata.namespace}/${metadata.name}`);
    expect(new Set(all).size).toBe(all.length);
  });

  it('asks for no right it does not use', () => {
    expect(rules(objects).length).toBeGreaterThan(5);
    for (const rule of rules(objects)) {
      for (const word of [...rule.apiGroups, ...rule.resources, ...rule.verbs]) expect(word).not.toContain('*');
      if (rule.resources.includes('secrets')) {
        for (const verb of rule.verbs) expect(['get', 'create', 'patch', 'update', 'delete']).toContain(verb);
      }
      for (const resource of rule.resources) {
        expect(['nodes/proxy', 'pods/exec', 'pods/attach', 'pods/portforward', 'serviceaccounts/token']).not.toContain(
          resource,
        );
      }
      expect(rule.verbs).not.toContain('escalate');
      expect(rule.verbs).not.toContain('impersonate');
    }
  });

  it('lets no container be more than its process', () => {
    expect(containers(objects).length).toBeGreaterThan(0);
    for (const { securityContext, resources } of containers(objects)) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        runAsNonRoot: true,
        capabilities: { drop: ['ALL'] },
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(resources).toHaveProperty('limits.memory');
    }
    for (const { kind, spec } of workloads(objects)) {
      if (kind === 'StatefulSet') expect(spec.template.spec.automountServiceAccountToken).toBe(false);
    }
  });
});

describe('the chart', () => {
  it('has our version, and the generated CRDs', async () => {
    const { version } = JSON.parse(readFileSync(join(CHART, '../../package.json'), 'utf8')) as { version: string };
    expect(parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8'))).toMatchObject({ version, appVersion: version });
    const crds = (await render()).filter(({ kind }) => kind === 'CustomResourceDefinition');
    expect(crds).toHaveLength(KINDS.length);
    for (const kind of KINDS) {
      const generated = parse(await crdText(kind)) as Rendered;
      const crd = crds.find(({ metadata }) => metadata.name === generated.metadata.name);
      expect(crd).toEqual({
        ...generated,
        metadata: {
          name: generated.metadata.name,
          annotations: crd?.metadata.annotations,
          labels: crd?.metadata.labels,
        },
      });
      expect(crd?.metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
    }
    const unkept = (await render({ crds: { keep: false } })).find(({ kind }) => kind === 'CustomResourceDefinition');
    expect(unkept?.metadata.annotations).toBeUndefined();
    expect((await render({ crds: { enabled: false } })).map(({ kind }) => kind)).not.toContain(
      'CustomResourceDefinition',
    );
  });

  it('tells the operator where everything is', async () => {
    expect(environment(await render())).toEqual({
      QDRANT_BENCH_NAMESPACE: { fieldRef: { fieldPath: 'metadata.namespace' } },
      POD_NAME: { fieldRef: { fieldPath: 'metadata.name' } },
      QDRANT_BENCH_WATCH_NAMESPACES: '',
      QDRANT_BENCH_DATABASE_URL: { secretKeyRef: { name: 'qb-qdrant-bench-postgres', key: 'url' } },
      QDRANT_BENCH_NATS_URL: 'nats://qb-qdrant-bench-nats.bench.svc:4222',
      QDRANT_BENCH_NATS_SECRET: 'qb-qdrant-bench-nats-auth',
      QDRANT_BENCH_LOADGEN_IMAGE: 'ghcr.io/qdrant-bench/qdrant-bench:0.1.0',
      QDRANT_BENCH_LOADGEN_RESOURCES: '{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"1","memory":"1Gi"}}',
      QDRANT_BENCH_DATASET_STORAGE: '10Gi',
      QDRANT_BENCH_JOB_DEADLINE_SECONDS: '86400',
      QDRANT_BENCH_MAX_SWEEPS: '16',
      QDRANT_BENCH_MAX_SWEEPS_PER_NAMESPACE: '4',
      QDRANT_BENCH_ADDRESSES_ALLOW: '',
      QDRANT_BENCH_ADDRESSES_DENY: '',
      QDRANT_BENCH_QDRANT_IMAGE: 'qdrant/qdrant:v{version}',
      QDRANT_BENCH_QDRANT_VERSION: '1.19.0',
      QDRANT_BENCH_IMAGE_PULL_POLICY: 'IfNotPresent',
      QDRANT_BENCH_LEASE_NAME: 'qb-qdrant-bench',
      QDRANT_BENCH_LEASE_DURATION_SECONDS: '15',
      QDRANT_BENCH_LEASE_RENEW_SECONDS: '10',
      QDRANT_BENCH_LEASE_RETRY_SECONDS: '2',
      QDRANT_BENCH_KUBE_QPS: '50',
      QDRANT_BENCH_KUBE_BURST: '100',
      QDRANT_BENCH_RECONCILE_TIMEOUT_SECONDS: '600',
      QDRANT_BENCH_HTTP_PORT: '8080',
      QDRANT_BENCH_LOG_LEVEL: 'info',
      NODE_OPTIONS: '--max-semi-space-size=4 --max-old-space-size=256',
    });
  });

  it('has one operator, which the next one replaces; of several, one at least stays', async () => {
    const deployment = (objects: Rendered[]) => objects.find(({ kind }) => kind === 'Deployment') as Rendered;
    const one = await render();
    expect(deployment(one).spec).toMatchObject({
      replicas: 1,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    });
    expect(names(one)).not.toContain('PodDisruptionBudget/qb-qdrant-bench');
    const two = await render({ replicas: 2 });
    expect(deployment(two).spec).toMatchObject({
      replicas: 2,
      template: { spec: { topologySpreadConstraints: [{ topologyKey: 'kubernetes.io/hostname' }] } },
    });
    const budget = two.find(({ kind }) => kind === 'PodDisruptionBudget');
    const { selector } = deployment(two).spec as unknown as { selector: object };
    expect(budget?.spec).toMatchObject({ minAvailable: 1, selector });
  });

  it('lets its operator hold leases where it lives, and nowhere else', async () => {
    for (const values of [{}, { watchNamespaces: ['team-a'] }]) {
      const roles = (await render(values)).filter(({ kind }) => kind.endsWith('Role'));
      const holders = roles.filter(({ rules }) => rules.some(({ resources }) => resources.includes('leases')));
      expect(names(holders)).toEqual(['Role/qb-qdrant-bench-own']);
      expect(holders[0]?.rules.find(({ resources }) => resources.includes('leases'))?.verbs).toEqual([
        'get',
        'create',
        'patch',
      ]);
    }
  });

  it('sets what the operator reads, and nothing it would refuse', async () => {
    for (const [, values] of variants) {
      const { NODE_OPTIONS: _, ...env } = environment(await render(values));
      // What comes from elsewhere in the cluster, as it would come.
      const there = {
        QDRANT_BENCH_NAMESPACE: 'bench',
        POD_NAME: 'qb-0',
        QDRANT_BENCH_DATABASE_URL: 'postgres://u:p@h/d',
      };
      const config = readConfig({ ...(env as Record<string, string>), ...there });
      expect(Object.keys(config).toSorted()).toEqual(Object.keys(env).toSorted());
    }
  });

  it('takes every image from the values', async () => {
    const objects = await render({
      image: { repository: 'local/bench', tag: '1' },
      qdrant: { image: 'local/qdrant:2' },
      nats: { image: 'local/nats:3' },
      postgres: { image: 'local/postgres:4' },
      imagePullPolicy: 'Never',
    });
    expect(
      containers(objects)
        .map(({ image }) => image)
        .toSorted(),
    ).toEqual(['local/bench:1', 'local/nats:3', 'local/postgres:4']);
    expect(containers(objects).map(({ imagePullPolicy }) => imagePullPolicy)).toEqual(['Never', 'Never', 'Never']);
    expect(environment(objects)).toMatchObject({
      QDRANT_BENCH_LOADGEN_IMAGE: 'local/bench:1',
      QDRANT_BENCH_QDRANT_IMAGE: 'local/qdrant:2',
      QDRANT_BENCH_IMAGE_PULL_POLICY: 'Never',
    });
    expect(JSON.stringify(workloads(objects))).not.toMatch(/ghcr\.io|qdrant\/qdrant|nats:2|postgres:18/);
  });

  it('uses services of your own and starts none', async () => {
    const objects = await render(external);
    expect(names(objects).filter((name) => /^(StatefulSet|Secret|ConfigMap|Service)\//.test(name))).toEqual([
      'Service/qb-qdrant-bench-metrics',
    ]);
    expect(environment(objects)).toMatchObject({
      QDRANT_BENCH_DATABASE_URL: { secretKeyRef: { name: 'my-postgres', key: 'dsn' } },
      QDRANT_BENCH_NATS_URL: 'nats://nats.example:4222',
      QDRANT_BENCH_NATS_SECRET: 'my-nats',
    });
    const own = objects.find(({ metadata }) => metadata.name === 'qb-qdrant-bench-own');
    expect(own?.rules.filter(({ resources }) => resources.includes('secrets'))).toEqual([
      { apiGroups: [''], resources: ['secrets'], resourceNames: ['my-nats'], verbs: ['get'] },
    ]);
  });

  it('has rights in the watched namespaces only', async () => {
    const objects = await render({ watchNamespaces: ['team-a', 'team-b'], nodeMetrics: { enabled: false } });
    const roles = objects.filter(({ kind, metadata }) => kind === 'Role' && metadata.name === 'qb-qdrant-bench');
    expect(roles.map(({ metadata }) => metadata.namespace)).toEqual(['team-a', 'team-b']);
    expect(
      names(objects)
        .filter((name) => name.startsWith('ClusterRole'))
        .toSorted(),
    ).toEqual([
      'ClusterRole/qb-qdrant-bench-editor',
      'ClusterRole/qb-qdrant-bench-promoter',
      'ClusterRole/qb-qdrant-bench-viewer',
    ]);
    expect(environment(objects)['QDRANT_BENCH_WATCH_NAMESPACES']).toBe('team-a,team-b');
    const cluster = (await render()).find(
      ({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === 'qb-qdrant-bench',
    );
    expect(cluster?.rules).toEqual(roles[0]?.rules);
  });

  it('may reach into kubelets only where that was asked for', async () => {
    const proxies = async (nodeMetrics: Record<string, boolean>) =>
      rules(await render({ nodeMetrics })).filter(({ resources }) => resources.includes('nodes/proxy'));
    expect(await proxies({})).toEqual([]);
    expect(await proxies({ throttling: true })).toEqual([
      { apiGroups: [''], resources: ['nodes/proxy'], verbs: ['get'] },
    ]);
    expect(await proxies({ throttling: true, enabled: false })).toEqual([]);
  });

  it('gives Postgres the password of the values, in its URL too', async () => {
    const secret = (await render({ postgres: { password: 'a-good.password' } })).find(({ kind }) => kind === 'Secret');
    const text = (key: string) => Buffer.from(secret?.data[key] ?? '', 'base64').toString();
    expect(text('password')).toBe('a-good.password');
    expect(text('url')).toBe(
      'postgres://qdrant_bench:a-good.password@qb-qdrant-bench-postgres.bench.svc:5432/qdrant_bench',
    );
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['a typo', { watchNamespace: ['a'] }, /watchNamespace/],
    ['a typo further in', { postgres: { exsitingSecret: {} } }, /exsitingSecret/],
    ['an unknown choice', { imagePullPolicy: 'always' }, /imagePullPolicy/],
    ['a text for a list', { watchNamespaces: 'a,b' }, /watchNamespaces/],
    ['a name that is no namespace', { watchNamespaces: ['A'] }, /watchNamespaces/],
    ['a password that would break the URL', { postgres: { password: 'p@ss:word/1234' } }, /password/],
    ['a URL for an address', { addresses: { allow: ['https://data.example'] } }, /addresses.allow/],
    ['a name that nobody is to reach', { addresses: { deny: ['data.example'] } }, /addresses.deny/],
    ['root', { nats: { podSecurityContext: { runAsUser: 0 } } }, /runAsUser/],
    ['no URL for your own NATS', { nats: { enabled: false, existingSecret: 'x' } }, /set nats\.url to your server/],
    ['no Secret for your own NATS', { nats: { enabled: false, url: 'nats://a:1' } }, /set nats\.existingSecret/],
    ['credentials in the NATS URL', { nats: { enabled: false, url: 'nats://u:p@a:1' } }, /nats.url|url/],
    ['a leader that outlives its lease', { leaderElection: { renewDeadlineSeconds: 15 } }, /two operators could lead/],
    ['a leader that has one try', { leaderElection: { retryPeriodSeconds: 6 } }, /one lost request would end a leader/],
    ['half an operator', { replicas: 0.5 }, /replicas/],
    ['no Secret for your own Postgres', { postgres: { enabled: false } }, /set postgres\.existingSecret\.name/],
  ])('refuses %s and says where', async (_, values, message) => {
    const { code, stderr } = await helm(['template', 'qb', CHART], values);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(message);
  });
});

describe('NATS', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'chart-nats-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('takes its configuration with the keys of the operator', async () => {
    const config = (await render()).find(({ kind }) => kind === 'ConfigMap')?.data['nats.conf'] ?? '';
    writeFileSync(join(folder, 'nats.conf'), config);
    const tools = await ensureGoTools(['nats-server']);
    const check = () => run(tools['nats-server'], ['-t', '--config', join(folder, 'nats.conf')]);
    expect((await check()).code).not.toBe(0);
    writeFileSync(join(folder, 'auth.conf'), busKeysToSecret(await generateBusKeys())['auth.conf'] ?? '');
    expect(await check()).toMatchObject({ code: 0 });
  }, 900_000);
});
