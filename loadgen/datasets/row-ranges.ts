import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';

/** A share of the base: rows `from` … `to` − 1. */
export interface RowRange {
  from: number;
  to: number;
}

/** A task over `rows` rows, cut into at most so many shares of equal length. */
export function rowRanges<T extends { rows: number }>(task: T, parts: number): (T & RowRange)[] {
  const count = Math.max(1, Math.min(parts, task.rows));
  return Array.from({ length: count }, (_, part) => ({
    ...task,
    from: Math.floor((task.rows * part) / count),
    to: Math.floor((task.rows * (part + 1)) / count),
  }));
}

/** Messages of a worker: rows compared, or its result. */
export type WorkerReply<Result> = { rows: number } | { result: Result } | { error: string };

/**
 * Carries out each range's search, in a thread of its own where there are several.
 * @returns the results in the order of the ranges.
 */
export async function overRanges<Range extends RowRange, Result>(
  ranges: readonly Range[],
  search: (range: Range, onRows: (rows: number) => void) => Promise<Result>,
  { onProgress, signal }: { onProgress: (rows: number) => void; signal?: AbortSignal },
): Promise<Result[]> {
  let done = 0;
  const onRows = (rows: number): void => {
    done += rows;
    onProgress(done);
  };
  const results = await Promise.all(
    ranges.map((range) => (ranges.length === 1 ? search(range, onRows) : inWorker<Result>(range, onRows, signal))),
  );
  signal?.throwIfAborted();
  return results;
}

function inWorker<Result>(range: RowRange, onRows: (rows: number) => void, signal?: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    // The extension follows this file's, so that it also works where the sources have been emitted as .js.
    const worker = new Worker(new URL(`./ground-truth-worker${extname(import.meta.url)}`, import.meta.url), {
      workerData: range,
      execArgv: [],
    });
    const stop = (): void => void worker.terminate();
    signal?.addEventListener('abort', stop, { once: true });
    worker.on('message', (reply: WorkerReply<Result>) => {
      if ('rows' in reply) onRows(reply.rows);
      else if ('result' in reply) resolve(reply.result);
      else reject(new Error(reply.error));
    });
    worker.on('error', reject);
    worker.on('exit', () => {
      signal?.removeEventListener('abort', stop);
      reject(signal?.aborted ? (signal.reason as Error) : new Error('a ground truth worker ended early'));
    });
  });
}
