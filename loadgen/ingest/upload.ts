import { setTimeout as sleep } from 'node:timers/promises';
import { errorText, JobError } from '../job-error.ts';
import { collectionPath, RestError, type Rest } from '../rest.ts';
import { upsertBody, upsertBytes } from './encode.ts';
import { pauseSeconds, pushBack } from './push-back.ts';
import { RateMeter } from './rate-meter.ts';
import { DEFAULT_RETRY, withRetry, type RetryOptions } from './retry.ts';
import { RowRanges, type RowRange } from './row-ranges.ts';
import { hear, startControl, type UploadControl, type UploadLimits } from './upload-control.ts';
import type { UploadSource } from './upload-source.ts';

export interface UploadOptions {
  collection: string;
  /** Requests at once; default: as many as bring more rows a second. */
  parallel?: number;
  /** Rows a request; default: as many as bring more rows a second, beginning with about 1 MB of text. */
  batchRows?: number;
  /** The rows to send; default: all. */
  ranges?: readonly RowRange[];
  /** Every request waits until its points are applied; default: the last ones only. */
  wait?: boolean;
  /** For what is no answer, or a timeout. A server that pushes back is waited for by `patienceSeconds` instead. */
  retry?: RetryOptions;
  /** How long a server may refuse everything (429, 503, 507) before the upload is given up. Default 300. */
  patienceSeconds?: number;
  signal?: AbortSignal;
  onProgress?: (progress: UploadProgress) => void;
}

export interface UploadProgress {
  /** Sent and acknowledged, of how many. */
  rows: number;
  total: number;
  /** Rows a second over the last seconds. */
  rate: number | undefined;
  batchRows: number;
  parallel: number;
}

export interface UploadResult {
  /** From the first request to the last answer. */
  seconds: number;
  rows: number;
  /** What it came to in the end. */
  batchRows: number;
  parallel: number;
  /** Refusals by HTTP status that were borne with. */
  pushedBack: Record<string, number>;
  /** Rows that were among the last to be acknowledged, at most eight. */
  last: number[];
}

/** Well below the 32 MB Qdrant accepts by default. */
const MAX_BODY_BYTES = 24 * 2 ** 20;
const TARGET_BODY_BYTES = 2 ** 20;
/** A typical float's text with its comma. */
const TYPICAL_FLOAT_BYTES = 13;
/** Bodies under way at once, together. */
const MAX_BYTES_UNDER_WAY = 128 * 2 ** 20;
const MAX_ROWS = 10_000;
const FIRST_PARALLEL = 2;
const MAX_PARALLEL = 16;
const PATIENCE_SECONDS = 300;
const REMEMBERED = 8;

/**
 * Rows in a first request, such that its body is about 1 MB and surely below Qdrant's limit.
 * @param payload bytes of a row's payload: the mean, and the longest.
 */
export function batchRows(dimensions: number, payload = { mean: 0, longest: 0 }): number {
  const typical = Math.floor(TARGET_BODY_BYTES / (dimensions * TYPICAL_FLOAT_BYTES + payload.mean));
  return Math.max(1, Math.min(1000, typical, mostRows(dimensions, payload.longest)));
}

function mostRows(dimensions: number, payloadBytes: number): number {
  return Math.max(1, Math.min(MAX_ROWS, Math.floor(MAX_BODY_BYTES / upsertBytes(1, dimensions, payloadBytes))));
}

function limitsOf(source: UploadSource, options: UploadOptions): UploadLimits {
  const { dimensions, payloadBytes } = source;
  const rows = options.batchRows ?? batchRows(dimensions, payloadBytes);
  const maxRows = options.batchRows ?? mostRows(dimensions, payloadBytes?.longest ?? 0);
  const typical = Math.max(TARGET_BODY_BYTES, rows * dimensions * TYPICAL_FLOAT_BYTES);
  const affordable = Math.max(FIRST_PARALLEL, Math.floor(MAX_BYTES_UNDER_WAY / typical));
  return {
    rows,
    maxRows,
    parallel: options.parallel ?? FIRST_PARALLEL,
    maxParallel: options.parallel ?? Math.min(MAX_PARALLEL, affordable),
  };
}

/**
 * Uploads rows; a point's id is its row number, so a repeated request changes nothing. How much is under way follows what
 * the server makes of it (`upload-control.ts`). A server that pushes back is left alone for as long as it asks, and
 * refused requests are sent again, smaller if that is what is wrong.
 * @throws {JobError} ServerErrors: refused for longer than `patienceSeconds`; BuildFailed: a single row is too large.
 * @throws {RestError} anything else the server said.
 */
export async function upload(rest: Rest, source: UploadSource, options: UploadOptions): Promise<UploadResult> {
  const run = new Upload(rest, source, options);
  return await run.all();
}

class Upload {
  readonly #rest: Rest;
  readonly #source: UploadSource;
  readonly #options: UploadOptions;
  readonly #ranges: RowRanges;
  readonly #total: number;
  readonly #failed = new AbortController();
  readonly #signal: AbortSignal;
  readonly #begin = performance.now();
  readonly #meter = new RateMeter(0);
  readonly #running = new Set<Promise<void>>();
  readonly #pushedBack: Record<string, number> = {};
  #control: UploadControl;
  #scratch = Buffer.alloc(0);
  #sent = 0;
  #last: number[] = [];
  /** Refusals since the last success, and when that was. */
  #refusals = 0;
  #succeededAt = 0;
  #pausedUntil = 0;

