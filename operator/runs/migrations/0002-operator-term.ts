import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Who leads, by what it leads; see operator/runs/term.ts. */
export const operatorTerm: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db
      .withSchema('qdrant_bench')
      .schema.createTable('operator_terms')
      .addColumn('scope', sql`text collate "C"`, (column) => column.primaryKey())
      .addColumn('term', 'bigint', (column) => column.notNull().check(sql`term >= 0`))
      .addColumn('holder', 'text', (column) => column.notNull())
      .addColumn('since', 'timestamptz(3)', (column) => column.notNull().defaultTo(sql`now()`))
      .execute();
  },
};
