import { setTimeout as sleep } from 'node:timers/promises';
import { RestError } from '../rest.ts';

export interface RetryOptions {
  /** Attempts in all. */
  attempts: number;
  /** First pause; doubled each time up to `maxMilliseconds`, or what the server asks for. */
  baseMilliseconds: number;
  maxMilliseconds: number;
  signal?: AbortSignal;
  /** Which of the errors that may pass are tried again; default: all. */
  only?: (error: RestError) => boolean;
  /** Told of each failure that is tried again. */
  onRetry?: (error: RestError, pauseMilliseconds: number) => void;
}

export const DEFAULT_RETRY: RetryOptions = { attempts: 8, baseMilliseconds: 100, maxMilliseconds: 10_000 };

/** The pause before attempt `attempt` + 1: the server's Retry-After, else exponential. Both bounded by a minute. */
export function retryPause(error: RestError, attempt: number, options: RetryOptions): number {
  const own = Math.min(options.maxMilliseconds, options.baseMilliseconds * 2 ** (attempt - 1));
  return error.retryAfter === undefined ? own : Math.min(60_000, Math.max(own, error.retryAfter * 1000));
}

/** Repeats an idempotent request while the server says that it may succeed later. */
export async function withRetry<T>(action: () => Promise<T>, options: RetryOptions = DEFAULT_RETRY): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof RestError) || !error.retryable || attempt >= options.attempts) throw error;
      if (options.only?.(error) === false) throw error;
      const pause = retryPause(error, attempt, options);
      options.onRetry?.(error, pause);
      await sleep(pause, undefined, options.signal ? { signal: options.signal } : {});
    }
  }
}
