import { createHash } from 'node:crypto';
import { sql, type Kysely, type RawBuilder, type Selectable, type Transaction } from 'kysely';
import type { History, RunRecord, RunRole, SearchRecord } from '../judge/history.ts';
import type { Metric } from '../judge/metrics.ts';
import type { Proposal } from '../judge/study.ts';
import type { Reason, Verdict } from '../judge/verdict.ts';
import { effects } from '../runtime/effects.ts';
import type {
  Attempt,
  Experiment,
  ExperimentKey,
  NewAttempt,
  NewExperiment,
  ProposalSet,
  ReadableRunStore,
  SeriesPoint,
  Term,
  TermedRunStore,
} from './run-store.ts';
import { StoreError } from './run-store.ts';
import { claimExperiment } from './claim.ts';
import { SCHEMA, type ConnectionTable, type DatasetTable, type ExperimentTable } from './schema.ts';
import type { RunTable, Tables } from './schema.ts';
import { finiteMetrics, RecordError, storable, storableCount } from './storable.ts';
import { storableInstant, storableMessage, storableName } from './storable.ts';
import { storeError, worthRetrying, type Place } from './store-errors.ts';
import { checkTerm, latestTerm, registerTerm } from './term.ts';

/** The most a read returns. Lists are cut there, newest first; a history that is longer is refused, never cut. */
export const LIMITS = {
  experiments: 1_000,
  runs: 10_000,
  searches: 50_000,
  collections: 10_000,
  proposalSets: 10_000,
  /** Seconds and repeats of a search whose series is kept; later ones are dropped. */
  seconds: 3_600,
  repeats: 100,
} as const;

const RETRIES = 3;
/** Rows an insert carries; far below Postgres's 65,535 parameters. */
const SERIES_ROWS = 500;

/** What a read can do. */
type Reading = Pick<Kysely<Tables>, 'selectFrom'>;

/** The record over Postgres, embedded or served: the SQL is the same. */
export class PostgresRunStore implements TermedRunStore {
  readonly #db: Kysely<Tables>;
  readonly #place: Place;
  readonly #release: () => Promise<void>;
  #closed: Promise<void> | undefined;
  /** Throws when the term this store writes for is over. */
  #fence: ((db: Transaction<Tables>) => Promise<void>) | undefined;

  /**
   * @param db a database whose tables are migrated, with the parsers of `column-types.ts`
   * @param release called once the database is closed
   */
  constructor(db: Kysely<Tables>, place: Place, release: () => Promise<void> = () => Promise.resolve()) {
    this.#db = db.withSchema(SCHEMA);
    this.#place = place;
    this.#release = release;
  }

  latestTerm(scope: string): Promise<number> {
    return this.#read((db) => latestTerm(db as Kysely<Tables>, scope));
  }

  async under(term: Term, onFenced: (error: StoreError) => void = () => undefined): Promise<ReadableRunStore> {
    const { holder, scope, term: number } = term;
    const fixed = { holder, scope, term: number };
    await this.#write('operator term', (db) => registerTerm(db, fixed));
    const led = new PostgresRunStore(this.#db, this.#place);
    // The schema is named already, and the database is not its own.
    led.#closed = Promise.resolve();
    let told = false;
    led.#fence = async (db) => {
      try {
        await checkTerm(db, fixed);
      } catch (error) {
        if (!told && error instanceof StoreError) {
          told = true;
          onFenced(error);
        }
        throw error;
      }
    };
    return led;
  }

