import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngine, type Engine } from '../dev/qdrant/engine.ts';
import { openDataset } from './datasets/dataset.ts';
import { RecallCounter } from './evaluate/recall.ts';
import { AnswerCounter } from './load/answers.ts';
import { QueryClient } from './load/client.ts';
import { ExtraPoints } from './load/extra-points.ts';
import { runWindow } from './load/open-loop.ts';
import { encodeQueries } from './load/queries.ts';
import { windowArrivals } from './load/schedule.ts';
import { compileWorkload, questionBodies } from './load/workload.ts';
import { windowWrites } from './load/writes.ts';
import { ANYWHERE } from './net/address-rules.ts';
import { localAccess } from './net/access.ts';
import { messageSchema, type Job, type MeasureJob, type Message, type SearchMessage } from './protocol.ts';
import { Rest } from './rest.ts';
import { runJob } from './run-job.ts';
import { temporaryFolder } from './testing/fixtures.ts';

type Workload = NonNullable<MeasureJob['workload']>;

const POINTS = 3000;
const WRITES: NonNullable<Workload['writes']> = { upserts: { rate: 40, batch: 8 }, deletes: { rate: 20 } };

describe('a workload on a real engine', () => {
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

  async function run(job: Job): Promise<Message[]> {
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

  async function ask<T>(method: string, path: string, body: unknown): Promise<T> {
    const reply = await fetch(`${engine.url}/collections/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!reply.ok) throw new Error(await reply.text());
    return ((await reply.json()) as { result: T }).result;
  }

  async function measure(collection: string, workload: Workload, more: object = {}) {
    const prepared = (
      await run({
        kind: 'Prepare',
        dataset: { synthetic: { points: POINTS, dimensions: 32, queries: 60, seed: 5, ...more } },
        limit: 10,
        queries: workload.queries,
        cacheDir: join(folder.path, 'cache'),
      })
    ).find((message) => message.type === 'prepared');
    const body = { vectors: { size: 32, distance: 'Cosine' }, optimizers_config: { indexing_threshold: 50 } };
    await ask('PUT', collection, body);
    const messages = await run({
      kind: 'Measure',
      run: 'r',
      attempt: 1,
      seed: 1,
      endpoint: { url: engine.url, collection, serverPid: engine.pid },
      datasetDir: prepared?.datasetDir as string,
      limit: 10,
      workload,
      collectionBody: body,
      searches: [{ id: 'exact', search: { 'params.exact': true }, params: { exact: true }, load: 'Always' }],
      rules: {
        recallMin: 0.9,
        recallPerQuery: true,
        latency: [],
        errorRateMax: 0.001,
        windowSeconds: 0.5,
        windowRequests: 100,
        warmupSeconds: 0.2,
        loadedSearches: 1,
      },
      done: [],
      readyTimeoutSeconds: 120,
    });
    return {
      datasetDir: prepared?.datasetDir as string,
      searches: messages.filter((message): message is SearchMessage => message.type === 'search'),
    };
  }

  const figures = ({ metrics }: SearchMessage, name: string) =>
    Object.fromEntries(
      metrics.filter((metric) => metric.name === name).map(({ query = 'all', value }) => [query, value]),
    );

  /** Two seconds of exact searches beside the writes, slow enough for any machine, and what was right of the answers. */
  async function window(collection: string, datasetDir: string, workload: Workload) {
    const dataset = await openDataset(datasetDir);
    const { meta } = dataset;
    const endpoint = { url: engine.url, collection };
    const rest = new Rest(endpoint, 1, ANYWHERE);
    const client = new QueryClient(endpoint, {
      limit: 10,
      connections: 64,
      timeoutMilliseconds: 60_000,
      rules: ANYWHERE,
      withPayload: workload.withPayload,
    });
    try {
      const vectors = encodeQueries(dataset);
      const asked = compileWorkload(dataset, workload, { seed: 1, vectors });
      const names = workload.queries.map(({ name }) => name);
      const extras = await ExtraPoints.make(dataset, { writes: WRITES, names, limit: 10, seed: 1, windowSeconds: 2 });
      await extras.writeMissing(rest, collection, new AbortController().signal);
      const full = await ask<{ count: number }>('POST', `${collection}/points/count`, { exact: true });
      const distance = (query: number, id: number): number => dataset.distance(query, extras.rowOf(id));
      const counters = names.map(
        (name) => new RecallCounter({ meta, truth: dataset.truthOf(name), distance }, meta.queries, 10),
      );
      const tally = new AnswerCounter(counters, asked.weights, asked.rows).tally();
      const plan = { leadSeconds: 0.2, seconds: 2.2 };
      const measured = await runWindow({
        ...plan,
        sender: client,
        bodies: questionBodies(asked, vectors, 10, { exact: true }),
        order: asked.order,
        orderStart: 0,
        named: asked.named,
        arrivals: windowArrivals(60, plan.seconds, 1),
        rate: 60,
        maxInFlight: 32,
        limit: 10,
        maxBacklog: 1e6,
        latency: [],
        drainSeconds: 60,
        writes: windowWrites({ ...plan, sender: client, extras, writes: WRITES, seed: 1, window: 0, searchRate: 60 }),
        onAnswer: tally.add,
      });
      await extras.clear(rest, collection, new AbortController().signal);
      return { measured, tally, full: full.count, extras };
    } finally {
      await client.close();
      await rest.close();
      dataset.close();
    }
  }

  it('asks by weight with and without filters, writes meanwhile, and right answers stay right', async () => {
    const payload = [
      { field: 'category', type: 'keyword', cardinality: 20 },
      { field: 'score', type: 'float', cardinality: 100 },
    ];
    const queries = [
      { name: 'plain', weight: 3 },
      { name: 'half', weight: 1, filter: { must: [{ key: 'score', range: { lt: 0.5 } }] } },
      { name: 'category', weight: 1, filter: { must: [{ key: 'category', match: { value: '$category' } }] } },
    ];
    const workload: Workload = {
      queries,
      withPayload: true,
      payloadIndexes: [{ field: 'category', type: 'keyword' }],
      writes: WRITES,
    };
    const { datasetDir, searches } = await measure('filters', workload, { payload });
    const [recalled, loaded] = searches as [SearchMessage, SearchMessage];
    const exact = { all: 1, plain: 1, half: 1, category: 1 };
    expect(figures(recalled, 'recall')).toEqual(exact);
    const { half, category } = figures(recalled, 'selectivity');
    expect(half).toBeCloseTo(0.5, 1);
    expect(category).toBeGreaterThan(0.02);
    expect(category).toBeLessThan(0.3);
    expect(figures(loaded, 'recall')).toEqual(exact);
    // A machine shared with others may spoil a load; then it says so, and publishes no figure of it.
    if (loaded.limited) expect(['ClientLimited', 'Unstable', 'NoSustainableRate']).toContain(loaded.limited.reason);
    else expect(Object.keys(figures(loaded, 'latencyP95'))).toEqual(['all', 'plain', 'half', 'category']);
    // Whatever was written, the collection is the dataset again.
    expect(await ask<object>('POST', 'filters/points/count', { exact: true })).toEqual({ count: POINTS });

    const { measured, tally, full, extras } = await window('filters', datasetDir, workload);
    expect(full).toBe(POINTS + extras.size);
    expect(measured).toMatchObject({
      errorCount: 0,
      writes: { upserts: { errorCount: 0 }, deletes: { errorCount: 0 } },
    });
    // Exact search finds exactly the true neighbours at any moment: copies come and go, but never among those.
    expect(tally.each().map((estimate) => estimate?.value)).toEqual([1, 1, 1]);
    expect(tally.estimate()?.value).toBe(1);
    const counts = [...(measured.queries?.values() ?? [])].map(({ scheduled }) => scheduled / measured.scheduled);
    expect(counts[0]).toBeGreaterThan(0.45);
    expect(counts[0]).toBeLessThan(0.75);
    const { upserts, deletes, freshness } = measured.writes ?? {};
    expect(upserts?.response.count).toBe(upserts?.scheduled);
    expect(upserts?.scheduled).toBeGreaterThan(40);
    expect(deletes?.response.count).toBe(deletes?.scheduled);
    expect(deletes?.scheduled).toBeGreaterThan(15);
    expect(freshness?.sinceAcknowledged.count).toBeGreaterThan(0);
    expect(freshness?.missed).toBe(0);
    expect(await ask<object>('POST', 'filters/points/count', { exact: true })).toEqual({ count: POINTS });
  });
});
