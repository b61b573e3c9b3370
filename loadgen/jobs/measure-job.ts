import type { Metric } from '../../operator/judge/metrics.ts';
import { boundary } from '../../operator/judge/search-plan.ts';
import { openDataset, type Dataset } from '../datasets/dataset.ts';
import type { CollectionInfo } from '../ingest/collection-info.ts';
import { exactCount } from '../ingest/exact-count.ts';
import { createPayloadIndexes, ignoredIndexes } from '../ingest/payload-index.ts';
import { ignoredSettings } from '../ingest/readback.ts';
import { waitUntilReady, type Readiness } from '../ingest/readiness.ts';
import { DEFAULT_RETRY, withRetry } from '../ingest/retry.ts';
import { waitUntilSearchable } from '../ingest/searchable.ts';
import { upload } from '../ingest/upload.ts';
import { openDatasetRows } from '../ingest/upload-source.ts';
import { errorText, JobError } from '../job-error.ts';
import { makeIsolator } from '../load/isolation.ts';
import { Progress } from '../progress.ts';
import type { MeasureJob, PlannedSearch } from '../protocol.ts';
import { collectionPath, endpointRules, Rest, RestError } from '../rest.ts';
import type { JobContext } from './deps.ts';
import { loadReport, secondText, seriesMessages } from './load-report.ts';
import { connectionsFor, firstGuess, SearchBench, type Recalled } from './search-bench.ts';

/** As many as an upload may use at once, and one for looking. */
const CONNECTIONS = 17;

/**
 * Fills a fresh collection, waits until it is ready, asks every planned search for its recall, and loads those worth it.
 * Publishes `built`, then a `search` the moment each is finished. Searches in `done` are not measured again.
 */
export async function runMeasureJob(job: MeasureJob, context: JobContext): Promise<void> {
  const dataset = await openDataset(job.datasetDir);
  const rest = new Rest(job.endpoint, CONNECTIONS, endpointRules(job.endpoint, context.access));
  const progress = new Progress(context.publish);
  const isolator = makeIsolator(job.isolation, job.endpoint.serverPid, context.note);
  try {
    await isolator.release();
    await build(job, dataset, rest, progress, context);
    await isolator.isolate();
    await measure(job, dataset, progress, context);
  } finally {
    await isolator.release();
    await progress.flush().catch(() => undefined);
    dataset.close();
    await rest.close();
  }
}

async function build(
  job: MeasureJob,
  dataset: Dataset,
  rest: Rest,
  progress: Progress,
  { publish, signal, note }: JobContext,
): Promise<void> {
  const { collection } = job.endpoint;
  const { points } = dataset.meta;
  const indexes = job.workload?.payloadIndexes ?? [];
  await checkFresh(job, rest, signal);
  await createPayloadIndexes(rest, collection, indexes, signal);
  progress.say('Uploading', 0, points);
  const source = await openDatasetRows(dataset);
  let uploadSeconds: number;
  let searchableSeconds: number | undefined;
  let ready: Readiness;
  try {
    const uploaded = await upload(rest, source, {
      collection,
      signal,
      retry: {
        ...DEFAULT_RETRY,
        onRetry: (error, pause) => note(`upload: trying again in ${pause} ms: ${error.message}`),
      },
      onProgress: ({ rows, rate, batchRows, parallel }) =>
        progress.say('Uploading', rows, points, `${parallel} × ${batchRows} rows`, rate ?? false),
    });
    uploadSeconds = uploaded.seconds;
    progress.say('Indexing', 0, points, undefined, false);
    const timeoutSeconds = job.readyTimeoutSeconds;
    [searchableSeconds, ready] = await Promise.all([
      waitUntilSearchable(rest, source, { collection, rows: uploaded.last, timeoutSeconds, signal }),
      waitUntilReady(rest, {
        collection,
        points,
        timeoutSeconds,
        signal,
        onProgress: (info, why) =>
          progress.say('Indexing', Math.min(points, info.indexed_vectors_count ?? 0), points, why, false),
      }),
    ]);
  } finally {
    await source.close();
  }
  const seconds = (
    name: 'uploadSeconds' | 'searchableSeconds' | 'indexedSeconds' | 'stableSeconds',
    value: number,
  ): Metric => ({
    name,
    value,
    unit: 's',
  });
  const metrics: Metric[] = [
    seconds('uploadSeconds', uploadSeconds),
    ...(searchableSeconds === undefined ? [] : [seconds('searchableSeconds', uploadSeconds + searchableSeconds)]),
    seconds('indexedSeconds', uploadSeconds + ready.indexedSeconds),
    seconds('stableSeconds', uploadSeconds + ready.stableSeconds),
  ];
  const disk = await diskBytes(rest, collection, signal);
  if (disk !== undefined) metrics.push({ name: 'disk', value: disk, unit: 'bytes', source: 'memory report' });
  const applied = ready.info.config ?? {};
  await progress.flush();
  await publish({
    type: 'built',
    metrics,
    applied,
    segments: ready.info.segments_count ?? 0,
    indexedVectors: ready.info.indexed_vectors_count ?? 0,
    ignored: [
      ...ignoredSettings(job.collectionBody, applied),
      ...ignoredIndexes(indexes, ready.info.payload_schema ?? {}),
    ].slice(0, 64),
  });
}

