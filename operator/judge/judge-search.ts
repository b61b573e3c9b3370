import { humanBytes } from '../../crds/quantity.ts';
import { metricLabel, metricUnit, showBeside } from './format.ts';
import type { SearchRecord, SearchStage } from './history.ts';
import { loadSource, metricValue, recallMetric, type Metric, type MetricName } from './metrics.ts';
import type { Constraints } from './study.ts';
import type { ConstraintResult, Judgement, Reason, Verdict } from './verdict.ts';

/** What was measured of one search, and why it must not count if the load generator says so. */
export interface Measured {
  stage: SearchStage;
  metrics: readonly Metric[];
  limited?: { reason: Reason; message: string };
}

/** One constraint: the metric, its bound and the side on which it is met. */
export interface Bound {
  name: MetricName;
  bound: number;
  /** `AtLeast`: value ≥ bound. */
  side: 'AtLeast' | 'AtMost';
  /** The reason given when it is broken. */
  reason: Reason;
}

/** What a bound is compared with: the metric of all queries together, or, where each must do, of the worst one. */
export function boundMetric(
  metrics: readonly Metric[],
  { name }: Pick<Bound, 'name'>,
  { recall }: Pick<Constraints, 'recall'>,
): Metric | undefined {
  if (name === 'recall') return recallMetric(metrics, recall);
  const metric = metrics.find((item) => item.name === name && item.query === undefined);
  return metric && Number.isFinite(metric.value) ? metric : undefined;
}

/** The bounds of the constraints, in the order in which broken ones are named. */
export function boundsOf(constraints: Constraints): Bound[] {
  const bounds: Bound[] = [];
  const { recall, errorRate, latency, memory } = constraints;
  if (recall) bounds.push({ name: 'recall', bound: recall.min, side: 'AtLeast', reason: 'RecallTooLow' });
  if (errorRate) bounds.push({ name: 'errorRate', bound: errorRate.max, side: 'AtMost', reason: 'ErrorRateTooHigh' });
  for (const { percentile, max } of latency) {
    bounds.push({ name: latencyMetric(percentile), bound: max, side: 'AtMost', reason: 'LatencyTooHigh' });
  }
  if (memory) bounds.push({ name: 'memory', bound: memory.max, side: 'AtMost', reason: 'MemoryTooHigh' });
  return bounds;
}

/** The metric of a latency percentile: `latencyP999` for 99.9. */
export function latencyMetric(percentile: number): MetricName {
  return `latencyP${String(percentile).replace('.', '')}` as MetricName;
}

/** Whether a finite value meets its bound. */
export function meets(value: number, { bound, side }: Bound): boolean {
  return side === 'AtLeast' ? value >= bound : value <= bound;
}

/** Reasons that say the measurement could not be made at all; the others make it say nothing. */
const ERRORS: readonly Reason[] = ['TargetUnreachable', 'BuildFailed', 'SettingIgnored'];

/**
 * Judges one measurement. Nothing passes on missing, non-finite or zero measurements, nor without load; what certainly
 * breaks a constraint fails even when something else is missing. The message is a sentence with values and bounds.
 */
