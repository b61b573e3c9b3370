/**
 * Seeded randomness made of 32-bit integer operations and IEEE additions and multiplications only, so that the same
 * seed gives the same bits on every platform. xoshiro128++ (Blackman, Vigna 2019), seeded through splitmix32.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** `stream` separates independent sequences of one seed. */
  constructor(seed: number, stream = 0) {
    let state = (seed ^ Math.imul(stream + 1, 0x9e3779b9)) >>> 0;
    const next = (): number => {
      state = (state + 0x9e3779b9) >>> 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return (z ^ (z >>> 16)) >>> 0;
    };
    // The high half of seeds above 2³² must count too.
    state = (state + Math.floor(seed / 4_294_967_296)) >>> 0;
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1;
  }

  /** A uniform 32-bit unsigned integer. */
  uint32(): number {
    const sum = (this.#a + this.#d) | 0;
    const result = (((sum << 7) | (sum >>> 25)) + this.#a) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** Uniform in (0, 1), never 0 or 1. */
  uniform(): number {
    return (this.uint32() + 0.5) / 4_294_967_296;
  }

  /** Uniform integer in 0 … n − 1. */
  below(n: number): number {
    return Math.floor((this.uint32() / 4_294_967_296) * n);
  }

  /**
   * Bell-shaped with mean 0 and variance 1: the sum of eight 16-bit uniforms (Irwin–Hall). Not exactly normal in
   * its tails, but free of transcendental functions, whose last bit differs between platforms.
   */
  bell(): number {
    const w = this.uint32();
    const x = this.uint32();
    const y = this.uint32();
    const z = this.uint32();
    const sum =
      (w & 0xffff) + (w >>> 16) + (x & 0xffff) + (x >>> 16) + (y & 0xffff) + (y >>> 16) + (z & 0xffff) + (z >>> 16);
    // Eight uniforms on 0 … 65535: mean 8 × 32767.5, variance 8 × (65536² − 1) / 12.
    return (sum - 262_140) * BELL_SCALE;
  }
}

const BELL_SCALE = 1 / Math.sqrt((8 * (65_536 * 65_536 - 1)) / 12);
