import { sql, type Kysely } from 'kysely';
import { Migrator, type Migration } from 'kysely/migration';
import { MIGRATIONS } from './migrations/all.ts';
import { StoreError } from './run-store.ts';
import { SCHEMA, type Tables } from './schema.ts';

/** Where the names of the steps taken are kept. */
export const MIGRATION_TABLE = 'migrations';

/** The steps this database has taken, in order; none when it is new. */
export async function migrationsTaken(db: Kysely<Tables>): Promise<string[]> {
  const table = `${SCHEMA}.${MIGRATION_TABLE}`;
  const { rows } = await sql<{ found: boolean }>`select to_regclass(${table}) is not null as found`.execute(db);
  if (rows[0]?.found !== true) return [];
  const taken = await sql<{ name: string }>`select name from ${sql.table(table)} order by name`.execute(db);
  return taken.rows.map((row) => row.name);
}

/**
 * Brings the tables up to this program's version; may run twice and in several processes at once.
 *
 * @param place what to call the store in a message
 * @throws StoreError `StoreTooNew`, before anything is written, when the store has taken steps this program does not know
 */
export async function migrate(
  db: Kysely<Tables>,
  place: string,
  migrations: Readonly<Record<string, Migration>> = MIGRATIONS,
): Promise<void> {
  const known = Object.keys(migrations);
  const taken = await migrationsTaken(db);
  const unknown = taken.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new StoreError(
      'StoreTooNew',
      `${place} was written by a newer qdrant-bench (it has ${unknown.join(', ')}, this program knows up to ` +
        `${known.at(-1) ?? 'nothing'}); nothing was changed. Use that version or newer, or another --store.`,
    );
  }
  if (taken.length === known.length) return;
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve({ ...migrations }) },
    migrationTableName: MIGRATION_TABLE,
    migrationLockTableName: `${MIGRATION_TABLE}_lock`,
    migrationTableSchema: SCHEMA,
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}
