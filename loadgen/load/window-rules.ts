import type { LoadRules } from '../protocol.ts';
import type { WindowMeasurement } from './open-loop.ts';

/** Least share of the offered load that must be answered within the window. */
const MIN_ACHIEVED = 0.98;
/** So few unanswered requests are always allowed, whatever the share. */
const ALLOWED_BACKLOG = 4;

/** Which rule a window broke, in one phrase; undefined when it met them all. */
export interface Breach {
  kind: 'Backlog' | 'Achieved' | 'Errors' | 'Latency' | 'Writes';
  message: string;
}

/**
 * Is a rate too high? When the backlog grows (answers fall behind arrivals by more than 2 % of the window's requests),
 * too many requests fail, or a latency limit is broken. Capacity is named before latency, which it ruins.
 */
export function judgeWindow(
  measured: WindowMeasurement,
  rules: Pick<LoadRules, 'latency' | 'errorRateMax'>,
): Breach | undefined {
  const { scheduled, errorCount, backlogStart, backlogEnd } = measured;
  if (measured.aborted === 'Backlog') {
    return { kind: 'Backlog', message: `${backlogEnd} requests had arrived and were not answered: given up` };
  }
  const errorRate = scheduled === 0 ? 1 : errorCount / scheduled;
  if (errorRate > rules.errorRateMax) {
    return { kind: 'Errors', message: `${errorCount} of ${scheduled} requests failed` };
  }
  if (measured.aborted === 'Latency') {
    const { percentile, max } = brokenLimit(measured, rules.latency);
    return { kind: 'Latency', message: `more requests took over ${max} ms than p${percentile} allows: given up` };
  }
  const growth = backlogEnd - backlogStart;
  if (growth > Math.max(ALLOWED_BACKLOG, (1 - MIN_ACHIEVED) * scheduled)) {
    return { kind: 'Achieved', message: `unanswered requests grew by ${growth} while ${scheduled} arrived` };
  }
  for (const { percentile, max } of rules.latency) {
    const value = measured.response.percentile(percentile);
    if (value > max) {
      return { kind: 'Latency', message: `p${percentile} was ${value.toFixed(2)} ms, the limit is ${max} ms` };
    }
  }
  return undefined;
}

/** The limit that the part of a window that was measured breaks most clearly. */
function brokenLimit(measured: WindowMeasurement, limits: LoadRules['latency']): LoadRules['latency'][number] {
  const excess = (limit: LoadRules['latency'][number]): number =>
    measured.response.percentile(limit.percentile) / limit.max;
  return limits.reduce((worst, limit) => (excess(limit) > excess(worst) ? limit : worst));
}

/** Counted seconds of a window at a rate: long enough in time and in requests. */
export function windowSeconds(rules: Pick<LoadRules, 'windowSeconds' | 'windowRequests'>, rate: number): number {
  return Math.max(rules.windowSeconds, rules.windowRequests / rate);
}
