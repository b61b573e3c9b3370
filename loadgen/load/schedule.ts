import { Random } from '../random.ts';

/**
 * Arrival times of a Poisson process of `rate` arrivals a second, in seconds from the start, without end. Gaps are
 * exponential by inversion: −ln(u) / rate. Streams of one seed are independent, and the superposition of n processes of
 * rate / n is one of `rate`: load is split over generators without a coordinator.
 */
export function* poissonArrivals(rate: number, seed: number, stream = 0): Generator<number, never, undefined> {
  const random = new Random(seed, stream);
  let time = 0;
  for (;;) {
    time -= Math.log(random.uniform()) / rate;
    yield time;
  }
}

/**
 * The arrivals of one measuring window: a Poisson process given that round(rate × seconds) arrivals fall into it. Gaps
 * are exponential up to that condition (normalised exponential spacings: Devroye 1986, V.2.1), but the number is not
 * left to chance: with it free, a window of 1,000 requests would offer 3 % more or less than it says, as much as the
 * search for the sustainable rate wants to tell apart. The same seed gives the same pattern at any rate, which pairs
 * windows of different configurations.
 */
export function windowArrivals(rate: number, seconds: number, seed: number, stream = 0): Float64Array {
  const count = Math.max(1, Math.round(rate * seconds));
  const random = new Random(seed, stream);
  const times = new Float64Array(count);
  let sum = 0;
  for (let i = 0; i < count; i += 1) {
    sum -= Math.log(random.uniform());
    times[i] = sum;
  }
  const scale = seconds / (sum - Math.log(random.uniform()));
  for (let i = 0; i < count; i += 1) times[i] = (times[i] as number) * scale;
  return times;
}

/**
 * Arrivals at equal distances, 1 / rate apart, in seconds from the start: those of one of `pods` load generators that
 * share the rate in stripes (pod i takes every n-th arrival, from the i-th on), so that together they are equidistant.
 */
export function constantArrivals(rate: number, seconds: number, pod = 0, pods = 1): Float64Array {
  const count = Math.max(1, Math.round(rate * seconds));
  const mine = Math.max(0, Math.ceil((count - pod) / pods));
  return Float64Array.from({ length: mine }, (_, i) => (pod + i * pods) / rate);
}

/** A seeded order of 0 … n − 1 (Fisher–Yates), so that neighbouring queries of a file are not asked in a row. */
export function queryOrder(n: number, seed: number): Uint32Array {
  const random = new Random(seed, 3);
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i -= 1) {
    const other = random.below(i + 1);
    const swapped = order[i] as number;
    order[i] = order[other] as number;
    order[other] = swapped;
  }
  return order;
}
