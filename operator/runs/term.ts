import type { Kysely, Transaction } from 'kysely';
import { StoreError, type Term } from './run-store.ts';
import type { Tables } from './schema.ts';
import { storableCount, storableName } from './storable.ts';

/** The latest term that ever wrote here under this scope; -1 when none did. */
export async function latestTerm(db: Kysely<Tables>, scope: string): Promise<number> {
  const row = await db
    .selectFrom('operator_terms')
    .select('term')
    .where('scope', '=', storableName('scope', scope))
    .executeTakeFirst();
  return row?.term ?? -1;
}

/**
 * Makes `term` the latest. Waits for writes of earlier terms that are under way, and is done before any other begins.
 * @throws StoreError `Fenced` when a newer term was here, or the same one of another holder.
 */
export async function registerTerm(db: Kysely<Tables>, term: Term): Promise<void> {
  const row = {
    scope: storableName('scope', term.scope),
    term: storableCount('term', term.term),
    holder: storableName('holder', term.holder),
  };
  const latest = await db
    .insertInto('operator_terms')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .column('scope')
        .doUpdateSet({ term: row.term, holder: row.holder, since: new Date().toISOString() })
        .where('operator_terms.term', '<', row.term),
    )
    .returning('term')
    .executeTakeFirst();
  if (!latest) await checkTerm(db, term);
}

/**
 * To be called first in each transaction that writes. The share lock holds up a newer term's registration until this
 * transaction has ended: after it, nothing of an older term is committed.
 * @throws StoreError `Fenced`
 */
export async function checkTerm(
  db: Kysely<Tables> | Transaction<Tables>,
  { scope, term, holder }: Term,
): Promise<void> {
  const latest = await db
    .selectFrom('operator_terms')
    .select(['term', 'holder'])
    .where('scope', '=', scope)
    .forShare()
    .executeTakeFirst();
  if (latest?.term === term && latest.holder === holder) return;
  throw new StoreError(
    'Fenced',
    latest
      ? `term ${String(term)} of ${scope} is over: ${latest.holder} leads in term ${String(latest.term)}; nothing was written`
      : `term ${String(term)} of ${scope} is not known to the store: its table operator_terms was emptied; nothing was written. Restart the operator`,
  );
}
