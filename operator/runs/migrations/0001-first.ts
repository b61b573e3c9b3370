import { sql, type Kysely, type RawBuilder } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Text compared byte by byte: the same order on every server, whatever its locale. */
const text = sql`text collate "C"`;

/**
 * The first tables. A migration is never edited once released: what follows goes into a new file. Every key is a
 * natural one, so that writing the same thing twice meets the row already there.
 */
export const first: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const { schema } = db.withSchema('qdrant_bench');

    await schema
      .createTable('connections')
      .addColumn('namespace', text, (column) => column.notNull())
      .addColumn('id', text, (column) => column.notNull())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('url', 'text')
      .addColumn('qdrant_version', 'text')
      .addColumn('description', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('connections_key', ['namespace', 'id'])
      .execute();

    await schema
      .createTable('datasets')
      .addColumn('namespace', text, (column) => column.notNull())
      .addColumn('id', text, (column) => column.notNull())
      .addColumn('digest', text, (column) => column.notNull())
      .addColumn('points', 'bigint', (column) => column.notNull())
      .addColumn('dimensions', 'integer', (column) => column.notNull())
      .addColumn('distance', 'text', (column) => column.notNull())
      .addColumn('queries', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('datasets_key', ['namespace', 'id'])
      .execute();

    await schema
      .createTable('experiments')
      .addColumn('id', text, (column) => column.primaryKey())
      .addColumn('namespace', text, (column) => column.notNull())
      .addColumn('name', text, (column) => column.notNull())
      .addColumn('history_key', text, (column) => column.notNull())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('spec', 'jsonb', (column) => column.notNull())
      .addColumn('dataset', text, (column) => column.notNull())
      .addColumn('connection', text, (column) => column.notNull())
      .addColumn('status', 'jsonb', (column) => column.notNull())
      .addColumn('created_at', 'timestamptz(3)', (column) => column.notNull())
      .addColumn('updated_at', 'timestamptz(3)', (column) => column.notNull())
      .addUniqueConstraint('experiments_by_key', ['namespace', 'name', 'history_key'])
      // Lets the other tables carry the namespace and never disagree about it.
      .addUniqueConstraint('experiments_by_namespace', ['namespace', 'id'])
      .addForeignKeyConstraint('experiments_dataset', ['namespace', 'dataset'], 'datasets', ['namespace', 'id'])
      .addForeignKeyConstraint('experiments_connection', ['namespace', 'connection'], 'connections', [
        'namespace',
        'id',
      ])
      .execute();
    await schema.createIndex('experiments_by_age').on('experiments').columns(['created_at', 'id']).execute();

    await schema
      .createTable('runs')
      .addColumn('namespace', text, (column) => column.notNull())
      .addColumn('experiment', text, (column) => column.notNull())
      .addColumn('id', text, (column) => column.notNull())
      .addColumn('attempt', 'integer', (column) => column.notNull().check(sql`attempt >= 1`))
      .addColumn('role', 'text', (column) => column.notNull())
      .addColumn('build', 'jsonb', (column) => column.notNull())
      .addColumn('collection', 'text', (column) => column.notNull())
      .addColumn('collection_deleted', 'boolean', (column) => column.notNull().defaultTo(false))
      .addColumn('metrics', 'jsonb', (column) => column.notNull())
      .addColumn('applied', 'jsonb', (column) => column.notNull())
      .addColumn('verdict', 'text')
      .addColumn('reason', 'text')
      .addColumn('message', 'text')
      .addColumn('started_at', 'timestamptz(3)', (column) => column.notNull())
      .addColumn('finished_at', 'timestamptz(3)')
      .addPrimaryKeyConstraint('runs_key', ['experiment', 'id', 'attempt'])
      .addCheckConstraint('runs_finished_whole', sql`(finished_at is null) = (verdict is null)`)
      .addForeignKeyConstraint('runs_experiment', ['namespace', 'experiment'], 'experiments', ['namespace', 'id'])
      .execute();
    await schema
      .createIndex('runs_with_collection')
      .on('runs')
      .columns(['experiment', 'started_at'])
      .where(whether(sql`not collection_deleted`))
      .execute();

    await schema
      .createTable('searches')
      .addColumn('namespace', text, (column) => column.notNull())
      .addColumn('experiment', text, (column) => column.notNull())
      .addColumn('id', text, (column) => column.notNull())
      .addColumn('run', text, (column) => column.notNull())
      .addColumn('attempt', 'integer', (column) => column.notNull())
      .addColumn('stage', 'text', (column) => column.notNull())
      .addColumn('verdict', 'text', (column) => column.notNull())
      .addColumn('finished_at', 'timestamptz(3)', (column) => column.notNull())
      .addColumn('body', 'jsonb', (column) => column.notNull())
      .addPrimaryKeyConstraint('searches_key', ['experiment', 'id'])
      .addForeignKeyConstraint('searches_experiment', ['namespace', 'experiment'], 'experiments', ['namespace', 'id'])
      .execute();
    await schema.createIndex('searches_in_order').on('searches').columns(['experiment', 'finished_at', 'id']).execute();

    await schema
      .createTable('series')
      .addColumn('namespace', text, (column) => column.notNull())
      .addColumn('experiment', text, (column) => column.notNull())
      .addColumn('search', text, (column) => column.notNull())
      .addColumn('repeat', 'integer', (column) => column.notNull())
      .addColumn('second', 'integer', (column) => column.notNull())
      .addColumn('values', 'jsonb', (column) => column.notNull())
      .addPrimaryKeyConstraint('series_key', ['experiment', 'search', 'repeat', 'second'])
      .addForeignKeyConstraint('series_experiment', ['namespace', 'experiment'], 'experiments', ['namespace', 'id'])
      .execute();

    await schema
      .createTable('proposals')
      .addColumn('namespace', text, (column) => column.notNull())
      .addColumn('experiment', text, (column) => column.notNull())
      .addColumn('after_runs', 'integer', (column) => column.notNull())
      .addColumn('proposed_at', 'timestamptz(3)', (column) => column.notNull())
      .addColumn('body', 'jsonb', (column) => column.notNull())
      .addPrimaryKeyConstraint('proposals_key', ['experiment', 'after_runs'])
      .addForeignKeyConstraint('proposals_experiment', ['namespace', 'experiment'], 'experiments', ['namespace', 'id'])
      .execute();
  },
};

/** A raw condition where the builder's types want one of a known table. */
function whether(condition: RawBuilder<unknown>): RawBuilder<boolean> {
  return condition.$castTo<boolean>();
}
