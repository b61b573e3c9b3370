import { randomBytes } from 'node:crypto';
import { KubernetesObjectApi, loadYaml, type KubernetesObject } from '@kubernetes/client-node';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXPERIMENT } from '../crds/experiment/experiment.ts';
import { crdText } from '../crds/generate/main.ts';
import { PROMOTION } from '../crds/promotion/promotion.ts';
import { SWEEP } from '../crds/sweep/sweep.ts';
import { startApiServer, type TestApiServer } from '../dev/cluster/testing/api-server.ts';
import { startBusServer, type BusServer } from '../dev/nats/testing/bus-server.ts';
import { startPostgres, type PostgresServer } from '../dev/postgres/server.ts';
import { busKeysToSecret } from './bus/auth.ts';
import { readConfig } from './config.ts';
import { operate } from './operate.ts';
import { LABELS } from './owned/sweep-ref.ts';
import { kubeKind, SWEEP_KIND } from './kinds.ts';
import { KINDS } from './runtime/kinds.ts';
import { loadKubeConfig, type KubeClient } from './runtime/kube-client.ts';
import type { KubeKind } from './runtime/kube.ts';
import { eventually, testKube } from './runtime/testing/test-kube.ts';

// All parts of an operator put together in this process, over a real API server, Postgres and NATS. Nobody plays a
// cluster's other parts here: what is made stays as it was made.

const OTHERS = [EXPERIMENT, PROMOTION].map(kubeKind);
const dataset = { synthetic: { points: 1000, dimensions: 8 } };
let server: TestApiServer;
let postgres: PostgresServer;
let nats: BusServer;
/** For reading. In this process only the operator's leader may write by it. */
let kube: KubeClient;
let users: KubernetesObjectApi;
beforeAll(async () => {
  [server, postgres, nats] = await Promise.all([startApiServer(), startPostgres(), startBusServer()]);
  kube = testKube(server.kubeconfig);
  users = KubernetesObjectApi.makeApiClient(loadKubeConfig(server.kubeconfig));
  for (const kind of [SWEEP, EXPERIMENT, PROMOTION])
    await users.create(loadYaml<KubernetesObject>(await crdText(kind)));
  for (const kind of [SWEEP_KIND, ...OTHERS])
    await eventually(() => kube.list(kind).then(Boolean, () => false), 30_000);
  const metadata = { name: 'nats-keys', namespace: 'default' };
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata, stringData: busKeysToSecret(nats.keys) };
  await users.create(secret as KubernetesObject);
  process.env['KUBECONFIG'] = server.kubeconfig;
}, 900_000);
afterAll(async () => {
  delete process.env['KUBECONFIG'];
  await kube?.close();
  await Promise.all([server?.stop(), postgres?.stop(), nats?.stop()]);
});

const config = (more: Record<string, string> = {}) =>
  readConfig({
    QDRANT_BENCH_NAMESPACE: 'default',
    QDRANT_BENCH_DATABASE_URL: postgres.url,
    QDRANT_BENCH_NATS_URL: nats.server.url,
    QDRANT_BENCH_NATS_SECRET: 'nats-keys',
    QDRANT_BENCH_LOADGEN_IMAGE: 'none',
    QDRANT_BENCH_HTTP_PORT: '0',
    QDRANT_BENCH_WATCH_NAMESPACES: 'default',
    ...more,
  });

const make = ({ apiVersion, kind }: KubeKind, name: string, spec: object): Promise<KubernetesObject> =>
  users.create({ apiVersion, kind, metadata: { name, namespace: 'default' }, spec } as KubernetesObject);
const remove = ({ apiVersion, kind }: KubeKind, name: string): Promise<unknown> =>
  users.delete({ apiVersion, kind, metadata: { name, namespace: 'default' } });
