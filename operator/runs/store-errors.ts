import { RecordError } from './storable.ts';
import { StoreError } from './run-store.ts';

/** A store as people know it; never with a password. */
export interface Place {
  kind: 'folder' | 'server';
  /** The folder's path, or `postgres://user@host:port/database`. */
  name: string;
}

/** How the operating system and the driver say that nobody answers. */
const GONE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
  'EACCES',
  'ESOCKETTIMEDOUT',
]);

const NO_ACCESS = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP']);

/** The driver's own errors carry no code. */
const GONE_MESSAGE =
  /connection terminated|connection (was )?closed|timeout exceeded when trying to connect|query read timeout|client has encountered a connection error|not queryable|connect(ion)? timeout|server does not support ssl|self-signed certificate|SASL/i;

const TABLES_CHANGED = 'Its tables are not those of this program: restore schema qdrant_bench from a backup';

/** What to do, by SQLSTATE or its class (two characters); see "PostgreSQL Error Codes" in its manual. */
const REMEDIES: Readonly<Record<string, readonly [StoreError['reason'], string]>> = {
  '53100': ['StoreFull', 'Free some space and try again'],
  '53': ['StoreUnreachable', 'The server is out of connections or memory; try again later'],
  '08': ['StoreUnreachable', 'Check that the server runs and can be reached'],
  '57014': ['StoreUnreachable', 'The server took too long; try again later'],
  '57': ['StoreUnreachable', 'The server is stopping or starting; try again later'],
  '55': ['StoreUnreachable', 'Another session holds a lock; try again later'],
  '40': ['StoreUnreachable', 'Other sessions kept getting in the way; try again later'],
  '28': ['StoreUnreachable', 'Check user and password'],
  '3D': ['StoreUnreachable', 'Create the database, or name another one'],
  '25006': ['StoreUnreachable', 'The server only reads: name the primary, or free its disk'],
  '42501': ['StoreUnreachable', 'Grant the user CREATE on the database and all rights on schema qdrant_bench'],
  XX: ['StoreCorrupt', 'Restore it from a backup, or use another --store'],
  '58': ['StoreCorrupt', 'Restore it from a backup, or use another --store'],
  '42P01': ['StoreCorrupt', TABLES_CHANGED],
  '42703': ['StoreCorrupt', TABLES_CHANGED],
  '3F000': ['StoreCorrupt', TABLES_CHANGED],
};

/** SQLSTATEs after which the same transaction may succeed: deadlock and serialization failure. */
export function worthRetrying(error: unknown): boolean {
  const code = codeOf(error);
  return code === '40001' || code === '40P01';
}

/**
 * The error to throw for one from a driver: a StoreError where the store is the cause, a RecordError where a row refers
 * to an experiment that is not there, otherwise the error itself (a fault of this program).
 */
export function storeError(error: unknown, place: Place): unknown {
  if (error instanceof StoreError || error instanceof RecordError) return error;
  const code = codeOf(error);
  const said = error instanceof Error ? firstLine(error.message) || code : firstLine(String(error));
  const remedy = REMEDIES[code] ?? (isSqlState(code) ? REMEDIES[code.slice(0, 2)] : undefined);
  if (remedy !== undefined) return made(remedy[0], remedy[1], said, place, error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return made('StoreFull', 'Free some space and try again', said, place, error);
  }
  if (place.kind === 'folder' && NO_ACCESS.has(code)) {
    return made('StoreUnreachable', 'Check its owner and permissions, or use another --store', said, place, error);
  }
  if (place.kind === 'server' && (GONE.has(code) || GONE_MESSAGE.test(said))) {
    return made('StoreUnreachable', 'Check that the server runs and can be reached', said, place, error);
  }
  return error;
}

const SENTENCE: Record<StoreError['reason'], string> = {
  StoreFull: 'has no space left',
  StoreUnreachable: 'cannot be reached',
  StoreCorrupt: 'cannot be read',
  StoreLocked: 'is in use',
  StoreTooNew: 'is too new',
  Fenced: 'has another leader',
};

function made(reason: StoreError['reason'], remedy: string, said: string, place: Place, cause: unknown): StoreError {
  const what = place.kind === 'folder' ? 'store folder' : 'store';
  return new StoreError(reason, `${what} ${place.name} ${SENTENCE[reason]}: ${said}. ${remedy}.`, { cause });
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

function isSqlState(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]{4}$/.test(code);
}

function firstLine(text: string): string {
  return (text.split('\n', 1)[0] ?? '').slice(0, 500).replace(/\.$/, '');
}
