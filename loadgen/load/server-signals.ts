import { z } from 'zod';
import type { Metric } from '../../operator/judge/metrics.ts';
import { JobError } from '../job-error.ts';
import { collectionPath, RestError, type Rest } from '../rest.ts';
import type { LatencyHistogram } from './histogram.ts';
import type { ProcessStats } from './server-stats.ts';

/** Which way a search took through a segment, as telemetry counts it; `plain` ones scan. */
export interface SearchPaths {
  plain: number;
  indexed: number;
}

/** What a server says of itself at one moment; what it doesn't tell is missing. Counters are since its start. */
export interface ServerReading {
  /** Queries answered over REST with 200, of all collections, and the time they took in all, ms. */
  queries?: { count: number; milliseconds: number };
  /** By the segments of one collection. */
  paths?: SearchPaths;
  /** Bytes by the collection's memory report: on the heap; file pages that are, and should be, in memory. */
  memory?: { ram: number; cached: number; expectedCache: number };
  /** Page faults that had to read from disk, of the server's process. */
  majorFaults?: number;
}

const duration = z.object({ count: z.number(), total_duration_micros: z.number().optional() });
/** What is read of `GET /telemetry?details_level=4`. */
const telemetrySchema = z.object({
  requests: z
    .object({ rest: z.object({ responses: z.record(z.string(), z.record(z.string(), duration)) }) })
    .optional()
    .catch(undefined),
  collections: z
    .object({
      collections: z.array(
        z.object({
          id: z.string(),
          shards: z
            .array(
              z.object({
                local: z
                  .object({
                    segments: z
                      .array(z.object({ vector_index_searches: z.array(z.record(z.string(), z.unknown())).optional() }))
                      .optional(),
                  })
                  .nullish(),
              }),
            )
            .nullish(),
        }),
      ),
    })
    .optional()
    .catch(undefined),
});
const memorySchema = z.object({
  total: z.object({ ram_bytes: z.number(), cached_bytes: z.number(), expected_cache_bytes: z.number() }),
});

const QUERY_ROUTE = 'POST /collections/{collection_name}/points/query';
/** Paths that scan a segment, by telemetry's names; the graph or an inverted index serve the others. */
const PLAIN = ['unfiltered_plain', 'filtered_plain', 'filtered_small_cardinality'];
const INDEXED = ['unfiltered_hnsw', 'filtered_large_cardinality', 'unfiltered_sparse', 'filtered_sparse'];
/** Nobody is kept waiting for figures that may be missing. */
const TIMEOUT_MS = 5_000;

/** Asks a server for all of it. What it doesn't know, refuses or doesn't answer in time is left out. */
export async function readServer(
  rest: Rest,
  collection: string,
  stats: ProcessStats | undefined,
  signal?: AbortSignal,
): Promise<ServerReading> {
  const ask = async (path: string): Promise<unknown> => {
    try {
      return await rest.call('GET', path, { timeoutMilliseconds: TIMEOUT_MS, ...(signal ? { signal } : {}) });
    } catch (error) {
      if (error instanceof RestError || error instanceof JobError) return undefined;
      throw error;
    }
  };
  const [telemetry, memory] = [
    await ask('/telemetry?details_level=4'),
    await ask(`${collectionPath(collection)}/memory`),
  ];
  const majorFaults = stats?.majorFaults();
  return {
    ...readingOf(telemetry, memory, collection),
    ...(majorFaults === undefined ? {} : { majorFaults }),
  };
}

/** What answers of `/telemetry` and of a collection's `/memory` say. Pure; an answer of another shape says nothing. */
export function readingOf(telemetry: unknown, memory: unknown, collection: string): ServerReading {
  const told = telemetrySchema.safeParse(telemetry).data;
  const query = told?.requests?.rest.responses[QUERY_ROUTE]?.['200'];
  const shards = told?.collections?.collections.find(({ id }) => id === collection)?.shards;
  const searches = (shards ?? []).flatMap(({ local }) =>
    (local?.segments ?? []).flatMap((segment) => segment.vector_index_searches ?? []),
  );
  const count = (names: readonly string[]): number =>
    searches.reduce((sum, search) => sum + names.reduce((part, name) => part + countOf(search[name]), 0), 0);
  const paths = { plain: count(PLAIN), indexed: count(INDEXED) };
  const report = memorySchema.safeParse(memory).data?.total;
  return {
    ...(query?.total_duration_micros === undefined
      ? {}
      : { queries: { count: query.count, milliseconds: query.total_duration_micros / 1000 } }),
    // Counters appear with the first search they count; none at all tells nothing.
    ...(paths.plain + paths.indexed === 0 ? {} : { paths }),
    ...(report === undefined
      ? {}
      : { memory: { ram: report.ram_bytes, cached: report.cached_bytes, expectedCache: report.expected_cache_bytes } }),
  };
}

function countOf(value: unknown): number {
  return duration.safeParse(value).data?.count ?? 0;
}

/**
 * What happened at the server between two readings, while `requests` queries of ours were asked, as metrics that name
 * their source. A counter that went backwards (the server was started anew) tells nothing. Pure.
 */
export function signalsBetween(before: ServerReading, after: ServerReading, requests: number): Metric[] {
  const metrics: Metric[] = [];
  const add = (name: Metric['name'], value: number, source: string, unit?: string): void => {
    if (Number.isFinite(value) && value >= 0)
      metrics.push({ name, value, source, ...(unit === undefined ? {} : { unit }) });
  };
  if (before.queries && after.queries) {
    const count = after.queries.count - before.queries.count;
    if (count > 0)
      add('serverTimeMean', (after.queries.milliseconds - before.queries.milliseconds) / count, 'telemetry', 'ms');
    if (requests > 0 && count >= requests) add('foreignQueries', count - requests, 'telemetry');
  }
  if (after.paths) {
    const plain = after.paths.plain - (before.paths?.plain ?? 0);
    const indexed = after.paths.indexed - (before.paths?.indexed ?? 0);
    if (plain >= 0 && indexed >= 0) add('plainSearches', plain / (plain + indexed), 'telemetry');
  }
  if (before.majorFaults !== undefined && after.majorFaults !== undefined) {
    add('majorFaults', after.majorFaults - before.majorFaults, 'process');
  }
  if (after.memory && after.memory.expectedCache > 0) {
    add('pageCacheResident', after.memory.cached / after.memory.expectedCache, 'memory report');
  }
  return metrics;
}

/** The server's own time a query, as its answers say, in ms; none where they don't. */
export function serverTimeMetrics(histogram: LatencyHistogram): Metric[] {
  if (histogram.count === 0) return [];
  return ([50, 95, 99] as const).map((percentile) => ({
    name: `serverTimeP${percentile}` as const,
    value: histogram.percentile(percentile),
    unit: 'ms',
    source: 'answers',
  }));
}

/** Memory by the server's own report, where its process cannot be looked at: heap and file pages in memory, bytes. */
export function reportedMemory({ memory }: ServerReading): Metric | undefined {
  if (memory === undefined || memory.ram + memory.cached <= 0) return undefined;
  return { name: 'memory', value: memory.ram + memory.cached, unit: 'bytes', source: 'memory report' };
}