  ensureExperiment(experiment: NewExperiment, now: string): Promise<Experiment> {
    return this.#write('experiment', async (db) => {
      const namespace = storableName('namespace', experiment.namespace);
      const at = storableInstant('now', now);
      const connection = connectionRow(namespace, experiment.target);
      const dataset = datasetRow(namespace, experiment.dataset);
      const unchanged = ['namespace', 'id'] as const;
      await db
        .insertInto('connections')
        .values(connection)
        .onConflict((c) => c.columns(unchanged).doNothing())
        .execute();
      await db
        .insertInto('datasets')
        .values(dataset)
        .onConflict((c) => c.columns(unchanged).doNothing())
        .execute();
      const given = {
        kind: experiment.kind,
        spec: storable('spec', experiment.spec),
        dataset: dataset.id,
        connection: connection.id,
        updated_at: at,
      };
      const row = await db
        .insertInto('experiments')
        .values({
          id: experimentId(experiment),
          namespace,
          name: storableName('name', experiment.name),
          history_key: storableName('historyKey', experiment.historyKey),
          status: 'null',
          created_at: at,
          ...given,
        })
        .onConflict((conflict) => conflict.columns(['namespace', 'name', 'history_key']).doUpdateSet(given))
        .returningAll()
        .executeTakeFirstOrThrow();
      return toExperiment({ experiment: row, connection, dataset });
    });
  }

  listExperiments(namespace?: string): Promise<Experiment[]> {
    return this.#experiments(namespace === undefined ? {} : { namespace });
  }

  findExperiments(namespace: string, name: string): Promise<Experiment[]> {
    return this.#experiments({ namespace, name });
  }

  async claim(experiment: string): Promise<() => Promise<void>> {
    if (this.#place.kind === 'folder') return () => Promise.resolve();
    try {
      return await claimExperiment(this.#db, experiment, this.#place.name);
    } catch (error) {
      throw storeError(error, this.#place);
    }
  }

  saveStatus(experiment: string, status: unknown, now: string): Promise<void> {
    return this.#write('status', async (db) => {
      const { numUpdatedRows } = await db
        .updateTable('experiments')
        .set({ status: storable('status', status), updated_at: storableInstant('now', now) })
        .where('id', '=', experiment)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) throw unknownExperiment(experiment);
    });
  }

  /** Not idempotent, on purpose: each call is a new attempt with its own number and collection. */
  beginAttempt(experiment: string, attempt: NewAttempt): Promise<Attempt> {
    return this.#write('attempt', async (db) => {
      // The lock numbers attempts of several processes one after another.
      const owner = await db
        .selectFrom('experiments')
        .select('namespace')
        .where('id', '=', experiment)
        .forUpdate()
        .executeTakeFirst();
      if (owner === undefined) throw unknownExperiment(experiment);
      const latest = await db
        .selectFrom('runs')
        .select((is) => is.fn.max('attempt').as('attempt'))
        .where('experiment', '=', experiment)
        .where('id', '=', attempt.run)
        .executeTakeFirst();
      const number = (latest?.attempt ?? 0) + 1;
      const collection = storableName('collection', attempt.collection(number));
      await db
        .insertInto('runs')
        .values({
          namespace: owner.namespace,
          experiment,
          id: storableName('run', attempt.run),
          attempt: number,
          role: attempt.role,
          build: storable('build', attempt.build),
          collection,
          metrics: '[]',
          applied: 'null',
          started_at: storableInstant('startedAt', attempt.startedAt),
        })
        .execute();
      return { run: attempt.run, attempt: number, collection };
    });
  }

  recordSurroundings(experiment: string, attempt: Attempt, surroundings: unknown): Promise<void> {
    return this.#write('surroundings', async (db) => {
      const value = storable('applied', { surroundings });
      const { numUpdatedRows } = await db
        .updateTable('runs')
        .set({
          applied: sql<string>`case jsonb_typeof(applied) when 'object' then applied else '{}'::jsonb end || ${value}::jsonb`,
        })
        .where('experiment', '=', experiment)
        .where('id', '=', attempt.run)
        .where('attempt', '=', attempt.attempt)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) throw unknownAttempt(experiment, attempt);
    });
  }

  recordBuilt(experiment: string, attempt: Attempt, metrics: readonly Metric[], applied: unknown): Promise<void> {
    return this.#write('build', async (db) => {
      const { numUpdatedRows } = await db
        .updateTable('runs')
        .set({ metrics: storable('metrics', finiteMetrics(metrics)), applied: storable('applied', applied) })
        .where('experiment', '=', experiment)
        .where('id', '=', attempt.run)
        .where('attempt', '=', attempt.attempt)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) throw unknownAttempt(experiment, attempt);
    });
  }

  /** The first end of an attempt stands. */
  finishRun(
    experiment: string,
    attempt: Attempt,
    result: { verdict: Verdict; reason: Reason; message: string; finishedAt: string },
  ): Promise<void> {
    return this.#write('end of run', async (db) => {
      const { numUpdatedRows } = await db
        .updateTable('runs')
        .set((is) => ({
          verdict: is.fn.coalesce('verdict', is.val(result.verdict)),
          reason: is.fn.coalesce('reason', is.val(result.reason)),
          message: is.fn.coalesce('message', is.val(storableMessage(result.message))),
          finished_at: sql<string>`coalesce(finished_at, ${storableInstant('finishedAt', result.finishedAt)})`,
        }))
        .where('experiment', '=', experiment)
        .where('id', '=', attempt.run)
        .where('attempt', '=', attempt.attempt)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) throw unknownAttempt(experiment, attempt);
    });
  }

  /** An attempt the store does not know is none whose collection it lists: nothing to do. */
  collectionDeleted(experiment: string, attempt: Attempt): Promise<void> {
    return this.#write('collection deleted', async (db) => {
      await db
        .updateTable('runs')
        .set({ collection_deleted: true })
        .where('experiment', '=', experiment)
        .where('id', '=', attempt.run)
        .where('attempt', '=', attempt.attempt)
        .execute();
    });
  }

  undeletedCollections(experiment: string): Promise<Attempt[]> {
    return this.#read((db) =>
      db
        .selectFrom('runs')
        .select(['id as run', 'attempt', 'collection'])
        .where('experiment', '=', experiment)
        .where('collection_deleted', '=', false)
        .orderBy('started_at')
        .orderBy('id')
        .orderBy('attempt')
        .limit(LIMITS.collections)
        .execute(),
    );
  }

  commitSearch(experiment: string, search: SearchRecord): Promise<boolean> {
    return this.#write(
      'search',
      async (db) => {
        const finishedAt = storableInstant('search.finishedAt', search.finishedAt);
        const body: SearchRecord = {
          ...search,
          metrics: finiteMetrics(search.metrics),
          message: storableMessage(search.message),
          finishedAt,
        };
        const written = await db
          .insertInto('searches')
          .values({
            namespace: namespaceOf(experiment),
            experiment,
            id: storableName('search.id', search.id),
            run: storableName('search.run', search.run),
            attempt: storableCount('search.attempt', search.attempt, 1),
            stage: search.stage,
            verdict: search.verdict,
            finished_at: finishedAt,
            body: storable('search', body),
          })
          .onConflict((conflict) =>
            conflict
              .columns(['experiment', 'id'])
              .doUpdateSet((is) => ({
                run: is.ref('excluded.run'),
                attempt: is.ref('excluded.attempt'),
                stage: is.ref('excluded.stage'),
                verdict: is.ref('excluded.verdict'),
                finished_at: is.ref('excluded.finished_at'),
                body: is.ref('excluded.body'),
              }))
              .where('searches.stage', '=', 'Recall')
              .where('excluded.stage', '<>', 'Recall'),
          )
          .returning('id')
          .executeTakeFirst();
        return written !== undefined;
      },
      experiment,
    );
  }

  forgetDetails(experiment: string): Promise<void> {
    return this.#write('details', async (db) => {
      await db.deleteFrom('series').where('experiment', '=', experiment).execute();
    });
  }

  appendSeries(experiment: string, points: readonly SeriesPoint[]): Promise<void> {
    const kept = points.filter((point) => isKept(point.second, LIMITS.seconds) && isKept(point.repeat, LIMITS.repeats));
    return this.#write(
      'series',
      async (db) => {
        for (let from = 0; from < kept.length; from += SERIES_ROWS) {
          await db
            .insertInto('series')
            .values(
              kept.slice(from, from + SERIES_ROWS).map((point) => ({
                namespace: namespaceOf(experiment),
                experiment,
                search: storableName('series.search', point.search),
                repeat: point.repeat,
                second: point.second,
                values: storable('series', finiteValues(point.values)),
              })),
            )
            .onConflict((conflict) => conflict.columns(['experiment', 'search', 'repeat', 'second']).doNothing())
            .execute();
        }
      },
      experiment,
    );
  }

  recordProposals(experiment: string, afterRuns: number, proposals: readonly Proposal[], now: string): Promise<void> {
    return this.#write(
      'proposals',
      async (db) => {
        const set = { proposed_at: storableInstant('now', now), body: storable('proposals', proposals) };
        await db
          .insertInto('proposals')
          .values({
            namespace: namespaceOf(experiment),
            experiment,
            after_runs: storableCount('afterRuns', afterRuns),
            ...set,
          })
          .onConflict((conflict) => conflict.columns(['experiment', 'after_runs']).doUpdateSet(set))
          .execute();
      },
      experiment,
    );
  }

  async history(experiment: string): Promise<History> {
    // In this order every search's run is there: a run is begun before its searches are committed.
    const searches = await this.#searches(experiment);
    return { runs: await this.runs(experiment), searches };
  }

  runs(experiment: string): Promise<RunRecord[]> {
    return this.#read(async (db) => {
      const rows = await db
        .selectFrom('runs')
        .distinctOn('id')
        .selectAll()
        .select(sql<string>`min(started_at) over (partition by id)`.as('first_started_at'))
        .where('experiment', '=', experiment)
        .orderBy('id')
        .orderBy('attempt', 'desc')
        .limit(LIMITS.runs + 1)
        .execute();
      notTooMany('runs', rows.length, LIMITS.runs, experiment);
      // The rows come in the order of their ids, and sorting is stable.
      rows.sort(
        (a, b) => Number(a.first_started_at > b.first_started_at) - Number(a.first_started_at < b.first_started_at),
      );
      return rows.map(toRun);
    });
  }

  proposals(experiment: string): Promise<ProposalSet[]> {
    return this.#read(async (db) => {
      const rows = await db
        .selectFrom('proposals')
        .select(['after_runs', 'proposed_at', 'body'])
        .where('experiment', '=', experiment)
        .orderBy('after_runs')
        .limit(LIMITS.proposalSets)
        .execute();
      return rows.map((row) => ({
        afterRuns: row.after_runs,
        proposedAt: row.proposed_at,
        proposals: row.body as Proposal[],
      }));
    });
  }

  series(experiment: string, search: string): Promise<SeriesPoint[]> {
    return this.#read(async (db) => {
      const rows = await db
        .selectFrom('series')
        .select(['search', 'repeat', 'second', 'values'])
        .where('experiment', '=', experiment)
        .where('search', '=', search)
        .orderBy('repeat')
        .orderBy('second')
        .limit(LIMITS.seconds * LIMITS.repeats)
        .execute();
      return rows.map((row) => ({ ...row, values: row.values as Record<string, number> }));
    });
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      try {
        await this.#db.destroy();
      } finally {
        await this.#release();
      }
    })();
    return this.#closed;
  }

  #searches(experiment: string): Promise<SearchRecord[]> {
    return this.#read(async (db) => {
      const rows = await db
        .selectFrom('searches')
        .select('body')
        .where('experiment', '=', experiment)
        .orderBy('finished_at')
        .orderBy('id')
        .limit(LIMITS.searches + 1)
        .execute();
      notTooMany('searches', rows.length, LIMITS.searches, experiment);
      return rows.map((row) => row.body as SearchRecord);
    });
  }

  #experiments(where: { namespace?: string; name?: string }): Promise<Experiment[]> {
    return this.#read(async (db) => {
      let query = db.selectFrom('experiments').selectAll();
      if (where.namespace !== undefined) query = query.where('namespace', '=', where.namespace);
      if (where.name !== undefined) query = query.where('name', '=', where.name);
      const rows = await query.orderBy('created_at', 'desc').orderBy('id').limit(LIMITS.experiments).execute();
      if (rows.length === 0) return [];
      const connections = await db
        .selectFrom('connections')
        .selectAll()
        .where('id', 'in', [...new Set(rows.map((row) => row.connection))])
        .execute();
      const datasets = await db
        .selectFrom('datasets')
        .selectAll()
        .where('id', 'in', [...new Set(rows.map((row) => row.dataset))])
        .execute();
      return rows.map((row) =>
        toExperiment({
          experiment: row,
          connection: required(connections.find((one) => one.namespace === row.namespace && one.id === row.connection)),
          dataset: required(datasets.find((one) => one.namespace === row.namespace && one.id === row.dataset)),
        }),
      );
    });
  }

  #read<T>(work: (db: Reading) => Promise<T>): Promise<T> {
    return this.#run(work);
  }

  /** Writes in one transaction, which the fence comes first in. */
  #write<T>(what: string, work: (db: Transaction<Tables>) => Promise<T>, experiment?: string): Promise<T> {
    const fenced = async (db: Transaction<Tables>): Promise<T> => {
      await this.#fence?.(db);
      return work(db);
    };
    const run = (): Promise<T> => this.#run((db) => db.transaction().execute(fenced), experiment);
    return effects.perform(`store write ${what}`, run);
  }

  /** Runs one step, again after a deadlock, and names the store in what it throws. */
  async #run<T>(work: (db: Kysely<Tables>) => Promise<T>, experiment?: string): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work(this.#db);
      } catch (error) {
        if (attempt < RETRIES && worthRetrying(error)) continue;
        if (experiment !== undefined && isMissingNamespace(error)) throw unknownExperiment(experiment);
        throw storeError(error, this.#place);
      }
    }
  }
}

