import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sweepStatusSchema, type SweepStatus } from '../crds/sweep/sweep-status.ts';
import { clusterSupport } from '../dev/cluster/cluster.ts';
import { benchCluster, serveFiles, type BenchCluster } from '../dev/installation/testing/bench-cluster.ts';
import { startTestEngine } from '../dev/qdrant/testing/test-engine.ts';
import { SWEEP_KIND } from './kinds.ts';
import { KINDS } from './runtime/kinds.ts';
import type { KubeObject } from './runtime/kube.ts';

// The operator as users have it: its image in a pod of a real cluster, installed by the chart.
const data = resolve(process.env['QDRANT_BENCH_DATA'] ?? join(import.meta.dirname, '../../shared/data'), 'bigann10k');
const support = await clusterSupport();
/** Another each time: a sweep made again under its old name adopts its history. */
const NAMESPACE = `bench-tests-${randomBytes(3).toString('hex')}`;

const SYNTHETIC = { synthetic: { points: 3000, dimensions: 32, queries: 200, seed: 3 } };
const GRAPHS = [
  { name: 'hnsw_config.full_scan_threshold', numbers: [10] },
  { name: 'optimizers_config.indexing_threshold', numbers: [10] },
];

describe.skipIf(!support.supported)('the operator on a cluster', () => {
  let cluster: BenchCluster;
  const folder = mkdtempSync(join(tmpdir(), 'operator-e2e-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  beforeAll(async () => {
    cluster = await benchCluster();
  }, 1_500_000);
  afterAll(async () => {
    await cluster?.kube.delete({ ...KINDS.Namespace, name: NAMESPACE });
    await cluster?.close();
  });

  const gone = (kind: typeof SWEEP_KIND, name: string, namespace: string | undefined): Promise<boolean> =>
    cluster.until(
      async () => (await cluster.kube.get({ ...kind, name, ...(namespace ? { namespace } : {}) })) === undefined,
      120,
      () => cluster.kubectl('get', 'qsw,pods,jobs', '-A'),
    );
  const status = (name: string): Promise<SweepStatus | undefined> => cluster.status(NAMESPACE, name);
  const over = (name: string, seconds: number): Promise<SweepStatus> => cluster.over(NAMESPACE, name, seconds);
  const operatorLog = (): Promise<string> => cluster.operatorLog();
  const condition = (found: SweepStatus | undefined, type: string) =>
    found?.conditions.find((item) => item.type === type);
  const jobPods = (uid: string, job: 'Measure' | 'Finals') => cluster.loadgens(NAMESPACE, uid, job);
  /** The operator's pod is killed, without a chance to say goodbye. */
  const killOperator = async (): Promise<void> => {
    const { namespace } = cluster.installation;
    await cluster.kubectl(
      '-n',
      namespace,
      'delete',
      'pod',
      '-l',
      'app.kubernetes.io/component=operator',
      '--grace-period=0',
      '--force',
      '--wait=false',
    );
  };

  describe('a sweep whose operator is killed in a build and in a load', () => {
    let sweep: KubeObject;
    let final: SweepStatus;
    let files: Awaited<ReturnType<typeof serveFiles>> | undefined;
    afterAll(() => files?.close());

    it('comes to its goal', { timeout: 400_000 }, async () => {
      if (existsSync(data)) files = await serveFiles(data, cluster.host);
      const vectors = files && {
        vectors: {
          base: { url: files.url('base.fvecs') },
          queries: { url: files.url('query.fvecs') },
          groundTruth: { url: files.url('groundtruth.ivecs') },
          distance: 'Euclid',
        },
      };
      sweep = await cluster.apply(NAMESPACE, 'survivor', {
        target: { kubernetes: {} },
        dataset: vectors ?? SYNTHETIC,
        parameters: [
          ...GRAPHS,
          { name: 'hnsw_config.m', numbers: [8, 16] },
          { name: 'params.hnsw_ef', numbers: [16, 64, 256] },
          { name: 'params.exact', choices: ['false', 'true'] },
        ],
        constraints: { recall: { min: 0.95 } },
        budget: { builds: 2 },
        workload: { repeats: 2 },
      });
      const uid = sweep.metadata.uid as string;
      // In the build: its pod runs, nothing is measured yet.
      await cluster.until(
        async () => (await jobPods(uid, 'Measure')).length > 0,
        180,
        async () => [await status('survivor'), await operatorLog()],
      );
      await killOperator();
      // In a load: recall is known.
      await cluster.until(
        async () => ((await status('survivor'))?.progress.searches ?? 0) >= 3,
        180,
        async () => [await status('survivor'), await operatorLog()],
      );
      await killOperator();
      final = await over('survivor', 300);
      expect(final.phase, JSON.stringify(final.conditions)).toBe('Completed');
      expect(condition(final, 'GoalMet')).toMatchObject({ status: 'True' });
    });

    it('says so in a status of the published shape, below 64 KiB', () => {
      expect(() => sweepStatusSchema.parse(final)).not.toThrow();
      expect(JSON.stringify(final).length).toBeLessThan(65_536);
      expect(final.best?.verdict).toBe('Passed');
      expect(final.best?.metrics.find(({ name }) => name === 'recall')?.value).toBeGreaterThanOrEqual(0.95);
      expect(final.best?.metrics.find(({ name }) => name === 'throughput')?.value).toBeGreaterThan(0);
      expect(final.summary).toMatchObject({
        progress: '2/2',
        recall: expect.stringMatching(/^[01]\.\d{3}$/) as string,
      });
    });

    it('lost nothing and did nothing twice: every run in one attempt, every planned search once', async () => {
      const store = await cluster.openStore();
      try {
        const [experiment] = await store.findExperiments(NAMESPACE, 'survivor');
        const { runs, searches } = await store.history(experiment?.id ?? '');
        expect(runs.map(({ attempt, state }) => ({ attempt, state }))).toEqual(
          runs.map(() => ({ attempt: 1, state: 'Finished' })),
        );
        expect(runs).toHaveLength(2);
        expect(new Set(searches.map(({ id }) => id)).size).toBe(searches.length);
        expect(searches.filter(({ repeat }) => repeat > 0).length).toBeGreaterThanOrEqual(2);
      } finally {
        await store.close();
      }
    });

    it.skipIf(!existsSync(data))('measured real vectors rightly: exact search has recall 1', async () => {
      const store = await cluster.openStore();
      try {
        const [experiment] = await store.findExperiments(NAMESPACE, 'survivor');
        const { searches } = await store.history(experiment?.id ?? '');
        const exact = searches.filter(({ search }) => String(search['params.exact']) === 'true');
        expect(exact.length).toBeGreaterThan(0);
        for (const { metrics } of exact) expect(metrics.find(({ name }) => name === 'recall')?.value).toBe(1);
      } finally {
        await store.close();
      }
    });

    it('recorded with each run what its pods used and were denied, and the pressure on their nodes', async () => {
      type Row = { applied: { surroundings?: { pressure: string[]; pods: { component: string; used?: object }[] } } };
      const rows = await cluster.query<Row>(
        'select applied from qdrant_bench.runs r join qdrant_bench.experiments e on e.id = r.experiment where e.name = $1 and e.namespace = $2',
        ['survivor', NAMESPACE],
      );
      expect(rows).toHaveLength(2);
      for (const { applied } of rows) {
        expect(applied.surroundings?.pressure).toEqual([]);
        expect(applied.surroundings?.pods.map(({ component }) => component)).toContain('qdrant');
      }
      // The kubelet's figures are some seconds old: a short measurement may have seen only one.
      const used = rows.flatMap(({ applied }) => applied.surroundings?.pods.filter((pod) => pod.used) ?? []);
      expect(used.length, JSON.stringify(rows)).toBeGreaterThan(0);
    });

    it('left no Job, pod, Secret or StatefulSet behind', async () => {
      const uid = sweep.metadata.uid as string;
      for (const kind of [KINDS.Job, KINDS.Pod, KINDS.Secret, KINDS.StatefulSet, KINDS.Service]) {
        expect(await cluster.children(kind, NAMESPACE, uid), kind.kind).toEqual([]);
      }
    });

    it('had its status written at most every ten seconds, save its first and last, by the API server’s own log', () => {
      type Entry = { verb: string; stage: string; userAgent: string; sourceIPs: string[]; stageTimestamp: string };
      const writes = readFileSync(cluster.installation.auditLog as string, 'utf8')
        .split('\n')
        .filter((line) => line.includes('"survivor"') && line.includes(`"${NAMESPACE}"`))
        .filter((line) => line.includes('"subresource":"status"'))
        .map((line) => JSON.parse(line) as Entry)
        .filter(
          ({ verb, stage, userAgent }) =>
            verb === 'patch' && stage === 'ResponseComplete' && userAgent.startsWith('qdrant-bench/'),
        );
      expect(writes.length).toBeGreaterThan(3);
      // Three operators, one after the other; each writes what it finds, and what it leaves when it is asked to end.
      const operators = Object.groupBy(writes, ({ sourceIPs }) => String(sourceIPs[0]));
      for (const group of Object.values(operators)) {
        const times = (group ?? []).map(({ stageTimestamp }) => Date.parse(stageTimestamp));
        const gaps = times.slice(1, -1).map((at, index) => at - (times[index] as number));
        for (const gap of gaps) expect(gap, JSON.stringify(operators)).toBeGreaterThan(9500);
      }
    });

    it('runs in containers of containerd', async () => {
      const pods = await cluster.kube.list(KINDS.Pod, { namespace: cluster.installation.namespace });
      const ids = pods.flatMap(({ status: state }) =>
        (state as { containerStatuses?: { containerID?: string }[] }).containerStatuses?.map(
          ({ containerID }) => containerID,
        ),
      );
      expect(ids.length).toBeGreaterThanOrEqual(3);
      for (const id of ids) expect(id).toMatch(/^containerd:\/\/[0-9a-f]{64}$/);
    });
  });

  it(
    'makes another attempt when a load generator is evicted, and leaves nothing when the sweep is deleted',
    { timeout: 300_000 },
    async () => {
      const sweep = await cluster.apply(NAMESPACE, 'evicted', {
        target: { kubernetes: {} },
        dataset: { synthetic: { ...SYNTHETIC.synthetic, points: 40_000 } },
        parameters: [...GRAPHS, { name: 'hnsw_config.ef_construct', numbers: [400] }],
        budget: { builds: 2 },
      });
      const uid = sweep.metadata.uid as string;
      // The trial: its graph takes long to build. The baseline, which has none, may be done before it is evicted.
      const trial = async (): Promise<string | undefined> => {
        const sql = "select id from qdrant_bench.runs where namespace = $1 and role = 'Trial' order by started_at desc";
        return (await cluster.query<{ id: string }>(sql, [NAMESPACE]))[0]?.id;
      };
      const runOf = ({ metadata }: KubeObject): string | undefined => metadata.labels?.['qdrantbench.io/run'];
      const first = await cluster.until(
        async () => {
          const [run, pods] = [await trial(), await jobPods(uid, 'Measure')];
          return pods.find((pod) => runOf(pod) === run);
        },
        180,
        async () => [await status('evicted'), await operatorLog()],
      );
      const eviction = join(folder, 'eviction.json');
      const { name } = first.metadata;
      writeFileSync(
        eviction,
        JSON.stringify({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: NAMESPACE } }),
      );
      await cluster.kubectl('create', '--raw', `/api/v1/namespaces/${NAMESPACE}/pods/${name}/eviction`, '-f', eviction);
      const second = await cluster.until(
        async () =>
          (await jobPods(uid, 'Measure')).find(
            (pod) => runOf(pod) === runOf(first) && pod.metadata.uid !== first.metadata.uid,
          ),
        120,
        async () => [await status('evicted'), await operatorLog()],
      );
      expect(second.metadata.labels).toMatchObject({ 'qdrantbench.io/attempt': '2' });
      const [before] = await cluster.query<{ verdict: string; reason: string; message: string }>(
        'select verdict, reason, message from qdrant_bench.runs where namespace = $1 and id = $2 and attempt = 1',
        [NAMESPACE, runOf(first)],
      );
      expect(before).toMatchObject({ verdict: 'Inconclusive', reason: 'Disrupted' });

      await cluster.kube.delete({ ...SWEEP_KIND, namespace: NAMESPACE, name: 'evicted' });
      await gone(SWEEP_KIND, 'evicted', NAMESPACE);
      for (const kind of [KINDS.Job, KINDS.Pod, KINDS.Secret, KINDS.StatefulSet]) {
        expect(await cluster.children(kind, NAMESPACE, uid), kind.kind).toEqual([]);
      }
      // The garbage collector's part: it follows the owner.
      await cluster.until(
        async () => (await cluster.children(KINDS.PersistentVolumeClaim, NAMESPACE, uid)).length === 0,
        60,
        () => cluster.kubectl('get', 'pvc', '-n', NAMESPACE),
      );
    },
  );

  it(
    'measures a Qdrant that is there already, deletes only what it made, and says what it cannot reach',
    { timeout: 300_000 },
    async () => {
      await using server = await startTestEngine({ host: cluster.host });
      const files = await serveFiles(import.meta.dirname, cluster.host);
      const external = { external: { url: server.engine.url } };
      const vectors = (url: string, sha256?: string) => ({
        vectors: {
          base: { url, format: 'fvecs', ...(sha256 ? { sha256 } : {}) },
          queries: { url, format: 'fvecs' },
          distance: 'Cosine',
        },
      });
      try {
        await server.result('PUT', '/collections/theirs', { vectors: { size: 2, distance: 'Dot' } });
        await cluster.apply(NAMESPACE, 'external', {
          target: external,
          dataset: SYNTHETIC,
          parameters: GRAPHS,
          budget: { builds: 1 },
          workload: { repeats: 1 },
        });
        await cluster.apply(NAMESPACE, 'wrong-checksum', {
          target: external,
          dataset: vectors(files.url('main.ts'), '0'.repeat(64)),
        });
        await cluster.apply(NAMESPACE, 'no-dataset', {
          target: external,
          dataset: vectors(`http://${cluster.host}:6399/base.fvecs`),
        });
        await cluster.apply(NAMESPACE, 'no-qdrant', {
          target: { external: { url: `http://${cluster.host}:6399` } },
          dataset: SYNTHETIC,
        });

        const said = async (name: string, type: string, reason: string): Promise<void> => {
          const found = await cluster.until(
            async () => {
              const current = await status(name);
              return condition(current, type)?.status === 'False' && current;
            },
            120,
            async () => [await status(name), await operatorLog()],
          );
          expect(condition(found, type)).toMatchObject({ reason });
          expect(found.progress).toMatchObject({ builds: 0, searches: 0 });
        };
        await said('no-qdrant', 'TargetReady', 'TargetUnreachable');
        await said('wrong-checksum', 'DatasetReady', 'DatasetInvalid');
        await said('no-dataset', 'DatasetReady', 'DatasetUnreachable');
        expect((await status('wrong-checksum'))?.phase).toBe('Failed');
        // What may come back is tried again.
        expect(condition(await status('no-qdrant'), 'Reconciling')).toMatchObject({ status: 'True' });

        expect((await over('external', 200)).phase).toBe('Completed');
        const names = async (): Promise<string[]> =>
          ((await server.result('GET', '/collections')) as { collections: { name: string }[] }).collections.map(
            ({ name }) => name,
          );
        expect(await names()).toEqual(['theirs']);
      } finally {
        files.close();
      }
    },
  );

  it('goes nowhere a user’s URL may not lead, and says what kind of address it was', { timeout: 300_000 }, async () => {
    await using server = await startTestEngine({ host: cluster.host });
    const inside = { url: 'http://127.0.0.1:8080/metrics', format: 'fvecs' };
    await cluster.apply(NAMESPACE, 'metadata', {
      target: { external: { url: 'http://169.254.169.254' } },
      dataset: SYNTHETIC,
    });
    await cluster.apply(NAMESPACE, 'loopback', {
      target: { external: { url: server.engine.url } },
      dataset: { vectors: { base: inside, queries: inside, distance: 'Cosine' } },
    });
    const said = (name: string, type: string): Promise<string> =>
      cluster.until(
        async () => {
          const found = condition(await status(name), type);
          return found?.status === 'False' && found.message;
        },
        120,
        async () => [await status(name), await operatorLog()],
      );
    expect(await said('metadata', 'TargetReady')).toContain('the address is link-local');
    expect(await said('loopback', 'DatasetReady')).toContain('the address is loopback');
  });

  it(
    'offers a given rate from two pods together, and repeats an attempt of which one was killed',
    { timeout: 500_000 },
    async () => {
      const sweep = await cluster.apply(NAMESPACE, 'together', {
        target: { kubernetes: {} },
        dataset: SYNTHETIC,
        parameters: GRAPHS,
        constraints: { recall: { min: 0.5 } },
        budget: { builds: 1 },
        workload: { repeats: 1, duration: '20s', load: { open: { rate: 40 } } },
        // No CPU: the node of two cores has none to reserve beside Qdrant's.
        loadgen: { pods: 2, resources: { memory: '512Mi' } },
      });
      const uid = sweep.metadata.uid as string;
      const look = async () => [await status('together'), await operatorLog()];
      const names = await cluster.until(
        async () => {
          const pods = await jobPods(uid, 'Measure');
          return pods.length === 2 && pods.map(({ metadata }) => metadata.name).toSorted();
        },
        180,
        look,
      );
      // Recall is known: both are under way.
      await cluster.until(async () => ((await status('together'))?.progress.searches ?? 0) >= 1, 180, look);
      const other = names.find((name) => /-1-[a-z0-9]+$/.test(name)) as string;
      await cluster.kubectl('-n', NAMESPACE, 'delete', 'pod', other, '--grace-period=0', '--force', '--wait=false');
      const final = await over('together', 400);
      expect(final.phase, JSON.stringify(final.conditions)).toBe('Completed');
      const store = await cluster.openStore();
      try {
        const [experiment] = await store.findExperiments(NAMESPACE, 'together');
        const { runs, searches } = await store.history(experiment?.id ?? '');
        expect(runs[0]?.attempt).toBeGreaterThanOrEqual(2);
        const loaded = searches.filter(({ stage }) => stage !== 'Recall');
        expect(loaded.length).toBeGreaterThan(0);
        // Two cores for all of a cluster: what could not be measured says so, and has no number.
        for (const { verdict, reason, metrics } of loaded) {
          if (verdict === 'Inconclusive') {
            expect(['ClientLimited', 'StartSkew', 'Unstable']).toContain(reason);
            continue;
          }
          expect(metrics.find(({ name }) => name === 'throughput')?.source).toBe('open loop, 40/s');
        }
      } finally {
        await store.close();
      }
    },
  );

  it('has the API server refuse what is not valid, naming the field', async () => {
    await expect(
      cluster.apply(NAMESPACE, 'malformed', { target: { kubernetes: {} }, dataset: SYNTHETIC, budget: { builds: 0 } }),
    ).rejects.toThrow(/spec\.budget\.builds/);
    await expect(
      cluster.apply(NAMESPACE, 'malformed', {
        target: { kubernetes: {}, external: { url: 'http://q' } },
        dataset: SYNTHETIC,
      }),
    ).rejects.toThrow(/spec\.target/);
  });

  it('refuses in the status what only it can know, and makes nothing for it', async () => {
    const sweep = await cluster.apply(NAMESPACE, 'refused', {
      target: { kubernetes: {} },
      dataset: SYNTHETIC,
      parameters: [{ name: 'hnsw_config.mm', numbers: [8] }],
    });
    const found = await over('refused', 60);
    expect(found.phase).toBe('Failed');
    expect(condition(found, 'Accepted')).toMatchObject({ status: 'False', reason: 'InvalidSpec' });
    expect(condition(found, 'Accepted')?.message).toContain('hnsw_config.mm');
    expect(await cluster.children(KINDS.StatefulSet, NAMESPACE, sweep.metadata.uid as string)).toEqual([]);
  });
});
