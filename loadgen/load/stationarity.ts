import { mannKendall, median, theilSen } from './mann-kendall.ts';
import type { WindowMeasurement } from './open-loop.ts';

/** Fewer parts, or answers in one, tell nothing. */
const MIN_PARTS = 6;
const MIN_ANSWERS = 20;
/** A trend this improbable by chance … */
const SIGNIFICANCE = 0.01;
/** … that over the window comes to this share of the median, and to more than noise. */
export const TOLERANCE = 0.5;
/** A soak looks for what hours do: it bears less. */
export const SOAK_TOLERANCE = 0.2;
const LEAST_MS = 1;
const LEAST_IN_FLIGHT = 4;
/** Little's law holds to this, and to one request. */
const LITTLE_TOLERANCE = 0.25;

/** Mean in flight as it was seen, and as rate and response say: L = λ · W. */
export interface LittlesLaw {
  inFlight: number;
  /** Answers a second × mean response. */
  expected: number;
}

/**
 * Little's law (1961) for a window: what was in flight on average is the rate times the mean response, however arrivals and
 * answers are distributed, if the window stands still and both were measured rightly.
 */
export function littlesLaw({ meanInFlight, achievedRate, response }: WindowMeasurement): LittlesLaw {
  return { inFlight: meanInFlight, expected: (achievedRate * response.mean) / 1000 };
}

/**
 * Why a window does not stand still, in one sentence with the figures, or undefined. Its counted time is cut into up to ten
 * equal parts. There is a trend when the median response of the parts, or the mean number in flight, has one by the
 * Mann–Kendall test at 1 %, and the Theil–Sen slope over all parts comes to more than `tolerance` of their median and to 1 ms
 * (4 requests). The first alone would find slopes that don't matter, the second alone chance. And where nothing failed,
 * Little's law must hold to a quarter.
 */
export function unsteadiness(measured: WindowMeasurement, tolerance: number = TOLERANCE): string | undefined {
  const parts = measured.parts.filter(({ response }) => response.count >= MIN_ANSWERS);
  if (parts.length < MIN_PARTS) return undefined;
  const medians = parts.map(({ response }) => response.percentile(50));
  const inFlight = parts.map((part) => part.inFlight);
  const found =
    trend('p50', ' ms', medians, tolerance, LEAST_MS) ??
    trend('the number of requests in flight', '', inFlight, tolerance, LEAST_IN_FLIGHT);
  if (found !== undefined || measured.errorCount > 0) return found;
  const { inFlight: seen, expected } = littlesLaw(measured);
  const away = Math.abs(seen - expected);
  if (away <= 1 || away <= LITTLE_TOLERANCE * Math.max(seen, expected)) return undefined;
  return `Little's law does not hold: ${seen.toFixed(1)} requests were in flight, rate times mean response is ${expected.toFixed(1)}`;
}

function trend(
  what: string,
  unit: string,
  values: readonly number[],
  tolerance: number,
  least: number,
): string | undefined {
  const { probability } = mannKendall(values);
  const change = theilSen(values) * (values.length - 1);
  const middle = median(values);
  if (probability > SIGNIFICANCE || Math.abs(change) < Math.max(least, tolerance * middle)) return undefined;
  const [from, to] = [middle - change / 2, middle + change / 2].map((value) => Math.max(0, value).toFixed(2));
  const how = change > 0 ? 'rose' : 'fell';
  return `${what} ${how} from ${from} to ${to}${unit} over the window (Mann–Kendall over ${values.length} parts, p = ${probability.toPrecision(1)})`;
}
