import { PGlite } from '@electric-sql/pglite';
import { PARSERS } from './column-types.ts';

/** The status of the exception by which the engine leaves a failed statement; every other exception is its end. */
const STATEMENT_FAILED = 100;
const LOG_LINES = 20;

const SETTINGS = [
  // Keep little of the log of writes after a checkpoint.
  'min_wal_size=2MB',
  'max_wal_size=16MB',
  // Its timer would keep the process from ending when the engine has failed to start.
  'log_startup_progress_interval=0',
];

/** The engine's major version, as it writes it into a data folder's PG_VERSION. */
export const ENGINE_VERSION = '18';

/** The embedded engine ended in the middle of its work (PANIC or a trap): this instance must not be used again. */
export class EngineEnded extends Error {
  override readonly name = 'EngineEnded';
}

/** A started engine on a data folder. */
export interface Engine {
  db: PGlite;
  ended(): boolean;
  /** The last lines of its log, most recent last. */
  log(): string[];
}

/**
 * Starts the embedded Postgres on a data folder, making the folder's content when it is empty.
 *
 * @throws EngineEnded with what the log says when it cannot start
 */
export async function startEngine(dataFolder: string): Promise<Engine> {
  const lines: string[] = [];
  const db = new PGlite(dataFolder, {
    parsers: { ...PARSERS },
    // Small segments: the log of writes takes 1 MB at a time of the disk, not 16.
    initDbStartParams: ['--wal-segsize=1'],
    startParams: [...PGlite.defaultStartParams, ...SETTINGS.flatMap((setting) => ['-c', setting])],
    onStderr: (line) => {
      lines.push(line);
      if (lines.length > LOG_LINES) lines.shift();
      return false;
    },
  });
  try {
    await db.waitReady;
  } catch (cause) {
    await closeFiles(db);
    throw new EngineEnded(reasonIn(lines) ?? messageOf(cause), { cause });
  }
  return { db, ended: guard(db, lines), log: () => [...lines] };
}

/** The last line of a log that says why. */
export function reasonIn(log: readonly string[]): string | undefined {
  return log.findLast((line) => /\b(PANIC|FATAL|ERROR):/.test(line))?.replace(/^.*?\b(PANIC|FATAL|ERROR):\s*/, '');
}

/**
 * Makes the end of the engine an error. On its own PGlite repeats, for ever, a statement whose engine has ended: its loop
 * catches what the engine throws and goes on until the statement is read, which never happens. So we note the end when it
 * is thrown, and leave the loop at the next thing it does.
 */
function guard(db: PGlite, log: readonly string[]): () => boolean {
  const module = db.Module;
  const { _PostgresMainLoopOnce: step, stackRestore, _PostgresSendReadyForQueryIfNecessary: tell } = module;
  const { _pgl_pq_flush: flush } = module;
  let ended = false;
  const leave = (): never => {
    throw new EngineEnded(reasonIn(log) ?? 'the embedded Postgres stopped');
  };
  module._PostgresMainLoopOnce = () => {
    if (ended) leave();
    try {
      step();
    } catch (error) {
      ended = (error as { status?: unknown } | null)?.status !== STATEMENT_FAILED;
      throw error;
    }
  };
  module.stackRestore = (pointer) => (ended ? leave() : stackRestore(pointer));
  module._PostgresSendReadyForQueryIfNecessary = () => {
    if (!ended) tell();
  };
  module._pgl_pq_flush = () => {
    if (!ended) flush();
  };
  return () => ended;
}

/** Closes the files of an engine that did not get as far as closing them itself. */
async function closeFiles(db: PGlite): Promise<void> {
  try {
    await db.fs?.closeFs();
  } catch {
    // It failed before it had files.
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
