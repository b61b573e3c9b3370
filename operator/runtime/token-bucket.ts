import { type Clock, sleep, systemClock } from './clock.ts';

export interface TokenBucketOptions {
  /** Tokens that come in a second. */
  perSecond: number;
  /** Tokens it holds, and has at the beginning. */
  burst: number;
  clock?: Clock;
}

/** A rate limit that lets bursts pass. Tokens are given in the order they were asked for, the later ones in advance. */
export class TokenBucket {
  readonly #options: Required<TokenBucketOptions>;
  #tokens: number;
  #at: number;

  constructor(options: TokenBucketOptions) {
    if (!(options.perSecond > 0) || !(options.burst >= 1)) {
      throw new RangeError(
        `a token bucket of ${options.perSecond} a second and ${options.burst} at once: expected more than 0, and 1 or more`,
      );
    }
    this.#options = { clock: systemClock, ...options };
    this.#tokens = options.burst;
    this.#at = this.#options.clock.now();
  }

  /** Takes a token, which may be one that has yet to come: returns the ms until then. */
  reserve(): number {
    const { clock, perSecond, burst } = this.#options;
    const now = clock.now();
    this.#tokens = Math.min(burst, this.#tokens + (Math.max(0, now - this.#at) / 1000) * perSecond) - 1;
    this.#at = now;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / perSecond) * 1000;
  }

  /** Waits for a token. @throws the signal's reason; the token is given back then. */
  async take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const wait = this.reserve();
    if (wait === 0) return;
    try {
      await sleep(this.#options.clock, wait, signal);
    } catch (error) {
      this.#tokens += 1;
      throw error;
    }
  }
}
