import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publicDirectory } from '../../dev/postgres/binaries.ts';
import { startPostgres, type PostgresServer } from '../../dev/postgres/server.ts';
import { openRunStore } from './open-store.ts';
import { startChild } from './testing/child.ts';
import { newAttempt, newExperiment, newSearch, NOW } from './testing/records.ts';

let dataDir: string;
let server: PostgresServer;
beforeAll(async () => {
  dataDir = mkdtempSync(join(publicDirectory(), 'qdrant-bench-faults-'));
  server = await startPostgres({ dataDir });
});
afterAll(async () => {
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** A fresh database of the server. */
async function database(name: string): Promise<string> {
  await query(server.url, `create database ${name}`);
  return server.url.replace(/postgres$/, name);
}

const failureOf = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => new Error('it did not fail'),
    (error: unknown) => error as Error,
  );

describe('a store in a Postgres server', () => {
  it('is migrated once when several open it at once, and numbers their attempts one after another', async () => {
    const url = await database('several');
    const stores = await Promise.all(Array.from({ length: 4 }, () => openRunStore(url)));
    const ids = await Promise.all(
      stores.map(async (store) => (await store.ensureExperiment(newExperiment('k'), NOW)).id),
    );
    expect(new Set(ids).size).toBe(1);
    const begun = await Promise.all(
      stores.flatMap((store) => Array.from({ length: 5 }, () => store.beginAttempt(ids[0] ?? '', newAttempt('run')))),
    );
    expect(begun.map((attempt) => attempt.attempt).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
    const committed = await Promise.all(stores.map((store) => store.commitSearch(ids[0] ?? '', newSearch('s'))));
    expect(committed.filter(Boolean)).toHaveLength(1);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('loses nothing acknowledged when a process is killed', async () => {
    const url = await database('killed');
    const child = startChild('committer.ts', url, 'only');
    const acknowledged: string[] = [];
    while (acknowledged.length < 30) acknowledged.push((await child.line()) ?? 'it ended');
    acknowledged.push(...(await child.kill()));
    const store = await openRunStore(url);
    const [experiment] = await store.listExperiments();
    const ids = (await store.history(experiment?.id ?? '')).searches.map((search) => search.id);
    expect(ids).toEqual(expect.arrayContaining(acknowledged));
    expect(ids.length - acknowledged.length).toBeLessThanOrEqual(1);
    await store.close();
  });

  it('says that the server is gone, and goes on by itself once it is back', async () => {
    const url = await database('crash');
    const store = await openRunStore(url);
    const { id } = await store.ensureExperiment(newExperiment('k'), NOW);
    const attempt = await store.beginAttempt(id, newAttempt('run'));
    await store.commitSearch(id, newSearch('before'));

    const { port } = server;
    await server.crash();
    const unreachable = {
      reason: 'StoreUnreachable',
      message: expect.stringContaining(
        `store postgres://postgres@127.0.0.1:${String(port)}/crash cannot be reached`,
      ) as string,
    };
    await expect(store.commitSearch(id, newSearch('during'))).rejects.toMatchObject(unreachable);
    await expect(store.beginAttempt(id, newAttempt('run'))).rejects.toMatchObject(unreachable);
    await expect(openRunStore(url)).rejects.toMatchObject(unreachable);

    server = await startPostgres({ dataDir, port });
    expect(await store.commitSearch(id, newSearch('during'))).toBe(true);
    expect((await store.history(id)).searches.map((search) => search.id)).toEqual(['before', 'during']);
    expect(await store.undeletedCollections(id)).toEqual([attempt]);
    await store.close();
  });

  it('says so when a connection is cut in the middle of a wait', async () => {
    const url = await database('cut');
    const store = await openRunStore(url);
    const { id } = await store.ensureExperiment(newExperiment('k'), NOW);
    const blocker = new Client({ connectionString: url });
    await blocker.connect();
    await blocker.query('begin');
    await blocker.query('select from qdrant_bench.experiments for update');
    const waiting = failureOf(store.beginAttempt(id, newAttempt('run')));
    const cut =
      "select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock' and datname = 'cut'";
    while ((await query(url, cut)).length === 0);
    expect(await waiting).toMatchObject({ reason: 'StoreUnreachable' });
    await blocker.query('rollback');
    await blocker.end();
    // Nothing of the attempt that was cut is left.
    expect(await store.beginAttempt(id, newAttempt('run'))).toMatchObject({ attempt: 1 });
    await store.close();
  });

  it('never shows the password', async () => {
    const { password } = new URL(server.url);
    const failures = await Promise.all(
      [
        server.url.replace(password, 'wr0ng'),
        server.url.replace(/postgres$/, 'nosuch'),
        server.url.replace(/:\d+\/postgres$/, ':1/postgres'),
        server.url.replace('127.0.0.1', '127.0.0.1.invalid'),
      ].map((url) => failureOf(openRunStore(url))),
    );
    for (const failure of failures) {
      expect(failure).toMatchObject({ name: 'StoreError', reason: 'StoreUnreachable' });
      const shown = inspect(failure, { depth: 10, showHidden: true }) + JSON.stringify(failure);
      expect(shown).not.toContain(password);
      expect(shown).not.toContain('wr0ng');
    }
    expect(failures[0]?.message).toContain('Check user and password');
    expect(failures[1]?.message).toContain('Create the database, or name another one');
  });

  it('of a newer version is refused, untouched', async () => {
    const url = await database('newer');
    await (await openRunStore(url)).close();
    await query(url, "insert into qdrant_bench.migrations values ('0099-later', '2030-01-01')");
    await expect(openRunStore(url)).rejects.toMatchObject({ reason: 'StoreTooNew' });
    expect(await query(url, 'select name from qdrant_bench.migrations order by name')).toHaveLength(3);
  });

  it('whose tables were taken away says what to do', async () => {
    const url = await database('robbed');
    const store = await openRunStore(url);
    await query(url, 'alter table qdrant_bench.searches rename to elsewhere');
    await expect(store.history('e')).rejects.toMatchObject({ reason: 'StoreCorrupt' });
    await store.close();
  });

  it('asks for rights it lacks', async () => {
    const url = await database('rights');
    await query(url, "create role reader login password 'reader'");
    const asReader = url.replace(/\/\/[^@]*@/, '//reader:reader@');
    const failure = await failureOf(openRunStore(asReader));
    expect(failure).toMatchObject({ reason: 'StoreUnreachable' });
    expect(failure.message).toContain('Grant the user CREATE on the database');
  });
});
