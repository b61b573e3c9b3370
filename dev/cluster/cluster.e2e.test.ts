import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatchV1Api, CoreV1Api, KubeConfig, type V1PodSpec } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProcess } from '../qdrant/run-process.ts';
import { cgroupName } from './build-parts.ts';
import { type ClusterStatus, clusterSupport, down, load, status, storageClass, up } from './cluster.ts';
import { linkName } from './network.ts';
import { clusterPaths } from './paths.ts';
import { readState } from './state.ts';
import { processesIn } from './namespaces.ts';
import { isAlive } from './process.ts';

const tools = 'qdrant-bench.local/tools:1';
const support = await clusterSupport();
const onProgress = (line: string): void => void process.stderr.write(`  ${line}\n`);
const long = 120_000;

describe.skipIf(!support.supported)('a cluster', { timeout: long }, () => {
  let before: ClusterStatus;
  let cluster: ClusterStatus;
  const kube = new KubeConfig();
  const namespace = `e2e-${process.pid}`;
  let core: CoreV1Api;
  let batch: BatchV1Api;

  beforeAll(async () => {
    before = await status();
    cluster = await up({ onProgress });
    kube.loadFromFile(cluster.kubeconfig);
    core = kube.makeApiClient(CoreV1Api);
    batch = kube.makeApiClient(BatchV1Api);
    await core.createNamespace({ body: { metadata: { name: namespace } } });
  }, 1_800_000);

  afterAll(async () => {
    await core?.deleteNamespace({ name: namespace });
    // Whoever had a cluster up keeps it.
    if (before?.state === 'absent') await down({ onProgress });
  }, long);

  /** Runs a shell script in a Job of one pod, waits until it is complete, and returns what it wrote. */
  async function runJob(name: string, script: string, more: Partial<V1PodSpec> = {}, container = {}): Promise<string> {
    const command = ['sh', '-c', script];
    await batch.createNamespacedJob({
      namespace,
      body: {
        metadata: { name },
        spec: {
          backoffLimit: 0,
          template: {
            spec: {
              restartPolicy: 'Never',
              terminationGracePeriodSeconds: 0,
              containers: [{ name: 'c', image: tools, imagePullPolicy: 'Never', command, ...container }],
              ...more,
            },
          },
        },
      },
    });
    const labelSelector = `job-name=${name}`;
    const finished = async (): Promise<string | undefined> => {
      const job = await batch.readNamespacedJob({ namespace, name });
      return job.status?.conditions?.find(({ type }) => type === 'Complete' || type === 'Failed')?.type;
    };
    await expect.poll(finished, { timeout: 60_000, interval: 200 }).toBeDefined();
    const pod = (await core.listNamespacedPod({ namespace, labelSelector })).items[0];
    const log = await core.readNamespacedPodLog({ namespace, name: pod?.metadata?.name ?? '' });
    expect({ job: await finished(), log }).toMatchObject({ job: 'Complete' });
    return log;
  }

  /** Cores that no pod has asked for. */
  async function freeCores(): Promise<number> {
    const cores = (amount = '0'): number =>
      amount.endsWith('m') ? Number(amount.slice(0, -1)) / 1000 : Number(amount);
    const node = await core.readNode({ name: cluster.node ?? '' });
    const pods = (await core.listPodForAllNamespaces()).items.filter(
      ({ status }) => status?.phase === 'Pending' || status?.phase === 'Running',
    );
    const containers = pods.flatMap(({ spec }) => spec?.containers ?? []);
    const taken = containers.map(({ resources }) => cores(resources?.requests?.['cpu']));
    return taken.reduce((left, one) => left - one, cores(node.status?.allocatable?.['cpu']));
  }

  it('has a node that is ready, and is left alone when it is asked for again', async () => {
    const node = await core.readNode({ name: cluster.node ?? '' });
    expect(node.status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
    const again = await up();
    expect(again.state).toBe('running');
    expect(again.parts).toEqual(cluster.parts);
  });

  it('runs a Job whose pod finds names and no other names, and reaches the API server', async () => {
    const script = `cat /var/run/secrets/kubernetes.io/serviceaccount/namespace; echo
      for name in kubernetes kube-dns.kube-system kubernetes.default.svc.cluster.local; do
        nc -w 3 $name 53 </dev/null 2>/dev/null; echo "$name $?"; done
      echo | nc -w 3 kubernetes.default 443; echo "api $?"
      nc -w 3 qdrant.example 443 </dev/null 2>&1; echo "outside $?"`;
    const log = await runJob('names', script);
    expect(log).toContain(namespace);
    expect(log).toContain('kube-dns.kube-system 0');
    expect(log).toContain('api 0');
    expect(log).toMatch(/qdrant\.example[^\n]*\noutside 1/);
  });

  it('gives a claim a volume that is written by one pod and read by the next', async () => {
    await core.createNamespacedPersistentVolumeClaim({
      namespace,
      body: {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Mi' } } },
      },
    });
    const securityContext = { runAsNonRoot: true, runAsUser: 65532, fsGroup: 65532 };
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
    const mounted = { volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    await runJob('write', 'echo kept >/data/file', { volumes, securityContext }, mounted);
    expect(await runJob('read', 'cat /data/file', { volumes, securityContext }, mounted)).toBe('kept\n');
    const claim = await core.readNamespacedPersistentVolumeClaim({ namespace, name: 'data' });
    expect(claim.status?.phase).toBe('Bound');
    expect(claim.spec?.storageClassName).toBe(storageClass);
  });

  it('answers from this machine: a pod by its address, a Service by its own', async () => {
    const command = ['sh', '-c', 'while :; do echo hello | nc -l -p 8000; done'];
    await core.createNamespacedPod({
      namespace,
      body: {
        metadata: { name: 'server', labels: { app: 'server' } },
        spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'c', image: tools, command }] },
      },
    });
    const service = await core.createNamespacedService({
      namespace,
      body: {
        metadata: { name: 'server' },
        spec: { selector: { app: 'server' }, ports: [{ port: 80, targetPort: 8000 }] },
      },
    });
    const podIp = async (): Promise<string> =>
      (await core.readNamespacedPod({ namespace, name: 'server' })).status?.podIP ?? '';
    await expect.poll(podIp, { timeout: 30_000 }).not.toBe('');
    const hear = async (host: string, port: number): Promise<string> =>
      (await runProcess('bash', ['-c', `timeout 3 cat </dev/tcp/${host}/${port}`])).stdout;
    const address = await podIp();
    await expect.poll(() => hear(address, 8000), { timeout: 20_000, interval: 300 }).toBe('hello\n');
    const clusterIP = service.spec?.clusterIP ?? '';
    await expect.poll(() => hear(clusterIP, 80), { timeout: 20_000, interval: 300 }).toBe('hello\n');
    await core.deleteNamespacedPod({ namespace, name: 'server' });
  });

  it('gives a Guaranteed pod a core of its own', async (test) => {
    if (cluster.cpuPolicy !== 'static') test.skip('the CPU manager is off here: one CPU, or no cpuset cgroups');
    if ((await freeCores()) < 1) test.skip('pods of others have all cores that can be had');
    const amounts = { cpu: '1', memory: '32Mi' };
    const script = 'grep Cpus_allowed_list /proc/self/status';
    const alone = await runJob('alone', script, {}, { resources: { requests: amounts, limits: amounts } });
    expect(alone).toMatch(/^Cpus_allowed_list:\t[1-9]\d*\n$/);
  });

  it('takes in an image, and says what is wrong with a file that is none', async () => {
    const { buildImages } = await import('../images/images.ts');
    const { pause } = await buildImages(['pause']);
    expect(await load(pause.tar)).toEqual([pause.ref]);
    const folder = await mkdtemp(join(tmpdir(), 'cluster-e2e-'));
    await writeFile(join(folder, 'x.tar'), 'no archive');
    await expect(load(join(folder, 'x.tar'))).rejects.toThrow('cannot be imported');
    await expect(load(join(folder, 'none.tar'))).rejects.toThrow('cannot be read');
    await rm(folder, { recursive: true });
  });

  it('writes down who asked for what, without the contents of Secrets', async () => {
    const stringData = { password: 'correct-horse' };
    await core.createNamespacedSecret({ namespace, body: { metadata: { name: 'secret' }, stringData } });
    const log = (): string => readFileSync(cluster.auditLog, 'utf8');
    await expect.poll(() => log().includes(`"resource":"secrets","namespace":"${namespace}"`)).toBe(true);
    expect(log()).not.toContain('correct-horse');
  });
});

