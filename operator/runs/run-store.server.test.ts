import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startPostgres, type PostgresServer } from '../../dev/postgres/server.ts';
import { eventually } from '../runtime/testing/test-kube.ts';
import { openRunStore } from './open-store.ts';
import { describesARunStore } from './run-store.contract.ts';
import { describesTerms } from './term.contract.ts';
import type { TermedRunStore } from './run-store.ts';
import { newExperiment, NOW } from './testing/records.ts';

let server: PostgresServer;
let store: TermedRunStore;

beforeAll(async () => {
  server = await startPostgres();
  store = await openRunStore(server.url);
}, 60_000);

afterAll(async () => {
  await store.close();
  await server.stop();
});

describesARunStore('a Postgres server', () => Promise.resolve(store));
describesTerms('a Postgres server', () => Promise.resolve(store));

it('lets one process at a time conduct an experiment, and the next one when it is gone', async () => {
  const rival = await openRunStore(server.url);
  const release = await store.claim('an experiment');
  await expect(rival.claim('an experiment')).rejects.toMatchObject({ reason: 'StoreLocked' });
  const other = await rival.claim('another');
  await other();
  await release();
  await release();
  const again = await rival.claim('an experiment');
  // Closing the store, or dying, lets go as well.
  const waiting = store.claim('an experiment');
  await again();
  await (
    await waiting
  )();
  await rival.close();
});

it('lets a write of an old term that is under way end before the next term begins', async () => {
  const scope = 'ns/slow';
  const old = await store.under({ scope, term: 1, holder: 'a' });
  const { id } = await old.ensureExperiment(newExperiment('sha256:slow'), NOW);
  // Somebody else's lock keeps the old leader's transaction open, after it has looked at the term.
  const client = new Client({ connectionString: server.url });
  await client.connect();
  await client.query('begin');
  await client.query('select 1 from qdrant_bench.experiments where id = $1 for update', [id]);
  const writing = old.saveStatus(id, { phase: 'Old' }, NOW);
  const order: string[] = [];
  void writing.then(() => order.push('the old one has written'));
  const waits = async (): Promise<number> => {
    const { rows } = await client.query<{ waiting: number }>(
      "select count(*)::int as waiting from pg_stat_activity where wait_event_type = 'Lock'",
    );
    return rows[0]?.waiting ?? 0;
  };
  await eventually(async () => (await waits()) === 1);
  const next = store.under({ scope, term: 2, holder: 'b' }).then((led) => {
    order.push('the next one begins');
    return led;
  });
  await eventually(async () => (await waits()) === 2);
  expect(order).toEqual([]);
  await client.query('commit');
  await client.end();
  await writing;
  await next;
  expect(order).toEqual(['the old one has written', 'the next one begins']);
  await expect(old.saveStatus(id, { phase: 'Late' }, NOW)).rejects.toMatchObject({ reason: 'Fenced' });
});

it('refuses a leader whose term is not there any more, and says what to do', async () => {
  const led = await store.under({ scope: 'ns/emptied', term: 3, holder: 'a' });
  const client = new Client({ connectionString: server.url });
  await client.connect();
  await client.query("delete from qdrant_bench.operator_terms where scope = 'ns/emptied'");
  await client.end();
  await expect(led.ensureExperiment(newExperiment('sha256:emptied'), NOW)).rejects.toMatchObject({
    reason: 'Fenced',
    message: expect.stringContaining('Restart the operator') as string,
  });
});
