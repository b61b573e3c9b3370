/** Did a measurement meet the constraints? `Inconclusive`: it cannot be said; `Error`: it could not be measured. */
export type Verdict = 'Passed' | 'Failed' | 'Inconclusive' | 'Error';

/** The closed list of reasons, CamelCase as in Kubernetes conditions. */
export const REASONS = [
  'ConstraintsMet',
  'RecallTooLow',
  'LatencyTooHigh',
  'MemoryTooHigh',
  'ErrorRateTooHigh',
  'NoSustainableRate',
  'ClientLimited',
  'Unstable',
  'StartSkew',
  'ServerErrors',
  'Disrupted',
  'DatasetChanged',
  'TargetUnreachable',
  'NothingMeasured',
  'SettingIgnored',
  'BuildFailed',
] as const;
export type Reason = (typeof REASONS)[number];

/** One constraint against one measurement. */
export interface ConstraintResult {
  /** The metric's name: `recall`, `latencyP95`, `memory`, `errorRate`. */
  name: string;
  verdict: Verdict;
  value?: number;
  bound: number;
}

/** A verdict with its kind and the sentence for people. */
export interface Judgement {
  verdict: Verdict;
  reason: Reason;
  message: string;
  constraints: ConstraintResult[];
}
