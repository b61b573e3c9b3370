import { setTimeout as sleep } from 'node:timers/promises';
import { JobError } from '../job-error.ts';
import { collectionPath, RestError, type Rest } from '../rest.ts';
import type { CollectionInfo, Optimizations } from './collection-info.ts';
import { exactCount } from './exact-count.ts';
import { DEFAULT_RETRY, withRetry } from './retry.ts';

/** What one poll saw. `count` is exact and only asked for when all else looks ready. */
export interface Observation {
  info: CollectionInfo;
  /** Absent on servers before 1.17. */
  optimizations?: Optimizations;
  count?: number;
}

export type PollVerdict =
  | { kind: 'Ready' }
  | { kind: 'Waiting'; why: string }
  /** Optimizations are needed but none was triggered since the server's start: any update starts them. */
  | { kind: 'Grey' }
  | { kind: 'Broken'; why: string };

/** Is the collection ready, as far as one poll can tell? Pure. */
export function judgePoll({ info, optimizations, count }: Observation, points: number): PollVerdict {
  if (info.status === 'red' || (typeof info.optimizer_status === 'object' && info.optimizer_status !== null)) {
    const why = typeof info.optimizer_status === 'object' ? info.optimizer_status.error : 'status red without a reason';
    return { kind: 'Broken', why };
  }
  if (info.status === 'grey') return { kind: 'Grey' };
  if (info.status !== 'green') return { kind: 'Waiting', why: `status ${info.status}` };
  const queued = info.update_queue?.length ?? 0;
  if (queued > 0) return { kind: 'Waiting', why: `${queued} updates queued` };
  const deferred = info.update_queue?.deferred_points ?? 0;
  if (deferred > 0) return { kind: 'Waiting', why: `${deferred} points deferred` };
  const planned = optimizations?.summary?.queued_optimizations ?? 0;
  if (planned > 0) return { kind: 'Waiting', why: `${planned} optimizations queued` };
  const running = optimizations?.running?.length ?? 0;
  if (running > 0) return { kind: 'Waiting', why: `${running} optimizations running` };
  if (count !== undefined && count !== points) return { kind: 'Waiting', why: `${count} of ${points} points visible` };
  return { kind: 'Ready' };
}

export interface ReadinessOptions {
  collection: string;
  points: number;
  timeoutSeconds: number;
  /** Pause between polls. */
  pollMilliseconds?: number;
  signal?: AbortSignal;
  onProgress?: (info: CollectionInfo, why: string) => void;
}

export interface Readiness {
  info: CollectionInfo;
  /** Seconds from the call until the first of the ready polls. */
  indexedSeconds: number;
  /** Seconds from the call until readiness had held for three polls. */
  stableSeconds: number;
}

/** Status may blink green between the end of an upload and the start of the optimizer. */
const CONSECUTIVE = 3;

/**
 * Waits until every update is applied and nothing is being, or waiting to be, optimized, as seen by three polls in a
 * row, and the exact number of points is right.
 * @throws {JobError} BuildFailed: a failed optimizer, or the time is over; TargetUnreachable: no answer.
 */
export async function waitUntilReady(rest: Rest, options: ReadinessOptions): Promise<Readiness> {
  const path = collectionPath(options.collection);
  const start = performance.now();
  const seconds = (): number => (performance.now() - start) / 1000;
  let hasOptimizations = true;
  let consecutive = 0;
  let indexedSeconds = 0;
  let why = 'nothing seen yet';

  const observe = async (): Promise<Observation> => {
    const info = await rest.call<CollectionInfo>('GET', path, { signal: options.signal });
    let optimizations: Optimizations | undefined;
    if (hasOptimizations) {
      try {
        optimizations = await rest.call<Optimizations>('GET', `${path}/optimizations`, { signal: options.signal });
      } catch (error) {
        // Servers before 1.17 don't have it.
        if (!(error instanceof RestError) || (error.status !== 404 && error.status !== 405)) throw error;
        hasOptimizations = false;
      }
    }
    return { info, ...(optimizations ? { optimizations } : {}) };
  };

  for (;;) {
    let seen = await withRetry(observe, { ...DEFAULT_RETRY, signal: options.signal });
    let verdict = judgePoll(seen, options.points);
    if (verdict.kind === 'Ready') {
      const count = await withRetry(() => exactCount(rest, options.collection, options.signal), {
        ...DEFAULT_RETRY,
        signal: options.signal,
      });
      seen = { ...seen, count };
      verdict = judgePoll(seen, options.points);
    }
    if (verdict.kind === 'Ready') {
      consecutive += 1;
      if (consecutive === 1) indexedSeconds = seconds();
      if (consecutive >= CONSECUTIVE) return { info: seen.info, indexedSeconds, stableSeconds: seconds() };
    } else {
      consecutive = 0;
      if (verdict.kind === 'Broken') {
        throw new JobError('BuildFailed', `collection ${options.collection}: the server reports: ${verdict.why}`);
      }
      if (verdict.kind === 'Grey') {
        why = 'status grey: optimizations wait for an update';
        await withRetry(() => rest.call('PATCH', path, { body: '{"optimizers_config":{}}', signal: options.signal }), {
          ...DEFAULT_RETRY,
          signal: options.signal,
        });
      } else {
        why = verdict.why;
      }
      options.onProgress?.(seen.info, why);
    }
    if (seconds() > options.timeoutSeconds) {
      throw new JobError(
        'BuildFailed',
        `collection ${options.collection}: not ready after ${options.timeoutSeconds} s (${why}); ` +
          'allow more time, or choose cheaper build settings',
      );
    }
    await sleep(options.pollMilliseconds ?? 100, undefined, options.signal ? { signal: options.signal } : {});
  }
}
