/** How a measure was spread, in the unit it was taken in. */
export interface Spread {
  count: number;
  p50: number;
  p95: number;
  max: number;
}

/** Percentiles by nearest rank, rounded to thousandths. @throws {RangeError} of nothing there is no spread. */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('nothing was measured');
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => rounded(sorted[Math.ceil(share * sorted.length) - 1] as number);
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), max: at(1) };
}

/** To thousandths. */
export const rounded = (value: number): number => Math.round(value * 1000) / 1000;
