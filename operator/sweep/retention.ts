import { durationSeconds } from '../../crds/duration.ts';
import type { SweepSpec } from '../../crds/sweep/sweep-spec.ts';

/** `spec.retention` of a QdrantSweep. */
export type Retention = NonNullable<SweepSpec['retention']>;

const DEFAULT_TTL = '168h';

/** Whether what was made outlives a sweep that has come to its end; suspended ones go on one day. */
export function keepsTarget({ onFinish = 'Delete' }: Retention, phase: string, hasBest: boolean): boolean {
  return phase === 'Suspended' || onFinish === 'Keep' || (onFinish === 'KeepBest' && hasBest);
}

/**
 * When children and details of a finished sweep go: after its time to live, or earlier, when what was kept has cost
 * `maxCost` more (money in the target's own currency only; another one cannot be compared and is not).
 */
export function expiresAt(
  { ttlAfterFinished = DEFAULT_TTL, maxCost }: Retention,
  finishedAt: string,
  price?: { perHour: number; currency: string | undefined },
): Date {
  const seconds = durationSeconds(ttlAfterFinished);
  const comparable = maxCost && price && price.perHour > 0 && price.currency === maxCost.currency;
  const affordable = comparable ? (Number(maxCost.amount) / price.perHour) * 3600 : Infinity;
  return new Date(Date.parse(finishedAt) + Math.min(seconds, affordable) * 1000);
}
