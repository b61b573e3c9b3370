/** A span in which a server stood still, in ms on the clock of the arrivals. */
export type Pause = readonly [from: number, to: number];

/**
 * Response times (ms) of requests at a server that answers in `serviceMs`, whatever their number, but not during its
 * pauses: one that arrives in a pause waits for its end.
 */
export function responsesAroundPauses(
  arrivals: ArrayLike<number>,
  pauses: readonly Pause[],
  serviceMs: number,
): number[] {
  return Array.from(arrivals, (at) => {
    const pause = pauses.find(([from, to]) => at >= from && at < to);
    return serviceMs + (pause === undefined ? 0 : pause[1] - at);
  });
}

/**
 * A percentile (0–100) of the time (ms) in an M/M/1 queue, waiting included: −ln(1 − p) / (μ − λ), the sojourn time being
 * exponential (Kleinrock, Queueing Systems I, 3.2).
 */
export function sojournPercentile(percentile: number, arrivalsPerSecond: number, serviceMs: number): number {
  const spare = 1000 / serviceMs - arrivalsPerSecond;
  if (spare <= 0)
    throw new RangeError(`a queue that gets ${arrivalsPerSecond}/s and serves ${1000 / serviceMs}/s grows`);
  return (-Math.log(1 - percentile / 100) / spare) * 1000;
}

/** A percentile (0–100) of values: the smallest one that so many per cent do not exceed (nearest rank). */
export function percentileOf(values: readonly number[], percentile: number): number {
  if (values.length === 0) return NaN;
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percentile / 100) * sorted.length) - 1)] as number;
}
