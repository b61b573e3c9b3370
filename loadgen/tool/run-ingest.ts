import type { Reason, Verdict } from '../../operator/judge/verdict.ts';
import type { CollectionInfo } from '../ingest/collection-info.ts';
import { ignoredSettings } from '../ingest/readback.ts';
import { waitUntilReady } from '../ingest/readiness.ts';
import { missingRows } from '../ingest/resume.ts';
import { DEFAULT_RETRY } from '../ingest/retry.ts';
import { waitUntilSearchable } from '../ingest/searchable.ts';
import { upload, type UploadProgress } from '../ingest/upload.ts';
import type { UploadSource } from '../ingest/upload-source.ts';
import { errorText, JobError } from '../job-error.ts';
import { collectionPath, RestError, type Rest } from '../rest.ts';
import { BlockRows } from './block-rows.ts';
import { JsonRows } from './json-rows.ts';
import { collectionInfo, connect, type ServerAddress } from './server.ts';
import { openVectors } from './vector-files.ts';

/** One upload into one collection. */
export interface IngestTask extends ServerAddress {
  base: string;
  payload?: string;
  /** The collection's body; `vectors` gets size and distance. */
  body: Record<string, unknown>;
  distance?: string;
  /** What to do with a collection that is there. */
  existing: 'Refuse' | 'Resume' | 'Recreate';
  batchRows?: number;
  parallel?: number;
  wait: boolean;
  patienceSeconds: number;
  readyTimeoutSeconds: number;
}

export interface IngestHooks {
  signal: AbortSignal;
  /** A line that stays. */
  say: (text: string) => void;
  onUpload: (progress: UploadProgress) => void;
  /** Vectors indexed, and what is waited for. */
  onIndexing: (indexed: number, points: number, why: string) => void;
}

/** What `qdrant-bench ingest --output json` prints. Seconds count from the first upsert. */
export interface IngestReport {
  verdict: Verdict;
  reason: Reason;
  message: string;
  collection: string;
  points: number;
  dimensions: number;
  distance: string;
  /** Rows that were there before, and that were sent now. */
  present: number;
  sent: number;
  uploadSeconds: number;
  /** Until queries found the points sent last; null when none was sent, or that could not be seen. */
  searchableSeconds: number | null;
  indexedSeconds: number;
  stableSeconds: number;
  pointsPerSecond: number | null;
  /** Rows a request and requests at once, as they were in the end. */
  batch: number;
  parallel: number;
  /** Refusals by HTTP status that were waited out. */
  pushedBack: Record<string, number>;
  /** Settings that were asked for and are not in effect. */
  ignored: string[];
  segments: number | null;
  indexedVectors: number | null;
}

/**
 * Fills a collection with the rows of a file, a point's id being its row number, and waits until it is ready.
 * @throws {JobError} DatasetInvalid: files, settings, or a collection that must not be touched; TargetUnreachable;
 * ServerErrors, BuildFailed.
 */
export async function runIngest(task: IngestTask, hooks: IngestHooks): Promise<IngestReport> {
  const { signal } = hooks;
  await using file = await openVectors('--base', task.base);
  const { rows: points, dimensions } = file;
  const vectors = vectorsBody(task, dimensions);
  const body = { ...task.body, vectors };
  const rows = new BlockRows(file);
  const payloads =
    task.payload === undefined ? undefined : await JsonRows.open('--payload', task.payload, points, signal);
  const rest = connect(task, 17);
  try {
    const source: UploadSource = {
      points,
      dimensions,
      rows: (first, count) => rows.rows(first, count),
      ...(payloads
        ? {
            payloads: (first: number, count: number) => payloads.rows(first, count),
            payloadBytes: { mean: payloads.mean, longest: payloads.longest },
          }
        : {}),
    };
    const missing = await prepare(rest, task, body, source, hooks);
    const uploaded = await upload(rest, source, {
      collection: task.collection,
      ranges: missing.ranges,
      wait: task.wait,
      patienceSeconds: task.patienceSeconds,
      signal,
      onProgress: hooks.onUpload,
      retry: {
        ...DEFAULT_RETRY,
        onRetry: (error, pause) => hooks.say(`again in ${(pause / 1000).toFixed(1)} s: ${error.message}`),
      },
      ...(task.batchRows === undefined ? {} : { batchRows: task.batchRows }),
      ...(task.parallel === undefined ? {} : { parallel: task.parallel }),
    });
    const { collection, readyTimeoutSeconds: timeoutSeconds } = task;
    const [searchable, ready] = await Promise.all([
      waitUntilSearchable(rest, source, { collection, rows: uploaded.last, timeoutSeconds, signal }),
      waitUntilReady(rest, {
        collection,
        points,
        timeoutSeconds,
        signal,
        onProgress: (info, why) => hooks.onIndexing(info.indexed_vectors_count ?? 0, points, why),
      }),
    ]);
    const { info } = ready;
    const ignored = ignoredSettings(body, info.config ?? {});
    const { seconds } = uploaded;
    return {
      ...(ignored.length > 0
        ? { verdict: 'Failed', reason: 'SettingIgnored', message: `the server did not take over ${ignored.join('; ')}` }
        : {
            verdict: 'Passed',
            reason: 'ConstraintsMet',
            message: `${points} points are there, searchable and indexed`,
          }),
      collection,
      points,
      dimensions,
      distance: String(vectors.distance),
      present: missing.present,
      sent: uploaded.rows,
      uploadSeconds: round(seconds),
      searchableSeconds: searchable === undefined ? null : round(seconds + searchable),
      indexedSeconds: round(seconds + ready.indexedSeconds),
      stableSeconds: round(seconds + ready.stableSeconds),
      pointsPerSecond: uploaded.rows === 0 ? null : round(uploaded.rows / seconds),
      batch: uploaded.batchRows,
      parallel: uploaded.parallel,
      pushedBack: uploaded.pushedBack,
      ignored,
      segments: info.segments_count ?? null,
      indexedVectors: info.indexed_vectors_count ?? null,
    };
  } catch (error) {
    if (!(error instanceof RestError) || signal.aborted) throw error;
    const away = error.retryable || error.status === 401 || error.status === 403;
    throw new JobError(away ? 'TargetUnreachable' : 'BuildFailed', errorText(error), { cause: error });
  } finally {
    await rows.close();
    await payloads?.close();
    await rest.close();
  }
}