export function judgeSearch({ stage, metrics, limited }: Measured, constraints: Constraints): Judgement {
  const bounds = boundsOf(constraints);
  const results = bounds.map((bound): ConstraintResult => {
    const value = boundMetric(metrics, bound, constraints)?.value;
    const verdict: Verdict = value === undefined ? 'Inconclusive' : meets(value, bound) ? 'Passed' : 'Failed';
    return { name: bound.name, verdict, bound: bound.bound, ...(value === undefined ? {} : { value }) };
  });
  const judgement = (verdict: Verdict, reason: Reason, message: string): Judgement => ({
    verdict,
    reason,
    message,
    constraints: results,
  });
  const sentence = (verdict: Verdict) =>
    bounds.flatMap((bound, i) =>
      results[i]?.verdict === verdict ? [comparison(bound, boundMetric(metrics, bound, constraints))] : [],
    );
  const broken = bounds.find((_, i) => results[i]?.verdict === 'Failed');

  if (limited) {
    if (limited.reason === 'NoSustainableRate') return judgement('Failed', limited.reason, limited.message);
    if (limited.reason === 'ServerErrors') {
      const tooMany = results.some(({ name, verdict }) => name === 'errorRate' && verdict === 'Failed');
      return tooMany
        ? judgement('Failed', 'ErrorRateTooHigh', `${and(sentence('Failed'))}: ${limited.message}`)
        : judgement('Error', 'ServerErrors', limited.message);
    }
    return judgement(ERRORS.includes(limited.reason) ? 'Error' : 'Inconclusive', limited.reason, limited.message);
  }
  // What a given load showed is no rate the server is capable of, and of waiting clients no latency either.
  const given = loadSource(metrics);
  const under = given === undefined ? '' : ` (${given})`;
  const rate = metricValue(metrics, 'throughput');
  if (stage !== 'Recall' && (rate === undefined || rate <= 0)) {
    const what = rate === undefined ? 'no throughput was measured' : 'no request was answered';
    return judgement('Inconclusive', 'NothingMeasured', `${what}, so nothing can be said`);
  }
  if (broken) {
    const met = sentence('Passed');
    const rest = met.length > 0 ? `; ${and(met)}` : '';
    return judgement('Failed', broken.reason, `${and(sentence('Failed'))}${rest}${under}`);
  }
  const met = and(sentence('Passed'));
  if (stage === 'Recall') {
    return judgement(
      'Inconclusive',
      'NothingMeasured',
      `${met === '' ? 'recall only' : met}; not measured under load, since other searches of this build promised more`,
    );
  }
  const missing = results.filter(({ verdict }) => verdict === 'Inconclusive').map(({ name }) => metricLabel(name));
  if (missing.length > 0) {
    return judgement('Inconclusive', 'NothingMeasured', `${and(missing)} could not be measured${met && `; ${met}`}`);
  }
  return judgement('Passed', 'ConstraintsMet', `${met === '' ? 'no constraints were given' : met}${under}`);
}

/** Judges a run by its searches: what passed counts; else what was loaded counts before what was not. */
export function judgeRun(
  searches: readonly Pick<SearchRecord, 'stage' | 'verdict' | 'reason' | 'message'>[],
): Pick<Judgement, 'verdict' | 'reason' | 'message'> {
  const loaded = searches.filter(({ stage }) => stage !== 'Recall');
  const decisive = loaded.length > 0 ? loaded : searches;
  for (const verdict of ['Passed', 'Inconclusive', 'Failed', 'Error'] as const) {
    const found = decisive.find((search) => search.verdict === verdict);
    if (found) return { verdict, reason: found.reason, message: found.message };
  }
  return { verdict: 'Inconclusive', reason: 'NothingMeasured', message: 'no search of this build was measured' };
}

/** `p95 11.8 ms ≤ 20 ms`, with as many digits as it takes. Of the worst query: `recall of rare 0.91 < 0.95`, `recall 0.96 ≥ 0.95 (worst query: rare)`. */
function comparison(bound: Bound, metric: Metric | undefined): string {
  if (metric === undefined) return metricLabel(bound.name);
  const { value, query } = metric;
  const met = meets(value, bound);
  const sign = bound.side === 'AtLeast' ? (met ? '≥' : '<') : met ? '≤' : '>';
  const unit = metricUnit(bound.name);
  const [shown, limit] = [humanBytes(value), humanBytes(bound.bound)];
  if (bound.name === 'memory' && shown !== limit) return `memory ${shown} ${sign} ${limit}`;
  const label = query === undefined || met ? metricLabel(bound.name) : `${metricLabel(bound.name)} of ${query}`;
  const worst = query !== undefined && met ? ` (worst query: ${query})` : '';
  return `${label} ${showBeside(value, bound.bound)}${unit} ${sign} ${bound.bound}${unit}${worst}`;
}

/** `a`, `a and b`, `a, b and c`. */
function and(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}
