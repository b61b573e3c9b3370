import { errorText, JobError } from '../job-error.ts';
import { RestError, type Rest } from '../rest.ts';
import { exactCount } from './exact-count.ts';
import { DEFAULT_RETRY, withRetry, type RetryOptions } from './retry.ts';

/** A server that is made again, its pod evicted for one, is not waited for here: another attempt does that. */
const RETRY: RetryOptions = { ...DEFAULT_RETRY, attempts: 5 };

/**
 * Throws when the collection is not what was measured: deleted, or with other points than were put there. What was
 * found then says nothing about the settings.
 * @throws {JobError} Disrupted, or TargetUnreachable when the server does not answer.
 */
export async function mustBeUntouched(
  rest: Rest,
  collection: string,
  points: number,
  signal: AbortSignal,
  retry: RetryOptions = RETRY,
): Promise<void> {
  let found: number;
  try {
    found = await withRetry(() => exactCount(rest, collection, signal), { ...retry, signal });
  } catch (error) {
    if (!(error instanceof RestError)) throw error;
    if (error.status === 404) {
      throw new JobError('Disrupted', `collection ${collection} was deleted while it was measured`, { cause: error });
    }
    throw new JobError('TargetUnreachable', `after a measurement of ${collection}: ${errorText(error)}`, {
      cause: error,
    });
  }
  if (found === points) return;
  throw new JobError(
    'Disrupted',
    `collection ${collection} holds ${found} points after the measurement, ${points} were put there: somebody else writes to it`,
  );
}