describe.skipIf(!support.supported)('a throw-away cluster', { timeout: 300_000 }, () => {
  it('is repaired when parts of it are killed, and leaves nothing when it is taken down', async () => {
    // /tmp, for its short name: sockets lie in it.
    const stateDir = await mkdtemp('/tmp/qb-');
    const paths = clusterPaths(stateDir);
    const mounts = (): number => readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length;
    const folders = ['/var/lib', '/var/log', '/run', '/opt', '/etc', '/usr/libexec'];
    const entries = (): string[] =>
      folders.flatMap((path) => (existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : []));
    const before = { mounts: mounts(), entries: entries() };
    const sleepers = async (): Promise<number> =>
      (await runProcess('ps', ['-eo', 'args'])).stdout.split('\n').filter((line) => line === 'sleep 987654').length;
    try {
      const first = await up({ stateDir });
      expect(first.state).toBe('running');
      expect(existsSync(`/sys/class/net/${linkName(paths.id)}`)).toBe(true);

      const victim = first.parts.find(({ name }) => name === 'kube-scheduler');
      process.kill(victim?.pid ?? 0, 'SIGKILL');
      await expect.poll(async () => (await status({ stateDir })).problem).toBe('kube-scheduler ended');
      const repaired = await up({ stateDir });
      expect(repaired.state).toBe('running');
      const others = (parts: ClusterStatus['parts']): unknown => parts.filter(({ name }) => name !== 'kube-scheduler');
      expect(others(repaired.parts)).toEqual(others(first.parts));

      // With the process that holds the namespaces goes everything; a pod's container is not left behind.
      const kube = new KubeConfig();
      kube.loadFromFile(repaired.kubeconfig);
      const core = kube.makeApiClient(CoreV1Api);
      const containers = [{ name: 'c', image: tools, command: ['sleep', '987654'] }];
      await core.createNamespacedPod({ namespace: 'default', body: { metadata: { name: 'p' }, spec: { containers } } });
      const phase = async (): Promise<string | undefined> =>
        (await core.readNamespacedPod({ namespace: 'default', name: 'p' })).status?.phase;
      await expect.poll(phase, { timeout: 60_000 }).toBe('Running');
      expect(await sleepers()).toBe(1);
      const holder = (await readState(paths.state))?.holder;
      const members = processesIn(holder?.mountNamespace ?? '');
      expect(members.length).toBeGreaterThan(10);
      process.kill(holder?.pid ?? 0, 'SIGKILL');
      await expect.poll(async () => (await status({ stateDir })).problem).toBe('its network namespace is gone');
      const revived = await up({ stateDir });
      expect(revived.state).toBe('running');
      expect(members.filter((id) => isAlive(id))).toEqual([]);
      // What the cluster stores is still there, and its kubelet starts the pod's container again.
      await expect.poll(sleepers, { timeout: 60_000 }).toBe(1);

      const last = processesIn((await readState(paths.state))?.holder?.mountNamespace ?? '');
      expect(last.length).toBeGreaterThan(10);
      expect(await down({ stateDir })).toBe(true);
      expect(last.filter((id) => isAlive(id))).toEqual([]);
      expect(await sleepers()).toBe(0);
    } finally {
      await down({ stateDir });
    }
    expect(existsSync(stateDir)).toBe(false);
    expect(existsSync(`/sys/class/net/${linkName(paths.id)}`)).toBe(false);
    const cgroups = await runProcess('find', ['/sys/fs/cgroup', '-maxdepth', '2', '-name', cgroupName(paths)]);
    expect(cgroups.stdout).toBe('');
    expect(mounts()).toBe(before.mounts);
    expect(entries().filter((path) => !before.entries.includes(path))).toEqual([]);
    const running = await runProcess('ps', ['-eo', 'args']);
    expect(running.stdout.split('\n').filter((line) => line.includes(stateDir))).toEqual([]);
    expect(await down({ stateDir })).toBe(false);
  });
});