/** The id of an experiment: a hash of its key. */
export function experimentId(key: ExperimentKey): string {
  return `exp-${digest([key.namespace, key.name, key.historyKey]).slice(0, 32)}`;
}

/** The experiment's namespace, read in the inserting statement itself; null, which is refused, when there is none. */
function namespaceOf(experiment: string): RawBuilder<string> {
  return sql`(select namespace from ${sql.table(`${SCHEMA}.experiments`)} where id = ${experiment})`;
}

/** SQLSTATE 23502, not_null_violation: `namespaceOf` found no experiment. */
function isMissingNamespace(error: unknown): boolean {
  const { code, column } = error as { code?: string; column?: string };
  return code === '23502' && column === 'namespace';
}

function unknownExperiment(experiment: string): RecordError {
  return new RecordError(`the store has no experiment ${experiment}: call ensureExperiment first`);
}

function unknownAttempt(experiment: string, attempt: Attempt): RecordError {
  return new RecordError(`the store has no attempt ${String(attempt.attempt)} of run ${attempt.run} of ${experiment}`);
}

function notTooMany(what: string, found: number, limit: number, experiment: string): void {
  if (found > limit) throw new RecordError(`experiment ${experiment} has more than ${String(limit)} ${what}`);
}

function required<T>(row: T | undefined): T {
  if (row === undefined) throw new RecordError('a row refers to one that is gone: foreign keys were dropped');
  return row;
}

