import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngine, type Engine } from '../dev/qdrant/engine.ts';
import { messageSchema, type Job, type Message, type SearchMessage } from './protocol.ts';
import { localAccess } from './net/access.ts';
import { runJob } from './run-job.ts';
import { temporaryFolder } from './testing/fixtures.ts';

const data = process.env.QDRANT_BENCH_DATA ?? resolve(import.meta.dirname, '../../shared/data');
const bigann = join(data, 'bigann10k');

async function run(job: Job) {
  const messages: Message[] = [];
  const code = await runJob(JSON.stringify(job), {
    publish: async (message) => void messages.push(messageSchema.parse(message)),
    access: localAccess({}),
    note: () => undefined,
    signal: new AbortController().signal,
  });
  if (code !== 0) throw new Error(JSON.stringify(messages.at(-1)));
  return messages;
}

function found<T extends Message['type']>(messages: readonly Message[], type: T): Extract<Message, { type: T }>[] {
  return messages.filter((message): message is Extract<Message, { type: T }> => message.type === type);
}

function metricValue(metrics: SearchMessage['metrics'], name: string): number | undefined {
  return metrics.find((metric) => metric.name === name)?.value;
}

describe('measuring a real engine', () => {
  let engine: Engine;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    folder = await temporaryFolder();
    engine = await startEngine({
      dataDir: join(folder.path, 'engine'),
      ...(process.env.QDRANT_BIN ? { binary: process.env.QDRANT_BIN } : {}),
    });
  });
  afterAll(async () => {
    await engine?.stop();
    await folder?.[Symbol.asyncDispose]();
  });

  async function create(collection: string, body: Record<string, unknown>): Promise<void> {
    const reply = await fetch(`${engine.url}/collections/${collection}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!reply.ok) throw new Error(await reply.text());
  }

  const isolation = availableParallelism() > 1 ? { isolation: { serverCores: [0], clientCores: [1] } } : {};
  const rules = {
    recallMin: 0.9,
    latency: [],
    errorRateMax: 0.001,
    windowSeconds: 0.3,
    windowRequests: 200,
    warmupSeconds: 0.2,
    loadedSearches: 1,
  };

  it.skipIf(!existsSync(bigann))(
    'shows on real vectors that exact search is exact and recall grows with hnsw_ef',
    async () => {
      const url = (name: string) => ({ url: pathToFileURL(join(bigann, name)).href });
      const [prepared] = found(
        await run({
          kind: 'Prepare',
          dataset: {
            vectors: {
              base: url('base.fvecs'),
              queries: url('query.fvecs'),
              groundTruth: url('groundtruth.ivecs'),
              distance: 'Euclid',
            },
          },
          limit: 10,
          cacheDir: join(folder.path, 'cache'),
        }),
        'prepared',
      );
      const body = {
        vectors: { size: 128, distance: 'Euclid' },
        hnsw_config: { m: 8, ef_construct: 32, full_scan_threshold: 10 },
        optimizers_config: { indexing_threshold: 100 },
      };
      await create('bigann', body);
      const beams = [10, 20, 40, 80, 160];
      const messages = await run({
        kind: 'Measure',
        run: 'r',
        attempt: 1,
        seed: 1,
        endpoint: { url: engine.url, collection: 'bigann', serverPid: engine.pid },
        ...isolation,
        datasetDir: prepared?.datasetDir as string,
        limit: 10,
        collectionBody: body,
        searches: [
          { id: 'exact', search: { 'params.exact': true }, params: { exact: true }, load: 'Boundary' },
          ...beams.map((ef) => ({
            id: `ef${ef}`,
            search: { 'params.hnsw_ef': ef },
            params: { hnsw_ef: ef },
            load: 'Boundary' as const,
          })),
        ],
        rules,
        done: [],
        readyTimeoutSeconds: 120,
      });
      const [built] = found(messages, 'built');
      expect(built).toMatchObject({ indexedVectors: 9500, ignored: [] });
      const seconds = (name: 'uploadSeconds' | 'searchableSeconds' | 'stableSeconds') =>
        metricValue(built?.metrics ?? [], name) as number;
      expect(seconds('searchableSeconds')).toBeGreaterThan(seconds('uploadSeconds'));
      expect(seconds('stableSeconds')).toBeGreaterThan(seconds('uploadSeconds'));
      const searches = found(messages, 'search');
      const recall = (id: string) =>
        metricValue(searches.find((search) => search.id === id)?.metrics ?? [], 'recall') as number;
      expect(recall('exact')).toBe(1);
      const recalls = beams.map((ef) => recall(`ef${ef}`));
      expect(recalls[0]).toBeLessThan(0.95);
      for (let i = 1; i < beams.length; i += 1) expect(recalls[i]).toBeGreaterThanOrEqual(recalls[i - 1] as number);
      expect(recalls.at(-1)).toBeGreaterThan(0.95);
      expect(searches.filter(({ stage }) => stage === 'Load').length).toBeGreaterThanOrEqual(1);
      for (const search of searches.filter(({ stage }) => stage === 'Load')) checkLoad(search);
    },
  );

  it('measures finalists side by side on made-up vectors', async () => {
    const [prepared] = found(
      await run({
        kind: 'Prepare',
        dataset: { synthetic: { points: 3000, dimensions: 32, queries: 100, seed: 5 } },
        limit: 10,
        cacheDir: join(folder.path, 'cache'),
      }),
      'prepared',
    );
    const body = { vectors: { size: 32, distance: 'Cosine' }, optimizers_config: { indexing_threshold: 50 } };
    await create('finals', body);
    const endpoint = { url: engine.url, collection: 'finals', serverPid: engine.pid };
    const datasetDir = prepared?.datasetDir as string;
    const measured = found(
      await run({
        kind: 'Measure',
        run: 'r',
        attempt: 1,
        seed: 1,
        endpoint,
        ...isolation,
        datasetDir,
        limit: 10,
        collectionBody: body,
        searches: [{ id: 'default', search: {}, params: {}, load: 'Always' }],
        rules,
        done: [],
        readyTimeoutSeconds: 60,
      }),
      'search',
    );
    const load = measured.find(({ stage }) => stage === 'Load') as SearchMessage;
    checkLoad(load);
    const startRate = metricValue(load.metrics, 'throughput') ?? 500;
    const arm = (name: string, params: Record<string, unknown>) => ({
      run: 'r',
      endpoint,
      search: {},
      params,
      ids: [`${name}1`],
      startRate,
    });
    const finals = found(
      await run({
        kind: 'Finals',
        seed: 1,
        datasetDir,
        limit: 10,
        rules,
        ...isolation,
        repeats: 1,
        arms: [arm('default', {}), arm('wide', { hnsw_ef: 200 })],
        done: [],
      }),
      'search',
    );
    expect(finals.map(({ id, stage }) => `${stage} ${id}`)).toEqual(['Final default1', 'Final wide1']);
    for (const search of finals) checkLoad(search);
  });

  /** A machine shared with others may spoil a load; then it must say so, and publish no number. */
  function checkLoad(search: SearchMessage): void {
    const throughput = metricValue(search.metrics, 'throughput');
    if (search.limited) {
      expect(['ClientLimited', 'Unstable', 'NoSustainableRate']).toContain(search.limited.reason);
      expect(throughput).toBeUndefined();
      return;
    }
    expect(throughput).toBeGreaterThan(0);
    expect(metricValue(search.metrics, 'recall')).toBeGreaterThan(0);
    expect(metricValue(search.metrics, 'latencyP50')).toBeGreaterThan(0);
    expect(metricValue(search.metrics, 'memory')).toBeGreaterThan(1e6);
    const server = metricValue(search.metrics, 'serverCpuPerQuery') as number;
    expect(server).toBeGreaterThan(1);
    expect(metricValue(search.metrics, 'clientCpuPerQuery')).toBeGreaterThan(1);
    const [low = NaN, high = NaN] = search.load?.bracket ?? [];
    expect(low).toBeLessThan(high);
  }
});
