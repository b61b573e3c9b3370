import type { Configuration } from './configuration.ts';
import type { History } from './history.ts';
import type { MetricName } from './metrics.ts';
import type { DatasetFacts, Space } from './space.ts';

/** What a recommended configuration must meet. Latencies in ms, memory in bytes. */
export interface Constraints {
  /** `perQuery`: each named query must reach it, not all together. */
  recall?: { min: number; perQuery?: boolean };
  latency: readonly { percentile: number; max: number }[];
  errorRate?: { max: number };
  memory?: { max: number };
}

/** The first objective decides; more than one also yields a frontier. */
export interface Objective {
  metric: MetricName;
  goal: 'Maximize' | 'Minimize';
}

/** Everything the judge needs: it is a pure function of this. */
export interface Study {
  space: Space;
  constraints: Constraints;
  objectives: readonly Objective[];
  strategy: 'Adaptive' | 'Grid' | 'Random';
  seed: number;
  /** How many hits a query asks for: `limit`, the k of recall@k. */
  limit: number;
  dataset: DatasetFacts;
  history: History;
  /** Money per hour of the target, where known. */
  pricePerHour?: number;
}

export type ProposalSource = 'Start' | 'Rule' | 'Model' | 'LLM';
/** What trying a proposal costs: a query parameter, a fresh collection, another cluster. */
export type Change = 'SearchOnly' | 'Recreate' | 'NewTarget';

/** A configuration worth trying next, with the reasons. */
export interface Proposal {
  configuration: Configuration;
  source: ProposalSource;
  change: Change;
  /** Predicted metrics; empty when nothing was measured yet. */
  expected: { name: MetricName; value: number }[];
  /** 0–1; absent when nothing was measured yet. */
  probabilityFeasible?: number;
  /** One sentence; every number in it occurs in the history or in the proposal itself. */
  rationale: string;
}
