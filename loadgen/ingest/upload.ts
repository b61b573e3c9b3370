import { open } from 'node:fs/promises';
import type { Dataset } from '../datasets/dataset.ts';
import { readFloats } from '../datasets/ground-truth.ts';
import { collectionPath, type Rest } from '../rest.ts';
import { upsertBody, upsertBytes } from './encode.ts';
import { DEFAULT_RETRY, withRetry, type RetryOptions } from './retry.ts';

export interface UploadOptions {
  collection: string;
  /** Requests at once. */
  parallel?: number;
  /** Rows a request; default: about 1 MB of text, 1000 rows at most. */
  batchRows?: number;
  retry?: RetryOptions;
  signal?: AbortSignal;
  onProgress?: (rows: number) => void;
}

/** Well below the 32 MB Qdrant accepts by default. */
const MAX_BODY_BYTES = 24 * 2 ** 20;
const TARGET_BODY_BYTES = 2 ** 20;
/** A typical float's text with its comma. */
const TYPICAL_FLOAT_BYTES = 13;

/**
 * Rows a request, such that the body is about 1 MB and surely below Qdrant's limit.
 * @param payload bytes of a row's payload: the mean, and the longest.
 */
export function batchRows(dimensions: number, payload = { mean: 0, longest: 0 }): number {
  const typical = Math.floor(TARGET_BODY_BYTES / (dimensions * TYPICAL_FLOAT_BYTES + payload.mean));
  const largest = Math.floor(MAX_BODY_BYTES / upsertBytes(1, dimensions, payload.longest));
  return Math.max(1, Math.min(1000, typical, largest));
}

/**
 * Uploads all base rows; a point's id is its row number, so a repeated request changes nothing. Several requests are
 * under way at once; the last ones wait until they are applied.
 * @returns seconds taken.
 */
export async function upload(rest: Rest, dataset: Dataset, options: UploadOptions): Promise<number> {
  const { points, dimensions } = dataset.meta;
  const rows = options.batchRows ?? batchRows(dimensions, dataset.payloadBytes);
  const batches = Math.ceil(points / rows);
  const parallel = Math.min(options.parallel ?? 4, batches);
  const path = `${collectionPath(options.collection)}/points`;
  const scratch = Buffer.allocUnsafe(upsertBytes(rows, dimensions));
  const retry = { ...DEFAULT_RETRY, ...options.retry, ...(options.signal ? { signal: options.signal } : {}) };
  const file = await open(dataset.basePath, 'r');
  const start = performance.now();
  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  let next = 0;
  let sent = 0;

  const lane = async (): Promise<void> => {
    while (next < batches && !signal.aborted) {
      const batch = next;
      next += 1;
      const first = batch * rows;
      const count = Math.min(rows, points - first);
      const values = await readFloats(file, first * dimensions, count * dimensions);
      const payloads = dataset.hasPayload ? await dataset.payloadRows(first, count) : undefined;
      const body = upsertBody(values, first, count, dimensions, scratch, payloads);
      const wait = batch >= batches - parallel;
      await withRetry(() => rest.call('PUT', `${path}?wait=${wait}`, { body, signal, timeoutMilliseconds: 300_000 }), {
        ...retry,
        signal,
      });
      sent += count;
      options.onProgress?.(sent);
    }
  };

  try {
    const lanes = Array.from({ length: parallel }, () =>
      lane().catch((error: unknown) => {
        // The first failure stops the other lanes and is the one that is told.
        failed.abort(error);
        throw error;
      }),
    );
    const results = await Promise.allSettled(lanes);
    options.signal?.throwIfAborted();
    if (failed.signal.aborted) throw failed.signal.reason;
    void results;
  } finally {
    await file.close();
  }
  return (performance.now() - start) / 1000;
}
