import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Kysely, PGliteDialect, PostgresDialect } from 'kysely';
import { Pool, TypeOverrides } from 'pg';
import { PARSERS } from './column-types.ts';
import { EmbeddedDatabase } from './embedded-database.ts';
import { heldMessage, isLock, tryLock, type FolderLock } from './folder-lock.ts';
import { migrate } from './migrate.ts';
import { PostgresRunStore } from './postgres-run-store.ts';
import { StoreError, type TermedRunStore } from './run-store.ts';
import type { Tables } from './schema.ts';
import { RecordError } from './storable.ts';
import { storeError, type Place } from './store-errors.ts';
import { ensureDatabase, prepareFolder } from './store-folder.ts';

export interface OpenOptions {
  /** When given, a folder in use is waited for, and this is told once for each owner. Otherwise opening rejects with `StoreLocked`. */
  onWait?: (message: string) => void;
  /** Ends the waiting. */
  signal?: AbortSignal;
  /** Most connections to a server. Each sweep that is conducted holds one. Default 4. */
  connections?: number;
}

const LOOK_AGAIN_MS = 200;

/** Milliseconds, and connections: a sweep commits a few rows a second at most. */
const POOL = {
  max: 4,
  connectionTimeoutMillis: 10_000,
  idleTimeoutMillis: 30_000,
  statement_timeout: 60_000,
  query_timeout: 70_000,
  idle_in_transaction_session_timeout: 60_000,
  keepAlive: true,
  application_name: 'qdrant-bench',
} as const;

const TYPES = new TypeOverrides();
for (const [type, parse] of Object.entries(PARSERS)) TYPES.setTypeParser(Number(type), 'text', parse);

/**
 * Opens the record and brings its tables up to date.
 *
 * @param location `postgres://…` or `postgresql://…` for a server, otherwise a folder, made when missing
 * @throws StoreError `StoreLocked` (another process has the folder), `StoreFull`, `StoreUnreachable`, `StoreTooNew`, `StoreCorrupt`
 * @throws RecordError when the location is neither
 */
export function openRunStore(location: string, options: OpenOptions = {}): Promise<TermedRunStore> {
  if (/^postgres(ql)?:/i.test(location)) return openServer(location, options.connections ?? POOL.max);
  if (location.trim() === '' || (/^[a-z][a-z0-9+.-]+:\/\//i.test(location) && !/^file:/i.test(location))) {
    const scheme = location.split('://', 1)[0] ?? '';
    throw new RecordError(
      `store: ${JSON.stringify(scheme)} is not known, expected a folder or postgres://user@host/database`,
    );
  }
  return openFolder(resolve(/^file:/i.test(location) ? fileURLToPath(location) : location), options);
}

async function openServer(location: string, max: number): Promise<TermedRunStore> {
  const place: Place = { kind: 'server', name: withoutPassword(location) };
  const pool = new Pool({ connectionString: location, types: TYPES, ...POOL, max });
  // A connection that dies is replaced. Without listeners its death would end the process: the pool's own hears of idle
  // connections only, and one in use says it a second time, after its statement has failed.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  try {
    await migrate(db, `store ${place.name}`);
  } catch (error) {
    await db.destroy();
    throw storeError(error, place);
  }
  return new PostgresRunStore(db, place);
}

async function openFolder(folder: string, options: OpenOptions): Promise<TermedRunStore> {
  const place: Place = { kind: 'folder', name: folder };
  const opened: (() => Promise<void> | void)[] = [];
  const release = async (): Promise<void> => {
    for (const undo of opened.splice(0).toReversed()) await undo();
  };
  try {
    prepareFolder(folder);
    const lock = await takeFolder(folder, options);
    opened.push(() => {
      lock.release();
    });
    const database = await EmbeddedDatabase.open(folder, await ensureDatabase(folder));
    opened.push(() => database.close());
    const db = new Kysely<Tables>({ dialect: new PGliteDialect({ pglite: database }) });
    await migrate(db, `store folder ${folder}`);
    return new PostgresRunStore(db, place, release);
  } catch (error) {
    await release();
    throw storeError(error, place);
  }
}

async function takeFolder(folder: string, { onWait, signal }: OpenOptions): Promise<FolderLock> {
  for (let told = ''; ;) {
    const result = tryLock(folder, new Date().toISOString());
    if (isLock(result)) return result;
    const message = heldMessage(folder, result);
    if (onWait === undefined) throw new StoreError('StoreLocked', message);
    if (told !== message) onWait(message);
    told = message;
    await sleep(LOOK_AGAIN_MS, undefined, { signal });
  }
}

/** `postgres://user@host:port/database`: what may be shown of a server's URL. */
export function withoutPassword(location: string): string {
  let url: URL;
  try {
    url = new URL(location);
  } catch {
    // The text of the error would repeat the URL, with the password in it.
    throw new StoreError(
      'StoreUnreachable',
      "the store's URL cannot be read, expected postgres://user:password@host:port/database; write special characters in it as %XX",
    );
  }
  const user = url.username === '' ? '' : `${url.username}@`;
  return `${url.protocol}//${user}${url.host || (url.searchParams.get('host') ?? 'localhost')}${url.pathname}`;
}
