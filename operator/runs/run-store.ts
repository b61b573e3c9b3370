import type { Parameters } from '../judge/configuration.ts';
import type { History, RunRecord, RunRole, SearchRecord } from '../judge/history.ts';
import type { Metric } from '../judge/metrics.ts';
import type { DatasetFacts } from '../judge/space.ts';
import type { Proposal } from '../judge/study.ts';
import type { Reason, Verdict } from '../judge/verdict.ts';

/** What identifies a sweep's history: parameters, budget, judge and constraints may change and keep it. */
export interface ExperimentKey {
  namespace: string;
  name: string;
  /** `sha256:…` over namespace, name, target, dataset digest and workload. */
  historyKey: string;
}

export interface NewExperiment extends ExperimentKey {
  kind: 'QdrantSweep' | 'EmbeddingExperiment';
  /** The resource's spec as given; holds references to secrets, never secrets. */
  spec: unknown;
  dataset: DatasetFacts & { digest: string };
  target: { kind: string; url?: string; qdrantVersion?: string; description: string };
}

export interface Experiment extends NewExperiment {
  /** Deterministic: a hash of the key. */
  id: string;
  createdAt: string;
  updatedAt: string;
  /** The last status written, in the contract's shape, or null. */
  status: unknown;
}

/** The intent to run a build, recorded before anything is created for it. */
export interface NewAttempt {
  /** Deterministic id of the run: hash of experiment, role and canonical build. */
  run: string;
  role: RunRole;
  build: Parameters;
  /** ISO 8601. */
  startedAt: string;
  /** The collection's name for an attempt number. */
  collection: (attempt: number) => string;
}

export interface Attempt {
  run: string;
  attempt: number;
  collection: string;
}

/** One second of a search's load; losing some is harmless. */
export interface SeriesPoint {
  search: string;
  repeat: number;
  second: number;
  values: Readonly<Record<string, number>>;
}

/**
 * The record of everything measured. Every method may be called twice with the same arguments; the second call changes
 * nothing. Rejects with a StoreError whose `reason` is `StoreUnreachable`, `StoreFull`, `StoreLocked`, `StoreTooNew` or `StoreCorrupt`.
 */
export interface RunStore {
  /** Finds the experiment by its key or creates it; an existing one gets the new spec and target. */
  ensureExperiment(experiment: NewExperiment, now: string): Promise<Experiment>;
  /** All experiments, newest first; of one namespace when given. */
  listExperiments(namespace?: string): Promise<Experiment[]>;
  /** All history keys of a name, newest first. */
  findExperiments(namespace: string, name: string): Promise<Experiment[]>;
  /**
   * Makes this process the only one that conducts an experiment, until the returned function is called or the process
   * dies. A folder's lock is claim enough. @throws StoreError `StoreLocked`
   */
  claim(experiment: string): Promise<() => Promise<void>>;
  saveStatus(experiment: string, status: unknown, now: string): Promise<void>;

  /** Records the intent and returns the attempt to use: one more than the latest of this run. */
  beginAttempt(experiment: string, attempt: NewAttempt): Promise<Attempt>;
  /** Build-level metrics as soon as the build is ready, so that a later crash does not lose them. */
  recordBuilt(experiment: string, attempt: Attempt, metrics: readonly Metric[], applied: unknown): Promise<void>;
  /** What surrounded the measurement: pressure on nodes, throttling. Kept beside what was applied; the last one counts. */
  recordSurroundings(experiment: string, attempt: Attempt, surroundings: unknown): Promise<void>;
  finishRun(
    experiment: string,
    attempt: Attempt,
    result: { verdict: Verdict; reason: Reason; message: string; finishedAt: string },
  ): Promise<void>;
  /** Marks the attempt's collection as gone from the target. */
  collectionDeleted(experiment: string, attempt: Attempt): Promise<void>;
  /** Attempts whose collection may still exist on the target. */
  undeletedCollections(experiment: string): Promise<Attempt[]>;

  /** Commits one finished search; false when it was there already. A Recall row is replaced by a Load row of the same id, never the other way round. */
  commitSearch(experiment: string, search: SearchRecord): Promise<boolean>;
  /** Deletes what is kept for looking closer only: seconds of load. What was found stays. */
  forgetDetails(experiment: string): Promise<void>;
  appendSeries(experiment: string, points: readonly SeriesPoint[]): Promise<void>;
  /** Records what was proposed after how many runs; the last set replaces an equal one. */
  recordProposals(experiment: string, afterRuns: number, proposals: readonly Proposal[], now: string): Promise<void>;

  history(experiment: string): Promise<History>;
  runs(experiment: string): Promise<RunRecord[]>;

  close(): Promise<void>;
}

/** What was proposed after so many runs. */
export interface ProposalSet {
  afterRuns: number;
  proposedAt: string;
  proposals: Proposal[];
}

/** A store together with the reads that only reports and tests need. */
export interface ReadableRunStore extends RunStore {
  /** Every set of proposals, in the order of `afterRuns`. */
  proposals(experiment: string): Promise<ProposalSet[]>;
  /** A search's seconds of load, in order of repeat and second. */
  series(experiment: string, search: string): Promise<SeriesPoint[]>;
}

/** The time in which one process leads, and writes for all of a scope. */
export interface Term {
  /** Who competes: `namespace/name` of the Lease. */
  scope: string;
  /** Greater than that of every leader before. */
  term: number;
  /** Unique name of the process. */
  holder: string;
}

/** A store that knows who leads. Without a term, as in a local run, it takes everybody's writes. */
export interface TermedRunStore extends ReadableRunStore {
  /** The latest term that wrote under a scope; -1 when none did. */
  latestTerm(scope: string): Promise<number>;
  /**
   * This store as the leader of a term writes to it: every write looks, in its own transaction, whether a newer term was
   * here. Closing it closes nothing; close the store it came from.
   * @param onFenced told once when a write was refused: this process leads no more
   * @throws StoreError `Fenced` when a newer term was here already
   */
  under(term: Term, onFenced?: (error: StoreError) => void): Promise<ReadableRunStore>;
}

/** Why the store could not do what was asked. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  /** `Fenced`: another process leads; of a store under a term only. */
  readonly reason: 'StoreUnreachable' | 'StoreFull' | 'StoreLocked' | 'StoreTooNew' | 'StoreCorrupt' | 'Fenced';
  constructor(
    reason: StoreError['reason'],
    /** What happened and what to do. */
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.reason = reason;
  }
}
