import { describe, expect, it } from 'vitest';
import { ANYWHERE } from '../net/address-rules.ts';
import { Rest } from '../rest.ts';
import { startStub } from '../testing/stub-qdrant.ts';
import { LatencyHistogram } from './histogram.ts';
import { readingOf, readServer, reportedMemory, serverTimeMetrics, signalsBetween } from './server-signals.ts';

/** Shaped as Qdrant 1.19 answers `/telemetry?details_level=4`. */
const telemetry = (count: number, micros: number, searches: Record<string, unknown>[][]) => ({
  app: { version: '1.19.0' },
  requests: {
    rest: {
      responses: {
        'POST /collections/{collection_name}/points/query': {
          200: { count, avg_duration_micros: 5, total_duration_micros: micros },
          400: { count: 3, avg_duration_micros: 5, total_duration_micros: 15 },
        },
        'GET /readyz': { 200: { count: 1, avg_duration_micros: 22 } },
      },
    },
  },
  collections: {
    number_of_collections: 2,
    collections: [
      {
        id: 'other',
        shards: [{ local: { segments: [{ vector_index_searches: [{ unfiltered_plain: { count: 99 } }] }] } }],
      },
      {
        id: 'c',
        shards: [
          { local: null },
          { local: { segments: searches.map((vector_index_searches) => ({ vector_index_searches })) } },
        ],
      },
    ],
  },
});
const memory = {
  total: { disk_bytes: 1, ram_bytes: 400, cached_bytes: 300, expected_cache_bytes: 600 },
};

describe('readingOf', () => {
  it('reads queries, search paths of the collection, and its memory', () => {
    const searches = [
      [
        { index_name: '', unfiltered_plain: { count: 2 }, filtered_small_cardinality: { count: 3 } },
        { index_name: 'text', unfiltered_sparse: { count: 1 } },
      ],
      [{ index_name: '', unfiltered_hnsw: { count: 40 }, filtered_large_cardinality: { count: 5 } }],
    ];
    expect(readingOf(telemetry(100, 250_000, searches), memory, 'c')).toEqual({
      queries: { count: 100, milliseconds: 250 },
      paths: { plain: 5, indexed: 46 },
      memory: { ram: 400, cached: 300, expectedCache: 600 },
    });
  });

  it.each([
    ['nothing', undefined],
    ['a text', 'telemetry is off'],
    ['other shapes', { requests: { rest: 1 }, collections: { collections: [{ id: 3 }] } }],
    ['no counters', telemetry(5, NaN, [[{ index_name: '' }]])],
    ['no such collection', { collections: { collections: [] } }],
  ])('leaves out what %s does not tell', (_name, answer) => {
    expect(readingOf(answer, { total: {} }, 'c')).toEqual({});
  });

  it('does without a total of the time, which level 0 has not', () => {
    const answer = telemetry(1, 0, []);
    delete (
      answer.requests.rest.responses['POST /collections/{collection_name}/points/query'][200] as {
        total_duration_micros?: number;
      }
    ).total_duration_micros;
    expect(readingOf(answer, undefined, 'c')).toEqual({});
  });
});

describe('signalsBetween', () => {
  const before = { queries: { count: 10, milliseconds: 20 }, paths: { plain: 5, indexed: 5 }, majorFaults: 4 };
  const after = {
    queries: { count: 110, milliseconds: 270 },
    paths: { plain: 25, indexed: 85 },
    majorFaults: 6,
    memory: { ram: 400, cached: 300, expectedCache: 600 },
  };

  it('tells what happened in between, and by whom it is told', () => {
    expect(signalsBetween(before, after, 90)).toEqual([
      { name: 'serverTimeMean', value: 2.5, unit: 'ms', source: 'telemetry' },
      { name: 'foreignQueries', value: 10, source: 'telemetry' },
      { name: 'plainSearches', value: 0.2, source: 'telemetry' },
      { name: 'majorFaults', value: 2, source: 'process' },
      { name: 'pageCacheResident', value: 0.5, source: 'memory report' },
    ]);
    expect(reportedMemory(after)).toEqual({ name: 'memory', value: 700, unit: 'bytes', source: 'memory report' });
  });

  it('takes what appeared meanwhile as begun at nothing', () => {
    expect(signalsBetween({}, { paths: { plain: 1, indexed: 3 } }, 4)).toEqual([
      { name: 'plainSearches', value: 0.25, source: 'telemetry' },
    ]);
  });

  it('tells nothing of counters that went backwards, stood still, or are not there', () => {
    expect(signalsBetween(after, before, 90)).toEqual([]);
    expect(signalsBetween(before, before, 90)).toEqual([{ name: 'majorFaults', value: 0, source: 'process' }]);
    expect(signalsBetween({}, {}, 90)).toEqual([]);
    expect(reportedMemory({})).toBeUndefined();
    expect(reportedMemory({ memory: { ram: 0, cached: 0, expectedCache: 0 } })).toBeUndefined();
  });

  it('does not count queries of ours that failed as others’', () => {
    expect(signalsBetween(before, after, 120).map(({ name }) => name)).not.toContain('foreignQueries');
  });
});

describe('serverTimeMetrics', () => {
  it('are percentiles of what answers said, if they did', () => {
    const histogram = new LatencyHistogram();
    expect(serverTimeMetrics(histogram)).toEqual([]);
    histogram.record(2);
    expect(serverTimeMetrics(histogram).map(({ name, unit, source }) => [name, unit, source])).toEqual([
      ['serverTimeP50', 'ms', 'answers'],
      ['serverTimeP95', 'ms', 'answers'],
      ['serverTimeP99', 'ms', 'answers'],
    ]);
    expect(serverTimeMetrics(histogram)[0]?.value).toBeCloseTo(2, 2);
  });
});

describe('readServer', () => {
  it('takes what there is from a server that has little, or is not there', async () => {
    const stub = await startStub();
    const rest = new Rest({ url: stub.url, collection: 'c' }, 1, ANYWHERE);
    expect(await readServer(rest, 'c', undefined)).toEqual({});
    await stub.close();
    expect(await readServer(rest, 'c', undefined)).toEqual({});
    await rest.close();
  });
});
