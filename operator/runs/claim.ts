import { setTimeout as sleep } from 'node:timers/promises';
import { sql, type Kysely } from 'kysely';
import { StoreError } from './run-store.ts';
import type { Tables } from './schema.ts';

/** How long a claim of another process is waited for: one that was just killed is let go by the server within that. */
const PATIENCE_MS = 5_000;
const LOOK_AGAIN_MS = 250;

/**
 * Makes this process the only one that conducts an experiment on a server: a session advisory lock on a connection of its
 * own (PostgreSQL documentation, "Advisory Locks"), which the server lets go when the process dies.
 * @returns what ends the claim; may be called twice.
 * @throws StoreError `StoreLocked` when another process has it.
 */
export async function claimExperiment(
  db: Kysely<Tables>,
  experiment: string,
  place: string,
): Promise<() => Promise<void>> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const release = await tryClaim(db, experiment);
    if (release) return release;
    if (Date.now() >= until) {
      throw new StoreError(
        'StoreLocked',
        `another process conducts this sweep with the record at ${place}; wait for it or stop it, then run this again`,
      );
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

async function tryClaim(db: Kysely<Tables>, experiment: string): Promise<(() => Promise<void>) | undefined> {
  const taken = Promise.withResolvers<boolean>();
  const released = Promise.withResolvers<void>();
  const holding = db.connection().execute(async (connection) => {
    // A holder whose machine is gone says nothing any more: the server finds out within half a minute, not in hours.
    await sql`select set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
      set_config('tcp_keepalives_count', '3', false)`.execute(connection);
    const { rows } = await sql<{
      taken: boolean;
    }>`select pg_try_advisory_lock(hashtextextended(${experiment}, 0)) as taken`.execute(connection);
    const got = rows[0]?.taken ?? false;
    taken.resolve(got);
    if (!got) return;
    await released.promise;
    await sql`select pg_advisory_unlock(hashtextextended(${experiment}, 0))`.execute(connection);
  });
  holding.catch(taken.reject);
  if (!(await taken.promise)) return undefined;
  return async () => {
    released.resolve();
    // A connection that broke meanwhile has let go already.
    await holding.catch(() => undefined);
  };
}
