import type { RestError } from '../rest.ts';

/** What a refused upsert asks for: to wait, or to be smaller. */
export type PushBack = 'Wait' | 'Smaller';

/**
 * Is a refusal one that passes? Rate limits of strict mode (429), no capacity or no leader at the moment (503), a resource
 * quota reached (507): wait. Too large a body (413; Qdrant itself says so with 400), or more points than a rate limit ever
 * lets through (429 that names no time to wait): smaller. Anything else stays an error.
 */
export function pushBack(error: RestError): PushBack | undefined {
  switch (error.status) {
    case 413:
      return 'Smaller';
    case 400:
      return /larger than allowed/i.test(error.message) ? 'Smaller' : undefined;
    case 429:
      return error.retryAfter === undefined ? 'Smaller' : 'Wait';
    case 503:
    case 507:
      return 'Wait';
    default:
      return undefined;
  }
}

const BASE_SECONDS = 0.1;
const MAX_SECONDS = 10;
/** The longest wait a server is granted at once. */
const MAX_ASKED_SECONDS = 60;

/** Seconds to wait after the n-th refusal since the last success: as long as asked for, else doubling up to 10 s. */
export function pauseSeconds(error: RestError, refusals: number): number {
  const own = Math.min(MAX_SECONDS, BASE_SECONDS * 2 ** Math.min(20, Math.max(0, refusals - 1)));
  return error.retryAfter === undefined ? own : Math.min(MAX_ASKED_SECONDS, Math.max(BASE_SECONDS, error.retryAfter));
}