type Condition = { type: string; status: string; reason: string; message: string };
const condition = async (kind: KubeKind, name: string, type: string): Promise<Condition | undefined> => {
  const found = await kube.get({ ...kind, namespace: 'default', name });
  const { conditions = [] } = (found?.['status'] ?? {}) as { conditions?: Condition[] };
  return conditions.find((one) => one.type === type);
};
const unique = (): string => randomBytes(3).toString('hex');

describe('an operator', { timeout: 180_000 }, () => {
  it('answers every resource, makes what a sweep needs, takes it away again, and ends in order', async () => {
    const said: string[] = [];
    const log = pino({ level: 'info' }, { write: (line) => void said.push((JSON.parse(line) as { msg: string }).msg) });
    const stop = new AbortController();
    const running = operate(config(), log, stop.signal);
    const [experiment, promotion] = OTHERS as [KubeKind, KubeKind];
    await make(experiment, 'not-yet', {
      target: { kubernetes: {} },
      corpus: { beir: { url: 'https://data.example/cranfield.tar.gz' } },
      arms: [{ name: 'bm25', retrieval: { mode: 'Sparse' } }],
      evaluation: { baseline: 'bm25', primary: 'ndcg@10' },
    });
    await make(promotion, 'not-yet', { alias: 'live', from: { experiment: 'not-yet' }, approval: 'Manual' });
    for (const kind of [experiment, promotion]) {
      const accepted = await eventually(() => condition(kind, 'not-yet', 'Accepted'), 60_000);
      expect(accepted).toMatchObject({ status: 'False', reason: 'NotSupported' });
    }

    // The address is one of those that documents use; an installation allows none of them.
    const elsewhere = `elsewhere-${unique()}`;
    await make(SWEEP_KIND, elsewhere, { target: { external: { url: 'http://192.0.2.1:6333' } }, dataset });
    const ready = await eventually(() => condition(SWEEP_KIND, elsewhere, 'TargetReady'), 60_000);
    expect(ready).toMatchObject({ status: 'False', reason: 'TargetUnreachable' });
    expect(ready.message).toContain('may not be reached');

    const own = `own-${unique()}`;
    const { metadata } = await make(SWEEP_KIND, own, { target: { kubernetes: {} }, dataset });
    const labelSelector = `${LABELS.sweepUid}=${metadata?.uid}`;
    const children = async () =>
      (
        await Promise.all(
          [KINDS.StatefulSet, KINDS.Service, KINDS.Job, KINDS.PersistentVolumeClaim].map((kind) =>
            kube.list(kind, { namespace: 'default', labelSelector }),
          ),
        )
      )
        .flat()
        // A claim that is to go waits for a controller that nobody plays here.
        .filter((object) => !object.metadata.deletionTimestamp);
    await eventually(async () => (await children()).length === 4, 60_000);
    for (const name of [elsewhere, own]) await remove(SWEEP_KIND, name);
    await eventually(async () => (await children()).length === 0, 60_000);
    for (const name of [elsewhere, own]) {
      await eventually(async () => !(await kube.get({ ...SWEEP_KIND, namespace: 'default', name })), 60_000);
    }

    stop.abort(new Error('SIGTERM'));
    await running;
    const lease = await kube.get({ ...KINDS.Lease, namespace: 'default', name: 'qdrant-bench' });
    expect(lease?.['spec']).toMatchObject({ holderIdentity: '' });
    expect(said).toContain('operator stopping; running Jobs go on');
  });

  it('waits for a Postgres that is not there yet, and ends when it is told to', async () => {
    const warned = Promise.withResolvers<void>();
    const log = pino(
      { level: 'warn' },
      { write: (line) => (line.includes('Postgres cannot be reached yet') ? warned.resolve() : undefined) },
    );
    const stop = new AbortController();
    const running = operate(config({ QDRANT_BENCH_DATABASE_URL: 'postgres://x@127.0.0.1:1/x' }), log, stop.signal);
    await warned.promise;
    stop.abort(new Error('SIGTERM'));
    await expect(running).rejects.toThrow();
  });
});
