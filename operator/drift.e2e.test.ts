import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterSupport } from '../dev/cluster/cluster.ts';
import { benchCluster, type BenchCluster } from '../dev/installation/testing/bench-cluster.ts';
import { LABELS } from './owned/sweep-ref.ts';
import { KINDS } from './runtime/kinds.ts';
import type { KubeObject } from './runtime/kube.ts';
import { collectionName } from './sweep/identity.ts';

const NAMESPACE = `drift-${randomBytes(3).toString('hex')}`;
const support = await clusterSupport();

// What somebody deletes by hand while it is measured is made again, and what was measured on it is not believed.
describe.skipIf(!support.supported)('what is deleted by hand', () => {
  let cluster: BenchCluster;
  beforeAll(async () => {
    cluster = await benchCluster();
  }, 1_500_000);
  afterAll(async () => {
    await cluster?.kube.delete({ ...KINDS.Namespace, name: NAMESPACE });
    await cluster?.close();
  });

  const label = ({ metadata }: KubeObject, name: 'run' | 'attempt'): string => metadata.labels?.[LABELS[name]] ?? '';

  it('is made again: a Job, the Qdrant, a collection', { timeout: 400_000 }, async () => {
    const sweep = await cluster.apply(NAMESPACE, 'drift', {
      target: { kubernetes: {} },
      dataset: { synthetic: { points: 40_000, dimensions: 32, queries: 200, seed: 3 } },
      parameters: [
        { name: 'hnsw_config.full_scan_threshold', numbers: [10] },
        { name: 'optimizers_config.indexing_threshold', numbers: [10] },
        { name: 'hnsw_config.ef_construct', numbers: [300, 400] },
      ],
      workload: { repeats: 1 },
      budget: { builds: 3 },
    });
    const uid = sweep.metadata.uid as string;
    const tell = async () => [await cluster.status(NAMESPACE, 'drift'), await cluster.operatorLog()];
    const roles = async (): Promise<Map<string, string>> => {
      const sql = 'select distinct id, role from qdrant_bench.runs where namespace = $1';
      const rows = await cluster.query<{ id: string; role: string }>(sql, [NAMESPACE]);
      return new Map(rows.map(({ id, role }) => [id, role]));
    };
    /** The load generator of a trial's attempt: of a run not in `past`, whose graph takes seconds to build. */
    const trial = (attempt: number, past: readonly string[] = []) =>
      cluster.until(
        async () => {
          const known = await roles();
          return (await cluster.loadgens(NAMESPACE, uid, 'Measure')).find(
            (pod) =>
              known.get(label(pod, 'run')) === 'Trial' &&
              label(pod, 'attempt') === String(attempt) &&
              !past.includes(label(pod, 'run')),
          );
        },
        120,
        tell,
      );

    const first = await trial(1);
    const job = first.metadata.labels?.['batch.kubernetes.io/job-name'] as string;
    await cluster.kubectl('-n', NAMESPACE, 'delete', 'job', job, '--wait=false');
    const again = await trial(2);
    expect(label(again, 'run')).toBe(label(first, 'run'));

    const [qdrant] = await cluster.children(KINDS.StatefulSet, NAMESPACE, uid);
    const name = qdrant?.metadata.name as string;
    await cluster.kubectl('-n', NAMESPACE, 'delete', 'statefulset', name, '--wait=false');
    expect(label(await trial(3), 'run')).toBe(label(first, 'run'));
    const [made] = await cluster.children(KINDS.StatefulSet, NAMESPACE, uid);
    expect(made?.metadata.uid).not.toBe(qdrant?.metadata.uid);

    const second = await trial(1, [label(first, 'run')]);
    const { environment } = (await cluster.status(NAMESPACE, 'drift')) ?? {};
    const collection = collectionName(environment?.historyKey ?? '', label(second, 'run'), 1);
    const [service] = await cluster.children(KINDS.Service, NAMESPACE, uid);
    const secret = await cluster.kube.get({ ...KINDS.Secret, namespace: NAMESPACE, name });
    const { data } = secret as unknown as { data: Record<string, string> };
    const apiKey = Buffer.from(data['api-key'] ?? '', 'base64').toString();
    const address = (service as unknown as { spec: { clusterIP: string } }).spec.clusterIP;
    const reply = await fetch(`http://${address}:6333/collections/${collection}`, {
      method: 'DELETE',
      headers: { 'api-key': apiKey },
    });
    expect(reply.status).toBe(200);
    await trial(2, [label(first, 'run')]);

    const final = await cluster.over(NAMESPACE, 'drift', 300);
    expect(final.phase, JSON.stringify(final.conditions)).toBe('Completed');
    const sql = `select id, attempt, verdict, reason from qdrant_bench.runs where namespace = $1 order by id, attempt`;
    const attempts = await cluster.query<{ id: string; attempt: number; verdict: string; reason: string }>(sql, [
      NAMESPACE,
    ]);
    const disturbed = attempts.filter(({ reason }) => reason === 'Disrupted');
    expect(disturbed.map(({ id, verdict }) => [id, verdict])).toEqual(
      [label(first, 'run'), label(first, 'run'), label(second, 'run')].toSorted().map((id) => [id, 'Inconclusive']),
    );
    expect(attempts.filter(({ verdict }) => verdict === 'Error')).toEqual([]);
    for (const kind of [KINDS.Job, KINDS.Pod, KINDS.StatefulSet, KINDS.Service]) {
      expect(await cluster.children(kind, NAMESPACE, uid), kind.kind).toEqual([]);
    }
  });
});
