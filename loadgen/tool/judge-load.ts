import type { Reason, Verdict } from '../../operator/judge/verdict.ts';
import type { Breach } from '../load/window-rules.ts';
import type { ConstraintReport } from './load-report.ts';

/** What the user wants to hold. Times in ms, shares 0–1. */
export interface LoadLimits {
  latency: { percentile: number; max: number }[];
  minRecall?: number;
  maxErrorRate: number;
}

/** What a verdict needs to know of a load. */
export interface LoadFacts {
  requests: number;
  /** Right answers in the counted time. */
  completed: number;
  errors: number;
  errorKinds: Readonly<Record<string, number>>;
  offeredRate: number | undefined;
  achievedRate: number;
  recall: number | undefined;
  /** Response time by percentile; undefined in a closed loop. */
  response: ((percentile: number) => number) | undefined;
  /** The rule of open loops that was broken, if one was. */
  breach: Breach | undefined;
  /** Why the load generator was the limit, if it was. */
  clientLimit: string | undefined;
}

export interface LoadVerdict {
  verdict: Verdict;
  reason: Reason;
  message: string;
  constraints: ConstraintReport[];
}

/**
 * What a load says. The load generator's own limits come first, for nothing else can be said then; what fails comes before
 * what is slow. Without data nothing passes.
 */
export function judgeLoad(facts: LoadFacts, limits: LoadLimits): LoadVerdict {
  const errorRate = facts.requests === 0 ? 1 : facts.errors / facts.requests;
  const constraints = constraintsOf(facts, limits, errorRate);
  const say = (verdict: Verdict, reason: Reason, message: string): LoadVerdict => ({
    verdict,
    reason,
    message,
    constraints,
  });
  if (facts.clientLimit !== undefined) {
    return say(
      'Inconclusive',
      'ClientLimited',
      `${facts.clientLimit}: these are not the server's figures; give the load generator a core of its own, or ask for less`,
    );
  }
  const kinds = Object.entries(facts.errorKinds).map(([kind, count]) => `${kind} ${count}`);
  if (facts.completed === 0) {
    if (facts.errors === 0) return say('Error', 'NothingMeasured', 'no request was answered in the counted time');
    const away = Object.keys(facts.errorKinds).every((kind) => kind === 'connection');
    return say(
      'Error',
      away ? 'TargetUnreachable' : 'ServerErrors',
      `none of ${facts.requests} requests was answered (${kinds.join(', ')})`,
    );
  }
  if (errorRate > limits.maxErrorRate) {
    return say(
      'Failed',
      'ErrorRateTooHigh',
      `${facts.errors} of ${facts.requests} requests failed (${kinds.join(', ')}), allowed are ${share(limits.maxErrorRate)}`,
    );
  }
  if (facts.breach !== undefined && (facts.breach.kind === 'Backlog' || facts.breach.kind === 'Achieved')) {
    return say(
      'Failed',
      'NoSustainableRate',
      `the server did not keep up with ${rate(facts.offeredRate ?? 0)}: it answered ${rate(facts.achievedRate)}, ${facts.breach.message}`,
    );
  }
  const broken = constraints.find(({ met }) => !met);
  if (broken !== undefined) {
    return broken.name === 'recall'
      ? say(
          'Failed',
          'RecallTooLow',
          broken.value === null
            ? 'recall could not be counted'
            : `recall was ${broken.value.toFixed(4)}, wanted is ${broken.bound} or more`,
        )
      : say(
          'Failed',
          'LatencyTooHigh',
          `${broken.name} was ${(broken.value ?? NaN).toFixed(2)} ms, the limit is ${broken.bound} ms`,
        );
  }
  const asked = facts.offeredRate === undefined ? '' : ` of ${rate(facts.offeredRate)}`;
  return say('Passed', 'ConstraintsMet', `${rate(facts.achievedRate)}${asked} answered, ${facts.errors} errors`);
}

function constraintsOf(facts: LoadFacts, limits: LoadLimits, errorRate: number): ConstraintReport[] {
  const constraints: ConstraintReport[] = [
    { name: 'errorRate', bound: limits.maxErrorRate, value: errorRate, met: errorRate <= limits.maxErrorRate },
  ];
  if (limits.minRecall !== undefined) {
    const value = facts.recall ?? null;
    constraints.push({
      name: 'recall',
      bound: limits.minRecall,
      value,
      met: value !== null && value >= limits.minRecall,
    });
  }
  for (const { percentile, max } of limits.latency) {
    const value = facts.completed === 0 ? null : (facts.response?.(percentile) ?? null);
    const name = percentile === 100 ? 'max' : `p${String(percentile).replace('.', '')}`;
    constraints.push({ name, bound: max, value, met: value !== null && value <= max });
  }
  return constraints;
}

function rate(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(0)}/s`;
}

function share(value: number): string {
  return `${Number((value * 100).toPrecision(3))} %`;
}
