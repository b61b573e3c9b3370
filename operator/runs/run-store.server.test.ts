import { afterAll, beforeAll, expect, it } from 'vitest';
import { startPostgres, type PostgresServer } from '../../dev/postgres/server.ts';
import { openRunStore } from './open-store.ts';
import { describesARunStore } from './run-store.contract.ts';
import type { ReadableRunStore } from './run-store.ts';

let server: PostgresServer;
let store: ReadableRunStore;

beforeAll(async () => {
  server = await startPostgres();
  store = await openRunStore(server.url);
}, 60_000);

afterAll(async () => {
  await store.close();
  await server.stop();
});

describesARunStore('a Postgres server', () => Promise.resolve(store));

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
