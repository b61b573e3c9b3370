import type { ColumnType, Generated } from 'kysely';

/** All tables live in this Postgres schema, so that a shared database's own tables are left alone. */
export const SCHEMA = 'qdrant_bench';

/** Written as JSON text, read as the value. */
type Json<T = unknown> = ColumnType<T, string, string>;
/** Written and read as ISO 8601, UTC, with milliseconds. */
type Instant = ColumnType<string, string, string>;

export interface ConnectionTable {
  namespace: string;
  /** A hash of all that follows: a row never changes. */
  id: string;
  kind: string;
  url: string | null;
  qdrant_version: string | null;
  description: string;
}

export interface DatasetTable {
  namespace: string;
  /** A hash of all that follows: a row never changes. */
  id: string;
  digest: string;
  points: number;
  dimensions: number;
  distance: string;
  queries: number;
}

export interface ExperimentTable {
  id: string;
  namespace: string;
  name: string;
  history_key: string;
  kind: string;
  spec: Json;
  dataset: string;
  connection: string;
  status: Json;
  created_at: Instant;
  updated_at: Instant;
}

/** One row an attempt at a run. */
export interface RunTable {
  namespace: string;
  experiment: string;
  id: string;
  attempt: number;
  role: string;
  build: Json;
  collection: string;
  collection_deleted: Generated<boolean>;
  metrics: Json;
  applied: Json;
  verdict: string | null;
  reason: string | null;
  message: string | null;
  started_at: Instant;
  finished_at: Instant | null;
}

export interface SearchTable {
  namespace: string;
  experiment: string;
  id: string;
  run: string;
  attempt: number;
  stage: string;
  verdict: string;
  finished_at: Instant;
  /** The whole SearchRecord; the columns beside it are for finding and ordering. */
  body: Json;
}

export interface SeriesTable {
  namespace: string;
  experiment: string;
  search: string;
  repeat: number;
  second: number;
  values: Json;
}

/** One row a set: what was proposed after so many runs. */
export interface ProposalTable {
  namespace: string;
  experiment: string;
  after_runs: number;
  proposed_at: Instant;
  body: Json;
}

/** One row a scope: the latest leader that wrote here. */
export interface OperatorTermTable {
  scope: string;
  term: number;
  holder: string;
  since: Generated<Instant>;
}

/** The tables by name. */
export interface Tables {
  connections: ConnectionTable;
  datasets: DatasetTable;
  experiments: ExperimentTable;
  runs: RunTable;
  searches: SearchTable;
  series: SeriesTable;
  proposals: ProposalTable;
  operator_terms: OperatorTermTable;
}