  constructor(rest: Rest, source: UploadSource, options: UploadOptions) {
    this.#rest = rest;
    this.#source = source;
    this.#options = options;
    const ranges = options.ranges ?? [{ first: 0, count: source.points }];
    this.#ranges = new RowRanges(ranges);
    this.#total = this.#ranges.left;
    this.#control = startControl(limitsOf(source, options), 0);
    const failed = this.#failed.signal;
    this.#signal = options.signal ? AbortSignal.any([options.signal, failed]) : failed;
  }

  #now(): number {
    return (performance.now() - this.#begin) / 1000;
  }

  async all(): Promise<UploadResult> {
    const running = this.#running;
    try {
      while (!this.#signal.aborted && (running.size > 0 || this.#ranges.left > 0)) {
        const paused = this.#pausedUntil - this.#now();
        if (paused <= 0) this.#fill();
        const first = Promise.race(running);
        if (running.size > 0 && (paused <= 0 || running.size >= this.#control.parallel)) await first;
        else if (paused > 0) await sleep(Math.ceil(paused * 1000), undefined, { signal: this.#signal });
      }
    } catch (error) {
      if (!this.#signal.aborted) throw error;
    } finally {
      await Promise.allSettled(running);
    }
    this.#options.signal?.throwIfAborted();
    // The first failure stops the others and is the one that is told.
    if (this.#failed.signal.aborted) throw this.#failed.signal.reason;
    return {
      seconds: this.#now(),
      rows: this.#sent,
      batchRows: this.#control.rows,
      parallel: this.#control.parallel,
      pushedBack: this.#pushedBack,
      last: this.#last,
    };
  }

  /** Begins as many requests as may be under way. */
  #fill(): void {
    while (this.#running.size < this.#control.parallel) {
      const range = this.#ranges.take(this.#control.rows);
      if (range === undefined) return;
      // A write is applied after those before it: when the last ones are, all are.
      const rest = this.#ranges.left;
      const wait = this.#options.wait === true || rest <= (this.#control.parallel - 1) * this.#control.rows;
      const request = this.#one(range, wait)
        .catch((error: unknown) => this.#failed.abort(error))
        .finally(() => this.#running.delete(request));
      this.#running.add(request);
    }
  }

  async #one(range: RowRange, wait: boolean): Promise<void> {
    const body = await this.#body(range);
    const startedAt = this.#now();
    const path = `${collectionPath(this.#options.collection)}/points?wait=${wait}`;
    try {
      await withRetry(
        () => this.#rest.call('PUT', path, { body, signal: this.#signal, timeoutMilliseconds: 300_000 }),
        {
          ...DEFAULT_RETRY,
          ...this.#options.retry,
          signal: this.#signal,
          only: (error) => pushBack(error) === undefined,
        },
      );
    } catch (error) {
      const kind = error instanceof RestError ? pushBack(error) : undefined;
      if (kind === undefined) throw error;
      this.#refused(range, startedAt, error as RestError, kind);
      return;
    }
    const at = this.#now();
    this.#refusals = 0;
    this.#succeededAt = at;
    this.#sent += range.count;
    this.#last = [...this.#last, range.first + range.count - 1].slice(-REMEMBERED);
    this.#meter.mark(at, this.#sent);
    this.#control = hear(this.#control, { kind: 'Done', rows: range.count, startedAt, at });
    this.#options.onProgress?.({
      rows: this.#sent,
      total: this.#total,
      rate: this.#meter.rate(at),
      batchRows: this.#control.rows,
      parallel: this.#control.parallel,
    });
  }

  /** What was refused goes back to what is to be sent. */
  #refused(range: RowRange, startedAt: number, error: RestError, kind: 'Wait' | 'Smaller'): void {
    const at = this.#now();
    const { collection } = this.#options;
    const status = String(error.status);
    this.#pushedBack[status] = (this.#pushedBack[status] ?? 0) + 1;
    this.#ranges.giveBack(range);
    if (kind === 'Smaller') {
      if (range.count === 1) {
        throw new JobError('BuildFailed', `row ${range.first} alone is too large for the server: ${errorText(error)}`, {
          cause: error,
        });
      }
      this.#options.retry?.onRetry?.(error, 0);
      this.#control = hear(this.#control, { kind: 'TooLarge', rows: range.count, at });
      return;
    }
    this.#refusals += 1;
    const refusedFor = at - this.#succeededAt;
    if (refusedFor > (this.#options.patienceSeconds ?? PATIENCE_SECONDS)) {
      throw new JobError(
        'ServerErrors',
        `collection ${collection}: the server has taken no points for ${refusedFor.toFixed(0)} s; its last answer: ` +
          `${errorText(error)}; raise its limits or give it more room`,
        { cause: error },
      );
    }
    const pause = pauseSeconds(error, this.#refusals);
    this.#options.retry?.onRetry?.(error, pause * 1000);
    this.#pausedUntil = Math.max(this.#pausedUntil, at + pause);
    this.#control = hear(this.#control, { kind: 'Busy', startedAt, at });
  }

  async #body({ first, count }: RowRange): Promise<Buffer> {
    const { dimensions, payloads } = this.#source;
    const values = await this.#source.rows(first, count);
    const texts = await payloads?.(first, count);
    const bytes = upsertBytes(count, dimensions);
    if (this.#scratch.length < bytes) this.#scratch = Buffer.allocUnsafe(bytes);
    return upsertBody(values, first, count, dimensions, this.#scratch, texts);
  }
}
