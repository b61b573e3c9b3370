import { setTimeout as sleep } from 'node:timers/promises';
import { collectionPath, RestError, type Rest } from '../rest.ts';
import { withRetry, DEFAULT_RETRY } from './retry.ts';
import type { UploadSource } from './upload-source.ts';

export interface SearchableOptions {
  collection: string;
  /** The rows that were uploaded last. */
  rows: readonly number[];
  timeoutSeconds: number;
  pollMilliseconds?: number;
  signal?: AbortSignal;
}

/**
 * Waits until queries for the vectors of the given rows find these rows: with `prevent_unoptimized`, or while the update
 * queue is worked off, points that were accepted are not found yet.
 * @returns seconds from the call; undefined when that could not be seen in time, or the server refuses such a query.
 */
export async function waitUntilSearchable(
  rest: Rest,
  source: UploadSource,
  options: SearchableOptions,
): Promise<number | undefined> {
  const begin = performance.now();
  const seconds = (): number => (performance.now() - begin) / 1000;
  const signal = options.signal ? { signal: options.signal } : {};
  const path = `${collectionPath(options.collection)}/points/query`;
  for (const row of options.rows.toSorted((a, b) => a - b)) {
    const query = Array.from(await source.rows(row, 1));
    // Its own vector is nearest to it, but may be there twice: the filter asks for this very point.
    const body = JSON.stringify({ query, filter: { must: [{ has_id: [row] }] }, limit: 1 });
    for (;;) {
      try {
        const call = () => rest.call<{ points: { id: unknown }[] }>('POST', path, { body, ...signal });
        const { points } = await withRetry(call, { ...DEFAULT_RETRY, ...signal });
        if (points.some(({ id }) => id === row)) break;
      } catch (error) {
        if (error instanceof RestError) return undefined;
        throw error;
      }
      if (seconds() > options.timeoutSeconds) return undefined;
      await sleep(options.pollMilliseconds ?? 10, undefined, signal);
    }
  }
  return options.rows.length === 0 ? undefined : seconds();
}