function isKept(value: number, limit: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < limit;
}

function finiteValues(values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => Number.isFinite(value)));
}

function connectionRow(namespace: string, target: NewExperiment['target']): Selectable<ConnectionTable> {
  const row = {
    kind: storableName('target.kind', target.kind),
    url: target.url === undefined ? null : storableName('target.url', withoutCredentials(target.url)),
    qdrant_version: target.qdrantVersion === undefined ? null : storableName('qdrantVersion', target.qdrantVersion),
    description: storableMessage(target.description),
  };
  return { namespace, id: digest(Object.values(row)), ...row };
}

function datasetRow(namespace: string, dataset: NewExperiment['dataset']): Selectable<DatasetTable> {
  const row = {
    digest: storableName('dataset.digest', dataset.digest),
    points: storableCount('dataset.points', dataset.points),
    dimensions: storableCount('dataset.dimensions', dataset.dimensions),
    distance: storableName('dataset.distance', dataset.distance),
    queries: storableCount('dataset.queries', dataset.queries),
  };
  return { namespace, id: digest(Object.values(row)), ...row };
}

/** A URL without user and password; secrets do not belong in the record. */
function withoutCredentials(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1');
}

function digest(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

interface ExperimentRows {
  experiment: Selectable<ExperimentTable>;
  connection: Selectable<ConnectionTable>;
  dataset: Selectable<DatasetTable>;
}

function toExperiment({ experiment, connection, dataset }: ExperimentRows): Experiment {
  return {
    id: experiment.id,
    namespace: experiment.namespace,
    name: experiment.name,
    historyKey: experiment.history_key,
    kind: experiment.kind as Experiment['kind'],
    spec: experiment.spec,
    dataset: {
      points: dataset.points,
      dimensions: dataset.dimensions,
      distance: dataset.distance as Experiment['dataset']['distance'],
      queries: dataset.queries,
      digest: dataset.digest,
    },
    target: {
      kind: connection.kind,
      description: connection.description,
      ...(connection.url === null ? {} : { url: connection.url }),
      ...(connection.qdrant_version === null ? {} : { qdrantVersion: connection.qdrant_version }),
    },
    status: experiment.status,
    createdAt: experiment.created_at,
    updatedAt: experiment.updated_at,
  };
}

function toRun(row: Selectable<RunTable>): RunRecord {
  return {
    id: row.id,
    role: row.role as RunRole,
    build: row.build as RunRecord['build'],
    attempt: row.attempt,
    state: row.finished_at === null ? 'Running' : 'Finished',
    ...(row.verdict === null ? {} : { verdict: row.verdict as Verdict }),
    ...(row.reason === null ? {} : { reason: row.reason as Reason }),
    ...(row.message === null ? {} : { message: row.message }),
    metrics: row.metrics as Metric[],
    startedAt: row.started_at,
    ...(row.finished_at === null ? {} : { finishedAt: row.finished_at }),
  };
}