/** The collection must be there and empty: what an earlier attempt left would be measured with it. */
async function checkFresh(job: MeasureJob, rest: Rest, signal: AbortSignal): Promise<void> {
  const { url, collection } = job.endpoint;
  const path = collectionPath(collection);
  let count: number;
  try {
    await withRetry(() => rest.call<CollectionInfo>('GET', path, { signal }), {
      ...DEFAULT_RETRY,
      attempts: 4,
      signal,
    });
    count = await exactCount(rest, collection, signal);
  } catch (error) {
    if (!(error instanceof RestError)) throw error;
    const reason = error.status === 404 ? 'BuildFailed' : 'TargetUnreachable';
    throw new JobError(reason, `collection ${collection} at ${url}: ${errorText(error)}`, { cause: error });
  }
  if (count !== 0) {
    throw new JobError(
      'BuildFailed',
      `collection ${collection} holds ${count} points, expected none: a build begins with a fresh collection of its own`,
    );
  }
}

/** Bytes on disk by the server's memory report (since 1.18), undefined where there is none. */
async function diskBytes(rest: Rest, collection: string, signal: AbortSignal): Promise<number | undefined> {
  try {
    const report = await rest.call<{ total?: { disk_bytes?: number } }>('GET', `${collectionPath(collection)}/memory`, {
      signal,
    });
    const bytes = report.total?.disk_bytes;
    return bytes !== undefined && bytes > 0 ? bytes : undefined;
  } catch (error) {
    if (error instanceof RestError) return undefined;
    throw error;
  }
}

interface Probed {
  planned: PlannedSearch;
  recall: number;
  probeRate: number;
  /** Missing when an earlier attempt measured the recall. */
  recalled?: Recalled;
}

async function measure(job: MeasureJob, dataset: Dataset, progress: Progress, context: JobContext): Promise<void> {
  const { publish, signal } = context;
  const bench = new SearchBench({
    endpoint: job.endpoint,
    rules: endpointRules(job.endpoint, context.access),
    dataset,
    limit: job.limit,
    workload: job.workload,
    windowSeconds: job.rules.windowSeconds,
    seed: job.seed,
    serverCores: job.isolation?.serverCores.length,
    connections: connectionsFor(job.rules),
    together: context.leader && { leader: context.leader, arm: 0 },
    signal,
  });
  try {
    const done = new Map(job.done.map((entry) => [entry.id, entry]));
    const probed: Probed[] = [];
    const total = job.searches.length;
    for (const [index, planned] of job.searches.entries()) {
      progress.say('Recall', index, total, planned.id, false);
      const earlier = done.get(planned.id);
      if (earlier?.recall !== undefined) {
        probed.push({ planned, recall: earlier.recall, probeRate: NaN });
        continue;
      }
      if (earlier !== undefined) continue;
      const start = performance.now();
      const recalled = await bench.recall(planned.params);
      await publish({
        type: 'search',
        id: planned.id,
        run: job.run,
        repeat: 0,
        stage: 'Recall',
        metrics: recalled.metrics,
        ...(recalled.limited ? { limited: recalled.limited } : {}),
        seconds: (performance.now() - start) / 1000,
      });
      // Searches the server refuses are not candidates for load.
      if (recalled.limited || !recalled.recall) continue;
      probed.push({ planned, recall: judgedRecall(job, recalled), probeRate: recalled.rate, recalled });
    }
    progress.say('Recall', total, total, undefined, false);

    const chosen = await worthLoading(job, probed, bench);
    for (const [index, { planned, recalled }] of chosen.entries()) {
      if (done.get(planned.id)?.stage === 'Load') continue;
      await loadOne(job, planned, recalled ?? (await bench.recall(planned.params)), bench, context, (report) =>
        progress.say('Loading', index, chosen.length, `${planned.id}: ${report}`, false),
      );
    }
    progress.say('Loading', chosen.length, chosen.length, undefined, false);
    await progress.flush();
  } finally {
    await bench.close();
  }
}

/** The recall that has to be enough: of all queries together, or of the worst named one; 0 where one was not measured. */
function judgedRecall(job: MeasureJob, { recall, worstRecall }: Recalled): number {
  return (job.rules.recallPerQuery ? worstRecall : recall?.value) ?? 0;
}

/** Searches to load: those marked `Always`, and the cheapest that are good enough, in the plan's order. */
async function worthLoading(job: MeasureJob, probed: readonly Probed[], bench: SearchBench): Promise<Probed[]> {
  const filled: Probed[] = [];
  for (const search of probed) {
    // An earlier attempt's rate is of another build: probe anew, so that rates compare.
    const recalled = search.recalled ?? (await bench.recall(search.planned.params));
    filled.push({ ...search, recalled, probeRate: recalled.rate });
  }
  const chosen = new Set(
    boundary(
      filled.map(({ planned, recall, probeRate }) => ({ id: planned.id, search: planned.search, recall, probeRate })),
      job.rules.recallMin,
      job.rules.loadedSearches,
    ),
  );
  return filled.filter(({ planned }) => planned.load === 'Always' || chosen.has(planned.id));
}

async function loadOne(
  job: MeasureJob,
  planned: PlannedSearch,
  recalled: Recalled,
  bench: SearchBench,
  { publish }: JobContext,
  say: (text: string) => void,
): Promise<void> {
  const start = performance.now();
  const result = await bench.load(
    planned.params,
    job.rules,
    firstGuess(recalled),
    recalled.result.service.percentile(50),
    async (report) => {
      say(`${report.kind} ${report.measured.rate.toFixed(0)}/s ${report.limit ?? report.breach?.kind ?? 'sustained'}`);
      for (const message of seriesMessages(report, planned.id, 0)) await publish(message);
    },
    (point) => say(secondText(point)),
  );
  await publish({
    type: 'search',
    id: planned.id,
    run: job.run,
    repeat: 0,
    stage: 'Load',
    ...loadReport(result, recalled.metrics, recalled.asked),
    seconds: (performance.now() - start) / 1000,
  });
}
