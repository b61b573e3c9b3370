import { Random } from '../random.ts';
import type { RateFunction } from './profile.ts';

/** Scheduled starts of one window, seconds from its beginning, ascending. A `Float64Array` is one. */
export interface Arrivals {
  readonly length: number;
  at(index: number): number | undefined;
}

export interface ArrivalPlan {
  kind: 'Poisson' | 'Constant';
  /** Of the whole load, all pods together. */
  rates: RateFunction;
  seed: number;
  /** Windows of one seed, told apart: 0 … 4095. */
  stream: number;
  /** Which of how many generators that share the load. */
  pod?: number;
  pods?: number;
}

/** Arrivals made at once. A window of days is never held as a whole. */
export const BLOCK = 65_536;
const KEPT_BLOCKS = 4;
const STREAMS = 4096;
const PODS = 64;

/**
 * The arrivals of one generator in one window, made as they are needed: seeded, the same each time, whatever is asked for
 * first. Times are the inverse of the rate's integral, so that any profile is followed exactly.
 *
 * `Poisson`: given the number of arrivals, as in {@link windowArrivals}, of each 65,536. Pods have independent streams at
 * their share of the rate: together they are a Poisson process again. `Constant`: every arrival when it is expected, at equal
 * distances where the rate stands still; of n pods, pod i takes every n-th from the i-th on.
 */
export function arrivalsOf({ kind, rates, seed, stream, pod = 0, pods = 1 }: ArrivalPlan): Arrivals {
  const all = Math.max(1, Math.round(rates.total));
  const length = Math.max(0, Math.ceil((all - pod) / pods));
  if (kind === 'Constant') {
    const at = (index: number) => (index < length ? rates.timeOf(pod + index * pods) : undefined);
    return { length, at };
  }
  return new PoissonArrivals(rates, length, seed, stream + STREAMS * pod);
}

class PoissonArrivals implements Arrivals {
  readonly length: number;
  readonly #rates: RateFunction;
  readonly #seed: number;
  readonly #stream: number;
  readonly #blocks = new Map<number, Float64Array>();

  constructor(rates: RateFunction, length: number, seed: number, stream: number) {
    this.length = length;
    this.#rates = rates;
    this.#seed = seed;
    this.#stream = stream;
  }

  at(index: number): number | undefined {
    if (index >= this.length) return undefined;
    const number = Math.floor(index / BLOCK);
    const known = this.#blocks.get(number);
    if (known) return known[index % BLOCK];
    const block = this.#make(number);
    // The oldest goes: sending runs from the first to the last.
    if (this.#blocks.size >= KEPT_BLOCKS) this.#blocks.delete(this.#blocks.keys().next().value as number);
    this.#blocks.set(number, block);
    return block[index % BLOCK];
  }

  /** Exponential gaps, normalised so that the block holds exactly its number of arrivals (Devroye 1986, V.2.1). */
  #make(number: number): Float64Array {
    const first = number * BLOCK;
    const count = Math.min(BLOCK, this.length - first);
    const random = new Random(this.#seed, this.#stream + STREAMS * PODS * number);
    const times = new Float64Array(count);
    let sum = 0;
    for (let i = 0; i < count; i += 1) {
      sum -= Math.log(random.uniform());
      times[i] = sum;
    }
    sum -= Math.log(random.uniform());
    const expectedEach = this.#rates.total / this.length;
    for (let i = 0; i < count; i += 1) {
      times[i] = this.#rates.timeOf((first + ((times[i] as number) / sum) * count) * expectedEach);
    }
    return times;
  }
}
