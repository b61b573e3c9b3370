import { metricValue, type Metric } from './metrics.ts';
import type { Objective } from './study.ts';

/** Worth of a value under an objective: higher is better, differences are ratios (for recall, log-odds). */
export function worth(value: number, { metric, goal }: Objective): number {
  const sign = goal === 'Maximize' ? 1 : -1;
  if (metric === 'recall') return sign * logit(value);
  return sign * Math.log(Math.max(value, 1e-12));
}

/** The value a worth stands for: the inverse of `worth`. */
export function valueOfWorth(worth: number, { metric, goal }: Objective): number {
  const signed = goal === 'Maximize' ? worth : -worth;
  return metric === 'recall' ? fromLogit(signed) : Math.exp(signed);
}

/** Log-odds of a share, kept finite at 0 and 1 by half a thousandth. */
export function logit(share: number): number {
  const clipped = Math.min(1 - 5e-4, Math.max(5e-4, share));
  return Math.log(clipped / (1 - clipped));
}

/** The share of log-odds. */
export function fromLogit(odds: number): number {
  return 1 / (1 + Math.exp(-odds));
}

/** Orders measurements by the first objective that tells them apart, best first; what was not measured comes last. */
export function compareByObjectives(
  a: readonly Metric[],
  b: readonly Metric[],
  objectives: readonly Objective[],
): number {
  for (const { metric, goal } of objectives) {
    const [x, y] = [metricValue(a, metric), metricValue(b, metric)];
    if (x === y) continue;
    if (x === undefined) return 1;
    if (y === undefined) return -1;
    return goal === 'Maximize' ? y - x : x - y;
  }
  return 0;
}

/** Whether a is at least as good as b in every objective and better in one. */
export function dominates(a: readonly Metric[], b: readonly Metric[], objectives: readonly Objective[]): boolean {
  let better = false;
  for (const objective of objectives) {
    const order = compareByObjectives(a, b, [objective]);
    if (order > 0) return false;
    if (order < 0) better = true;
  }
  return better;
}
