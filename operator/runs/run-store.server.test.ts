import { afterAll, beforeAll } from 'vitest';
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
