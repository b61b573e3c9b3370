import { PGlite } from '@electric-sql/pglite';
import { Kysely, PGliteDialect, sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PARSERS } from './column-types.ts';
import { migrate, migrationsTaken } from './migrate.ts';
import { MIGRATIONS } from './migrations/all.ts';
import { first } from './migrations/0001-first.ts';
import { PostgresRunStore } from './postgres-run-store.ts';
import type { Tables } from './schema.ts';
import { newExperiment, newSearch, NOW } from './testing/records.ts';

const place = { kind: 'folder', name: 'memory' } as const;
let db: Kysely<Tables>;
beforeAll(() => {
  db = new Kysely<Tables>({ dialect: new PGliteDialect({ pglite: new PGlite({ parsers: { ...PARSERS } }) }) });
});
afterAll(() => db.destroy());

describe('migrations', () => {
  it('are named in the order they are taken', () => {
    const names = Object.keys(MIGRATIONS);
    expect(names).toEqual(names.toSorted());
    for (const [index, name] of names.entries())
      expect(name).toMatch(new RegExp(`^${String(index + 1).padStart(4, '0')}-[a-z-]+$`));
    expect(MIGRATIONS['0001-first']).toBe(first);
  });

  it('bring a store of the first version, with its rows, to the latest and beyond', async () => {
    expect(await migrationsTaken(db)).toEqual([]);
    await migrate(db, 'memory', { '0001-first': first });
    const columns = await sql<{ line: string }>`
      select table_name || ': ' || string_agg(column_name || ' ' || udt_name, ', ' order by ordinal_position) as line
      from information_schema.columns where table_schema = 'qdrant_bench' and table_name not like 'migrations%'
      group by table_name order by table_name`.execute(db);
    // What the first version made, for good: change the tables in a new migration.
    expect(columns.rows.map((row) => row.line)).toMatchInlineSnapshot(`
      [
        "connections: namespace text, id text, kind text, url text, qdrant_version text, description text",
        "datasets: namespace text, id text, digest text, points int8, dimensions int4, distance text, queries int8",
        "experiments: id text, namespace text, name text, history_key text, kind text, spec jsonb, dataset text, connection text, status jsonb, created_at timestamptz, updated_at timestamptz",
        "proposals: namespace text, experiment text, after_runs int4, proposed_at timestamptz, body jsonb",
        "runs: namespace text, experiment text, id text, attempt int4, role text, build jsonb, collection text, collection_deleted bool, metrics jsonb, applied jsonb, verdict text, reason text, message text, started_at timestamptz, finished_at timestamptz",
        "searches: namespace text, experiment text, id text, run text, attempt int4, stage text, verdict text, finished_at timestamptz, body jsonb",
        "series: namespace text, experiment text, search text, repeat int4, second int4, values jsonb",
      ]
    `);

    const store = new PostgresRunStore(db, place);
    const { id } = await store.ensureExperiment(newExperiment('k'), NOW);
    await store.commitSearch(id, newSearch('s'));

    await migrate(db, 'memory');
    await migrate(db, 'memory');
    const later = {
      ...MIGRATIONS,
      '9999-later': {
        up: (inner: Kysely<unknown>) =>
          inner.schema.withSchema('qdrant_bench').alterTable('searches').addColumn('more', 'text').execute(),
      },
    };
    await migrate(db, 'memory', later);
    expect((await store.history(id)).searches).toEqual([newSearch('s')]);
    expect(await migrationsTaken(db)).toEqual(Object.keys(later));
    await expect(migrate(db, 'memory')).rejects.toMatchObject({
      reason: 'StoreTooNew',
      message: expect.stringContaining('memory was written by a newer qdrant-bench (it has 9999-later') as string,
    });
  });

  it('that fail leave nothing behind', async () => {
    const taken = await migrationsTaken(db);
    const broken = {
      ...Object.fromEntries(taken.map((name) => [name, first])),
      '99999-broken': {
        up: async (inner: Kysely<unknown>) => {
          await inner.schema.withSchema('qdrant_bench').createTable('half').addColumn('x', 'text').execute();
          await sql`select 1 / 0`.execute(inner);
        },
      },
    };
    await expect(migrate(db, 'memory', broken)).rejects.toMatchObject({ code: '22012' });
    const half = await sql<{ found: boolean }>`select to_regclass('qdrant_bench.half') is not null as found`.execute(
      db,
    );
    expect(half.rows).toEqual([{ found: false }]);
  });
});
