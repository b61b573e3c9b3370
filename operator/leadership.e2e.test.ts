import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { crdText } from '../crds/generate/main.ts';
import { SWEEP } from '../crds/sweep/sweep.ts';
import { startApiServer, type TestApiServer } from '../dev/cluster/testing/api-server.ts';
import { startBusServer, type BusServer } from '../dev/nats/testing/bus-server.ts';
import { startPostgres, type PostgresServer } from '../dev/postgres/server.ts';
import { busKeysToSecret } from './bus/auth.ts';
import { SWEEP_KIND } from './kinds.ts';
import { KINDS } from './runtime/kinds.ts';
import type { KubeClient } from './runtime/kube-client.ts';
import type { KubeObject } from './runtime/kube.ts';
import { eventually, testKube } from './runtime/testing/test-kube.ts';

// Whole operators as processes, over a real API server, Postgres and NATS.

let server: TestApiServer;
let postgres: PostgresServer;
let nats: BusServer;
let kube: KubeClient;
beforeAll(async () => {
  [server, postgres, nats] = await Promise.all([startApiServer(), startPostgres(), startBusServer()]);
  kube = testKube(server.kubeconfig, { kinds: [SWEEP_KIND] });
  await kube.create(parse(await crdText(SWEEP)) as KubeObject);
  await eventually(() => kube.list(SWEEP_KIND).then(Boolean, () => false), 30_000);
  const metadata = { name: 'nats-keys', namespace: 'default' };
  await kube.create({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: busKeysToSecret(nats.keys) });
}, 900_000);
afterAll(async () => {
  await kube?.close();
  await Promise.all([server?.stop(), postgres?.stop(), nats?.stop()]);
});

interface Operator {
  child: ChildProcess;
  ended: Promise<unknown[]>;
  lines: { msg: string; level: number; term?: number; what?: string; number?: number; why?: string }[];
  said(msg: string): boolean;
  metrics(): Promise<string[]>;
  probe(path: string): Promise<number>;
}
const operators: Operator[] = [];
afterEach(async () => {
  for (const { child, ended } of operators.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
});

function startOperator(name: string, env: Record<string, string> = {}): Operator {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      KUBECONFIG: server.kubeconfig,
      POD_NAME: name,
      QDRANT_BENCH_NAMESPACE: 'default',
      QDRANT_BENCH_DATABASE_URL: postgres.url,
      QDRANT_BENCH_NATS_URL: nats.server.url,
      QDRANT_BENCH_NATS_SECRET: 'nats-keys',
      QDRANT_BENCH_LOADGEN_IMAGE: 'none',
      QDRANT_BENCH_LEASE_DURATION_SECONDS: '4',
      QDRANT_BENCH_LEASE_RENEW_SECONDS: '3',
      QDRANT_BENCH_LEASE_RETRY_SECONDS: '1',
      QDRANT_BENCH_LOG_LEVEL: 'debug',
      QDRANT_BENCH_HTTP_PORT: '0',
      ...env,
    },
  });
  const lines: (Operator['lines'][number] & { port?: number })[] = [];
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    lines.push(JSON.parse(line) as (typeof lines)[number]);
  });
  const get = async (path: string): Promise<Response> => {
    const port = await eventually(() => lines.find((line) => line.msg === 'operator starting')?.port, 60_000);
    return fetch(`http://127.0.0.1:${port}${path}`);
  };
  const operator: Operator = {
    child,
    ended: once(child, 'exit'),
    lines,
    said: (msg) => lines.some((line) => line.msg === msg),
    metrics: async () => (await (await get('/metrics')).text()).split('\n'),
    probe: async (path) => (await get(path)).status,
  };
  operators.push(operator);
  return operator;
}
const working = (operator: Operator): Promise<boolean> => eventually(() => operator.said('operator working'), 60_000);
const termOf = ({ lines }: Operator): number | undefined => lines.find(({ msg }) => msg === 'operator working')?.term;
const lease = async () =>
  (await kube.get({ ...KINDS.Lease, namespace: 'default', name: 'qdrant-bench' }))?.['spec'] as Record<string, unknown>;

let sweeps = 0;
/** A sweep that the operator refuses as soon as it looks at it: work that needs no cluster. */
async function refusedSweep(): Promise<string> {
  const name = `refused-${(sweeps += 1)}`;
  await kube.create({
    apiVersion: SWEEP_KIND.apiVersion,
    kind: SWEEP_KIND.kind,
    metadata: { name, namespace: 'default' },
    spec: {
      target: { kubernetes: {} },
      dataset: { synthetic: { points: 1000, dimensions: 8 } },
      parameters: [{ name: 'hnsw_config.mm', numbers: [8] }],
    },
  });
  return name;
}
const phase = async (name: string) =>
  ((await kube.get({ ...SWEEP_KIND, namespace: 'default', name }))?.['status'] as { phase?: string } | undefined)
    ?.phase;

