import type { Parameters } from './configuration.ts';
import type { Metric } from './metrics.ts';
import type { Reason, Verdict } from './verdict.ts';

/**
 * How far a search was measured. `Recall`: answers only, no load (another search of the build can do better, or
 * recall is too low). `Load`: recall and throughput under load. `Final`: a repeat of a finalist, interleaved with the baseline.
 */
export type SearchStage = 'Recall' | 'Load' | 'Final';

/** One finished search, as committed to the record. Its `id` is a hash of what was measured; committing it twice changes nothing. */
export interface SearchRecord {
  id: string;
  /** The run (one execution of a build) that measured it. */
  run: string;
  attempt: number;
  /** Canonical build and search parameters. */
  build: Parameters;
  search: Parameters;
  /** 0 for the sweep itself, 1 … repeats for finals. */
  repeat: number;
  stage: SearchStage;
  metrics: Metric[];
  verdict: Verdict;
  reason: Reason;
  message: string;
  /** Wall-clock seconds the measurement took. */
  seconds: number;
  /** ISO 8601, UTC. */
  finishedAt: string;
}

/** Why a run was started. */
export type RunRole = 'Baseline' | 'Trial' | 'Final';

/** One execution of a build with its searches. */
export interface RunRecord {
  id: string;
  role: RunRole;
  /** Canonical build parameters. For `Final` the finalist's. */
  build: Parameters;
  /** The number of the latest attempt, from 1. */
  attempt: number;
  state: 'Running' | 'Finished';
  /** Present once finished. `Passed`: at least one of its searches passed. */
  verdict?: Verdict;
  reason?: Reason;
  message?: string;
  /** Build-level metrics: upload, indexed and stable seconds, disk, … */
  metrics: Metric[];
  startedAt: string;
  finishedAt?: string;
}

/** All that has been measured for one history key. */
export interface History {
  runs: readonly RunRecord[];
  searches: readonly SearchRecord[];
}
