import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { engineError, freeBytes, megabytes, RESERVE_BYTES } from './embedded-database.ts';
import { ENGINE_VERSION, startEngine } from './embedded-engine.ts';
import { LOCK_FOLDER } from './folder-lock.ts';
import { StoreError } from './run-store.ts';

/** The engine's data; there if and only if it was made completely. */
const DATABASE = 'database';
/** One being made; left over when making it was interrupted. */
const UNFINISHED = 'unfinished-';
/** Within the engine's data: says that it is ours. */
const MARKER = 'qdrant-bench.json';
const FORMAT = 1;
/** What a new database takes, with the reserve. */
const NEW_BYTES = (32 << 20) + RESERVE_BYTES;

/**
 * Makes the store's folder, or checks that it is one or empty; touches nothing that is not ours.
 *
 * @throws StoreError `StoreCorrupt` for a folder with other things in it or a damaged one, `StoreTooNew`
 */
export function prepareFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  check(folder);
  // The history and the specs in it are for their owner only.
  if ((statSync(folder).mode & 0o777) !== 0o700) chmodSync(folder, 0o700);
}

/**
 * The engine's data folder, made when it is not there yet. Only for the folder's owner. It appears whole or not at all.
 *
 * @throws StoreError as `prepareFolder`, and `StoreFull`
 */
export async function ensureDatabase(folder: string, free: (folder: string) => number = freeBytes): Promise<string> {
  const database = join(folder, DATABASE);
  for (const name of readdirSync(folder)) {
    if (name.startsWith(UNFINISHED)) rmSync(join(folder, name), { recursive: true, force: true });
  }
  if (check(folder)) return database;
  if (free(folder) < NEW_BYTES) {
    throw new StoreError(
      'StoreFull',
      `store folder ${folder} has no space for a store: ${megabytes(free(folder))} free, ${megabytes(NEW_BYTES)} needed. ` +
        'Free some space or use another --store.',
    );
  }
  const unfinished = join(folder, `${UNFINISHED}${randomUUID()}`);
  try {
    const engine = await startEngine(unfinished);
    await engine.db.close();
    writeFileSync(join(unfinished, MARKER), `${JSON.stringify({ format: FORMAT })}\n`, { mode: 0o600, flush: true });
    renameSync(unfinished, database);
  } catch (error) {
    const { message } = error as Error;
    const failure = engineError(folder, message, free, error);
    rmSync(unfinished, { recursive: true, force: true });
    throw failure;
  }
  return database;
}

/** True when the folder holds a store, false when it holds nothing yet. */
function check(folder: string): boolean {
  const names = readdirSync(folder);
  if (!names.includes(DATABASE)) {
    const strangers = names.filter(
      (name) => name !== LOCK_FOLDER && name !== 'lost+found' && !name.startsWith(UNFINISHED),
    );
    if (strangers.length === 0) return false;
    throw corrupt(
      `${folder} is not a store: it holds ${strangers.slice(0, 3).join(', ')}${strangers.length > 3 ? ', …' : ''} and no ${DATABASE}; ` +
        'nothing was changed. Name an empty folder, or one that does not exist yet.',
    );
  }
  const database = join(folder, DATABASE);
  const format = formatOf(folder, join(database, MARKER));
  if (format > FORMAT) {
    throw new StoreError(
      'StoreTooNew',
      `store folder ${folder} has format ${String(format)}, this program knows up to ${String(FORMAT)}; nothing was changed. Use a newer qdrant-bench, or another --store.`,
    );
  }
  checkEngineVersion(folder, join(database, 'PG_VERSION'));
  return true;
}

function formatOf(folder: string, marker: string): number {
  try {
    const { format } = JSON.parse(readFileSync(marker, 'utf8')) as { format: unknown };
    if (Number.isSafeInteger(format)) return format as number;
  } catch {
    // Said below.
  }
  throw corrupt(
    `store folder ${folder} is damaged, or its ${DATABASE} is not ours: ${MARKER} in it is missing or unreadable; nothing was changed. ` +
      'Restore it from a copy, or use another --store.',
  );
}

function checkEngineVersion(folder: string, file: string): void {
  const version = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  if (version === ENGINE_VERSION) return;
  if (/^\d+$/.test(version) && Number(version) > Number(ENGINE_VERSION)) {
    throw new StoreError(
      'StoreTooNew',
      `store folder ${folder} was written by Postgres ${version}, this program has ${ENGINE_VERSION}; nothing was changed. Use a newer qdrant-bench, or another --store.`,
    );
  }
  throw corrupt(
    `store folder ${folder} cannot be opened: its PG_VERSION says ${JSON.stringify(version.slice(0, 20))}, expected ${ENGINE_VERSION}; nothing was changed. ` +
      'Restore it from a copy, or use another --store.',
  );
}

function corrupt(message: string): StoreError {
  return new StoreError('StoreCorrupt', message);
}
