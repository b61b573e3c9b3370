import { statfsSync } from 'node:fs';
import type { PGliteDialectConfig } from 'kysely';
import { EngineEnded, reasonIn, startEngine, type Engine } from './embedded-engine.ts';
import { StoreError } from './run-store.ts';

type KyselyDatabase = Exclude<PGliteDialectConfig['pglite'], (...args: never[]) => unknown>;
type QueryOptions = Parameters<KyselyDatabase['query']>[2];
type Transaction = Parameters<Parameters<KyselyDatabase['transaction']>[0]>[0];

/**
 * Free bytes below which nothing is written. The engine cannot survive a full disk while it extends its log of writes, so it
 * never gets there by its own doing: a statement writes far less than this (see `MAX_BYTES`).
 */
export const RESERVE_BYTES = 8 << 20;

/** The engine has no process of its own that trims the log of writes; we ask for it after so much written. */
const CHECKPOINT_BYTES = 4 << 20;
const CHECKPOINT_STATEMENTS = 1_000;

/** The embedded Postgres of one folder, as Kysely's dialect wants it. Starts anew when the engine has ended. */
export class EmbeddedDatabase implements KyselyDatabase {
  readonly #folder: string;
  readonly #dataFolder: string;
  readonly #freeBytes: (folder: string) => number;
  #engine: Promise<Engine>;
  #sinceTrim = { bytes: 0, statements: 0 };
  #closing: Promise<void> | undefined;
  closed = false;
  readonly ready = true;
  readonly waitReady = Promise.resolve();

  private constructor(folder: string, dataFolder: string, engine: Engine, free: (folder: string) => number) {
    this.#folder = folder;
    this.#dataFolder = dataFolder;
    this.#engine = Promise.resolve(engine);
    this.#freeBytes = free;
  }

  /**
   * @param folder the store's folder, for messages
   * @param dataFolder the engine's, within it
   */
  static async open(folder: string, dataFolder: string, free = freeBytes): Promise<EmbeddedDatabase> {
    return new EmbeddedDatabase(folder, dataFolder, await start(folder, dataFolder, free), free);
  }

  async query<T>(sql: string, parameters: unknown[] = [], options?: QueryOptions) {
    const writes = !/^\s*select\b/i.test(sql);
    const result = await this.#use(writes, (db) => db.query<T>(sql, parameters, options));
    if (writes) await this.#written(parameters);
    return result;
  }

  async transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const written: unknown[] = [];
    let begun = false;
    const recorded = (transaction: Transaction): Promise<T> => {
      begun = true;
      return work({
        query: (sql, parameters, options) => {
          written.push(...(parameters ?? []));
          return transaction.query(sql, parameters, options);
        },
        rollback: () => transaction.rollback(),
      });
    };
    try {
      const result = await this.#use(true, (db) => db.transaction(recorded));
      await this.#written(written);
      return result;
    } catch (error) {
      // Kysely waits, without an end, for the work to begin: let it begin, and fail.
      if (!begun)
        await work({ query: () => Promise.reject(error), rollback: () => Promise.resolve() }).catch(() => undefined);
      throw error;
    }
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.closed = true;
      const engine = await this.#engine.catch(() => undefined);
      if (engine !== undefined) await stop(engine);
    })();
    return this.#closing;
  }

  async #use<T>(writes: boolean, work: (db: Engine['db']) => Promise<T>): Promise<T> {
    if (writes) this.#assureSpace();
    const engine = await this.#running();
    try {
      return await work(engine.db);
    } catch (error) {
      if (!engine.ended()) throw error;
      throw engineError(this.#folder, reasonIn(engine.log()) ?? 'it stopped', this.#freeBytes, error);
    }
  }

  /** The engine, started anew if it has ended or would not start last time. Several callers share one start. */
  async #running(): Promise<Engine> {
    const last = this.#engine;
    const engine = await last.catch(() => undefined);
    if (engine !== undefined && !engine.ended()) return engine;
    if (this.closed) throw new Error('the store is closed');
    if (this.#engine === last) {
      this.#engine = (async () => {
        if (engine !== undefined) await stop(engine);
        return start(this.#folder, this.#dataFolder, this.#freeBytes);
      })();
    }
    return this.#engine;
  }

  #assureSpace(): void {
    const free = this.#freeBytes(this.#folder);
    if (free < RESERVE_BYTES) {
      throw new StoreError(
        'StoreFull',
        `store folder ${this.#folder} has no space left: ${megabytes(free)} free, ${megabytes(RESERVE_BYTES)} needed. ` +
          'Free some space and try again.',
      );
    }
  }

  /** Counts what was written and, after enough of it, has the log of writes trimmed. */
  async #written(parameters: readonly unknown[]): Promise<void> {
    this.#sinceTrim.statements += 1;
    for (const value of parameters) this.#sinceTrim.bytes += typeof value === 'string' ? value.length : 8;
    if (this.#sinceTrim.bytes < CHECKPOINT_BYTES && this.#sinceTrim.statements < CHECKPOINT_STATEMENTS) return;
    this.#sinceTrim = { bytes: 0, statements: 0 };
    try {
      await (await this.#running()).db.exec('checkpoint');
    } catch {
      // What was asked for is committed all the same; the next start trims too.
    }
  }
}

/** Free bytes of the file system a folder is on. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

async function start(folder: string, dataFolder: string, free: (folder: string) => number): Promise<Engine> {
  try {
    return await startEngine(dataFolder);
  } catch (error) {
    throw engineError(folder, error instanceof EngineEnded ? error.message : String(error), free, error);
  }
}

/** Frees what the engine holds; one that has ended cannot close in order, but its files can. */
async function stop(engine: Engine): Promise<void> {
  try {
    await engine.db.close();
  } catch (error) {
    if (!engine.ended()) throw error;
  }
}

/** Why an engine ended or would not start: no space, or a damaged folder. */
export function engineError(
  folder: string,
  said: string,
  free: (folder: string) => number,
  cause: unknown,
): StoreError {
  // Starting needs space too: it replays the log of writes. The reason given is often only a consequence.
  if (/no space left|disk quota exceeded/i.test(said) || free(folder) < RESERVE_BYTES) {
    return new StoreError(
      'StoreFull',
      `store folder ${folder} has no space left: ${said}. Free at least ${megabytes(RESERVE_BYTES)} and try again; what was committed is safe.`,
      { cause },
    );
  }
  return new StoreError(
    'StoreCorrupt',
    `store folder ${folder} is damaged: ${said}. Restore it from a copy, or move it away and start with an empty --store.`,
    { cause },
  );
}