describe('of two operators', { timeout: 180_000 }, () => {
  it('one works, and the other stands by: ready, warm, and writing nothing', async () => {
    const leader = startOperator('a');
    await working(leader);
    const standby = startOperator('b');
    await eventually(() => standby.said('another process leads'), 60_000);
    for (const operator of [leader, standby]) {
      expect(await operator.probe('/readyz')).toBe(200);
      expect(await operator.probe('/livez')).toBe(200);
    }
    const name = await refusedSweep();
    await eventually(async () => (await phase(name)) === 'Failed', 20_000);
    await eventually(async () =>
      (await standby.metrics()).includes('workqueue_depth{name="sweep",controller="sweep"} 1'),
    );
    const [led, stoodBy] = [await leader.metrics(), await standby.metrics()];
    expect(led).toContain('leader_election_master_status{name="qdrant-bench"} 1');
    expect(stoodBy).toContain('leader_election_master_status{name="qdrant-bench"} 0');
    expect(led.some((line) => line.startsWith('qdrant_bench_writes_total{what="kube patch QdrantSweep status"'))).toBe(
      true,
    );
    expect(stoodBy.filter((line) => line.startsWith('qdrant_bench_writes_total{'))).toEqual([]);
    expect(stoodBy.filter((line) => line.startsWith('controller_runtime_reconcile_total{'))).toEqual([]);
    expect(led.some((line) => /^rest_client_requests_total\{code="200",method="GET"\} [1-9]/.test(line))).toBe(true);
    expect((await lease())['renewTime']).toMatch(/\.\d{6}Z$/);
  });

  it('the other takes over at once when the first is asked to end, which it does in order', async () => {
    const first = startOperator('a');
    await working(first);
    const next = startOperator('b');
    await eventually(() => next.said('another process leads'), 60_000);
    first.child.kill('SIGTERM');
    expect(await first.ended).toEqual([0, null]);
    await working(next);
    expect(termOf(next)).toBe((termOf(first) as number) + 1);
    const steps = first.lines.flatMap(({ msg, step }: { msg: string; step?: string }) =>
      msg === 'shut down' ? [step] : [],
    );
    expect(steps).toEqual([
      'say that it is not ready',
      'take nothing more',
      'end what runs; Jobs go on',
      'write what is known: status',
      'write what is known: events',
      'let go of the lease',
      'close the bus',
      'close the record',
      'answer no more',
    ]);
    const name = await refusedSweep();
    await eventually(async () => (await phase(name)) === 'Failed', 20_000);
    next.child.kill('SIGTERM');
    expect(await next.ended).toEqual([0, null]);
    expect((await lease())['holderIdentity']).toBe('');
  });

  it('the other takes over when the first is killed', async () => {
    const first = startOperator('a');
    await working(first);
    const next = startOperator('b');
    await eventually(() => next.said('another process leads'), 60_000);
    first.child.kill('SIGKILL');
    await working(next);
    expect(termOf(next)).toBe((termOf(first) as number) + 1);
  });

  it('the first, frozen until the other leads, ends when it wakes, and writes nothing', async () => {
    const first = startOperator('a');
    await working(first);
    const next = startOperator('b');
    await eventually(() => next.said('another process leads'), 60_000);
    first.child.kill('SIGSTOP');
    await working(next);
    const before = first.lines.length;
    const name = await refusedSweep();
    await eventually(async () => (await phase(name)) === 'Failed', 20_000);
    first.child.kill('SIGCONT');
    expect(await first.ended).toEqual([1, null]);
    expect(first.said('this process leads no more')).toBe(true);
    expect(first.lines.slice(before).filter(({ msg, number }) => msg === 'effect' && number !== undefined)).toEqual([]);
    expect(next.said('this process leads no more')).toBe(false);
  });

  it('a standby ends as well when it is asked to, and gives nothing away', async () => {
    const first = startOperator('a');
    await working(first);
    const standby = startOperator('b');
    await eventually(() => standby.said('another process leads'), 60_000);
    standby.child.kill('SIGTERM');
    expect(await standby.ended).toEqual([0, null]);
    expect(await first.probe('/livez')).toBe(200);
    expect(first.said('this process leads no more')).toBe(false);
  });

  it('one that is made to die at a write has done just that one, and the next goes on', async () => {
    for (const mode of ['kill-after', 'kill-before-answer']) {
      const first = startOperator('a', { QDRANT_BENCH_FAULT: `${mode}:1`, QDRANT_BENCH_FAULT_ALLOWED: 'yes' });
      expect(await first.ended).toEqual([null, 'SIGKILL']);
      const next = startOperator('b');
      await working(next);
      next.child.kill('SIGTERM');
      expect(await next.ended).toEqual([0, null]);
      const { rows } = await latestTerms();
      // The first write is that of the term: it was made, and the next leader's is beyond it.
      expect(rows).toEqual([{ term: String(termOf(next)) }]);
    }
    const refused = startOperator('a', { QDRANT_BENCH_FAULT: 'kill-after:1' });
    expect(await refused.ended).toEqual([64, null]);
  });
});

async function latestTerms() {
  const { Client } = await import('pg');
  const client = new Client({ connectionString: postgres.url });
  await client.connect();
  try {
    return await client.query<{ term: string }>(
      "select term from qdrant_bench.operator_terms where scope = 'default/qdrant-bench'",
    );
  } finally {
    await client.end();
  }
}
