import type { Reason, Verdict } from '../../operator/judge/verdict.ts';

/** In ms; null where there is nothing to tell. */
export interface Percentiles {
  p50: number | null;
  p95: number | null;
  p99: number | null;
  p999: number | null;
  max: number | null;
}

/** A limit that was asked for, and what was measured. */
export interface ConstraintReport {
  name: string;
  bound: number;
  value: number | null;
  met: boolean;
}

/** What `qdrant-bench load --output json` prints. Names and units are its contract; more may be added, none changed. */
export interface LoadReport {
  verdict: Verdict;
  reason: Reason;
  /** The sentence for people. */
  message: string;
  /** `open`: requests start when they are due. `closed`: the next starts when one ends; says nothing of latency at a rate. */
  loop: 'open' | 'closed';
  arrivals: 'Poisson' | 'Constant' | 'Closed';
  /** Requests a second that were due; null in a closed loop, where nothing is due. */
  offeredRate: number | null;
  /** Right answers a second. Null when the load generator was the limit: see `limited`. */
  achievedRate: number | null;
  /** Requests that were due (closed: begun) in the counted time, and those of them that failed. */
  requests: number;
  /** Of the requests that were due, those never sent: the server had --max-in-flight under way until it was given up. */
  unsent: number;
  errors: number;
  errorKinds: Record<string, number>;
  /** Share of true neighbours found, by id: of equally near ones only those that are named count. Null without ground truth. */
  recall: number | null;
  /** Standard error of the mean over queries. */
  recallStdErr: number | null;
  /** Different queries behind it. */
  recallQueries: number;
  /** From the moment a request was due; null in a closed loop, and when the load generator was the limit. */
  responseMs: Percentiles;
  /** From the moment it was sent; null when the load generator was the limit. */
  serviceMs: Percentiles;
  /** Sent minus due; null in a closed loop. */
  latenessMs: Percentiles;
  clientCpuMicrosPerRequest: number | null;
  /** Of the process named by --server-pid. */
  serverCpuMicrosPerRequest: number | null;
  serverPeakMemoryBytes: number | null;
  /** What was seen while the load generator was the limit: its figures, not the server's. */
  limited: { achievedRate: number; responseMs: Percentiles; serviceMs: Percentiles } | null;
  /** How the load generator fared. Shares of wall time, 0–1. */
  client: {
    idleShare: number;
    waitedForCpuShare: number | null;
    /** Requests that waited because --max-in-flight were under way. */
    cappedShare: number | null;
    loopP99Ms: number | null;
    loopMaxMs: number | null;
  };
  constraints: ConstraintReport[];
  durationSeconds: number;
  warmupSeconds: number;
  rate: number | null;
  concurrency: number | null;
  maxInFlight: number | null;
  limit: number;
  params: Record<string, unknown>;
  seed: number;
  /** Different queries that were asked. */
  queries: number;
  environment: {
    benchVersion: string;
    nodeVersion: string;
    platform: string;
    cores: number;
    qdrantVersion: string | null;
    collection: string;
    /** As the server counts them. */
    points: number | null;
  };
}

export const NOTHING: Percentiles = { p50: null, p95: null, p99: null, p999: null, max: null };