/** `vectors` of the collection's body: what the file and the flags say must agree with what the body says. */
function vectorsBody(task: IngestTask, dimensions: number): Record<string, unknown> {
  const given = (task.body.vectors ?? {}) as Record<string, unknown>;
  const invalid = (what: string) => new JobError('DatasetInvalid', what);
  if (Object.values(given).some((value) => typeof value === 'object' && value !== null && 'size' in value)) {
    throw invalid('--config: vectors has names; expected one vector a point: {"distance": …, "on_disk": …}');
  }
  if (given.size !== undefined && given.size !== dimensions) {
    throw invalid(
      `--config: vectors.size is ${JSON.stringify(given.size)}, but rows of --base have ${dimensions} dimensions`,
    );
  }
  const distance = task.distance ?? given.distance;
  if (distance === undefined) throw invalid('--distance is missing: Cosine, Dot, Euclid or Manhattan');
  if (given.distance !== undefined && given.distance !== distance) {
    throw invalid(
      `--distance is ${JSON.stringify(distance)}, --config says ${JSON.stringify(given.distance)}; give one of them`,
    );
  }
  return { ...given, size: dimensions, distance };
}

/** Makes the collection, or finds out what it lacks. */
async function prepare(
  rest: Rest,
  task: IngestTask,
  body: Record<string, unknown>,
  source: UploadSource,
  { signal, say }: IngestHooks,
): Promise<Awaited<ReturnType<typeof missingRows>>> {
  const { collection, url } = task;
  const path = collectionPath(collection);
  const all = { present: 0, ranges: [{ first: 0, count: source.points }] };
  const info = await collectionInfo(rest, task, signal);
  if (info !== undefined && task.existing === 'Refuse') throw exists(task, info);
  if (info !== undefined && task.existing === 'Resume') {
    const different = ignoredSettings(body, info.config ?? {});
    if (different.length > 0) {
      throw new JobError(
        'DatasetInvalid',
        `--resume: collection ${collection} has other settings (${different.join('; ')}); give those it was made with, or --recreate`,
      );
    }
    const missing = await missingRows(rest, source, { collection, signal });
    say(`${missing.present} of ${source.points} points are there; ${source.points - missing.present} are sent`);
    return missing;
  }
  if (info !== undefined) {
    say(`deleting collection ${collection} (${info.points_count ?? '?'} points), as --recreate asks`);
    await rest.call('DELETE', `${path}?timeout=60`, { signal, timeoutMilliseconds: 120_000 });
  }
  try {
    await rest.call('PUT', `${path}?timeout=60`, { body: JSON.stringify(body), signal, timeoutMilliseconds: 120_000 });
  } catch (error) {
    if (!(error instanceof RestError)) throw error;
    // Somebody else was faster.
    if (error.status === 409) throw exists(task, undefined);
    if (error.status !== 400 && error.status !== 422) throw error;
    throw new JobError('DatasetInvalid', `${url} does not make such a collection: ${errorText(error)}`, {
      cause: error,
    });
  }
  return all;
}

function exists({ collection, url }: IngestTask, info: CollectionInfo | undefined): JobError {
  const holds = info?.points_count === undefined ? '' : ` and holds ${info.points_count} points`;
  return new JobError(
    'DatasetInvalid',
    `--collection ${collection}: exists at ${url}${holds}; nothing was changed. Give another name, --resume to go on ` +
      'with one that this command began, or --recreate to delete it and begin anew',
  );
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
