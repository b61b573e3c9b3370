import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEngine } from '../../dev/qdrant/engine.ts';
import { openDataset, type Dataset } from '../../loadgen/datasets/dataset.ts';
import { prepareDataset } from '../../loadgen/datasets/prepare.ts';
import { RecallCounter, RecallTally } from '../../loadgen/evaluate/recall.ts';
import { waitUntilReady } from '../../loadgen/ingest/readiness.ts';
import { openDatasetRows } from '../../loadgen/ingest/upload-source.ts';
import { upload } from '../../loadgen/ingest/upload.ts';
import { QueryClient } from '../../loadgen/load/client.ts';
import { runClosedLoop } from '../../loadgen/load/closed-loop.ts';
import { runWindow } from '../../loadgen/load/open-loop.ts';
import { plainBodies } from './plain-bodies.ts';
import { windowArrivals } from '../../loadgen/load/schedule.ts';
import { PeakMemory, ProcessStats } from '../../loadgen/load/server-stats.ts';
import { localAccess } from '../../loadgen/net/access.ts';
import { ANYWHERE } from '../../loadgen/net/address-rules.ts';
import { Rest } from '../../loadgen/rest.ts';

export interface MillionResult {
  points: number;
  dimensions: number;
  upsertsPerSecond: number;
  /** From the first upsert until nothing was left to optimize. */
  stableSeconds: number;
  /** Resident memory of the engine ÷ bytes of the raw vectors: after indexing, and at most. */
  residentShare: number;
  peakShare: number;
  /** Of this process. */
  clientPeakBytes: number;
  /** Searches with Qdrant's defaults; ms. `Closed` hides waiting: so many clients, each waiting for its answer. */
  loads: {
    load: string;
    loop: 'Closed' | 'Open';
    achievedRate: number;
    errors: number;
    p50: number;
    p95: number;
    p99: number;
    recall: number;
  }[];
}

interface Profile {
  load: string;
  seconds: number;
  concurrency?: number;
  rate?: number;
}

/** An hour and more is run for a bounded time: rates do not change with it. */
const PROFILES: readonly Profile[] = [
  { load: '100 concurrent searches', concurrency: 100, seconds: 20 },
  { load: '1,000 concurrent searches', concurrency: 1000, seconds: 10 },
  { load: '1,000 requests a minute', rate: 1000 / 60, seconds: 60 },
];
const LIMIT = 10;
const QUERIES = 200;

/** One collection of many vectors: how fast in, how large, how quick under concurrent searches. */
export async function benchMillion(
  say: (line: string) => void,
  { points, dimensions, profiles }: { points: number; dimensions: number; profiles: readonly Profile[] } = {
    points: 1_000_000,
    dimensions: 128,
    profiles: PROFILES,
  },
): Promise<MillionResult> {
  const folder = mkdtempSync(join(tmpdir(), 'qdrant-bench-million-'));
  const own = new PeakMemory(new ProcessStats(process.pid));
  const engine = await startEngine({ dataDir: join(folder, 'engine') });
  const stats = new ProcessStats(engine.pid);
  const memory = new PeakMemory(stats);
  const rest = new Rest({ url: engine.url, collection: 'million' }, 8, ANYWHERE);
  let dataset: Dataset | undefined;
  try {
    const { datasetDir } = await prepareDataset(
      {
        kind: 'Prepare',
        dataset: { synthetic: { points, dimensions, queries: QUERIES } },
        limit: LIMIT,
        cacheDir: join(folder, 'datasets'),
      },
      { progress: progressLines(say), access: localAccess({}) },
    );
    dataset = await openDataset(datasetDir);
    await rest.call('PUT', '/collections/million', {
      body: Buffer.from(JSON.stringify({ vectors: { size: dimensions, distance: 'Cosine' } })),
    });
    const uploading = progressLines(say);
    const rows = await openDatasetRows(dataset);
    const { seconds: uploadSeconds } = await upload(rest, rows, {
      collection: 'million',
      onProgress: ({ rows: done }) => uploading('Uploading', done, points),
    });
    await rows.close();
    const indexing = progressLines(say);
    const ready = await waitUntilReady(rest, {
      collection: 'million',
      points,
      timeoutSeconds: 3600,
      onProgress: (info) => indexing('Indexing', info.indexed_vectors_count ?? 0, points),
    });
    const raw = points * dimensions * 4;
    const resident = stats.residentBytes() ?? NaN;
    const loads: MillionResult['loads'] = [];
    for (const profile of profiles) {
      const figures = await search(engine.url, dataset, profile);
      loads.push(figures);
      say(`${profile.load}: ${figures.achievedRate}/s, p95 ${figures.p95} ms, recall ${figures.recall}`);
    }
    return {
      points,
      dimensions,
      upsertsPerSecond: Math.round(points / uploadSeconds),
      stableSeconds: round(uploadSeconds + ready.stableSeconds),
      residentShare: round(resident / raw),
      peakShare: round((memory.stop() ?? NaN) / raw),
      clientPeakBytes: own.stop() ?? NaN,
      loads,
    };
  } finally {
    memory.stop();
    own.stop();
    dataset?.close();
    await rest.close();
    await engine.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function search(
  url: string,
  dataset: Dataset,
  { load, seconds, concurrency, rate = 0 }: Profile,
): Promise<MillionResult['loads'][number]> {
  const { queries } = dataset.meta;
  const client = new QueryClient(
    { url, collection: 'million' },
    { limit: LIMIT, connections: 1024, timeoutMilliseconds: 60_000, rules: ANYWHERE },
  );
  const counter = new RecallCounter(dataset, queries, LIMIT);
  const tally = new RecallTally(queries);
  const common = {
    sender: client,
    bodies: plainBodies(dataset, LIMIT, {}),
    onAnswer: (query: number, ids: Int32Array) => tally.add(query, counter.recall(query, ids)),
  };
  try {
    const order = Uint32Array.from({ length: queries }, (_, i) => i);
    if (concurrency === undefined) {
      const measured = await runWindow({
        ...common,
        order,
        orderStart: 0,
        arrivals: windowArrivals(rate, seconds, 1),
        rate,
        leadSeconds: 1,
        seconds,
        maxInFlight: 1024,
        limit: LIMIT,
        maxBacklog: 10_000,
        latency: [],
        drainSeconds: 30,
      });
      return figures(load, 'Open', measured.achievedRate, measured.errorCount, measured.response, tally);
    }
    const many = Uint32Array.from({ length: 2_000_000 }, (_, i) => i % queries);
    const result = await runClosedLoop({ ...common, queries: many, concurrency, maxSeconds: seconds });
    return figures(load, 'Closed', result.rate, result.errorCount, result.service, tally);
  } finally {
    await client.close();
  }
}

function figures(
  load: string,
  loop: 'Open' | 'Closed',
  rate: number,
  errors: number,
  latency: { percentile: (percentile: number) => number },
  tally: RecallTally,
): MillionResult['loads'][number] {
  const [p50, p95, p99] = [50, 95, 99].map((percentile) => round(latency.percentile(percentile))) as [
    number,
    number,
    number,
  ];
  return {
    load,
    loop,
    achievedRate: round(rate),
    errors,
    p50,
    p95,
    p99,
    recall: round(tally.estimate()?.value ?? NaN),
  };
}

/** Says where something is, at most every ten seconds. */
function progressLines(say: (line: string) => void): (phase: string, done: number, total: number) => void {
  let last = performance.now();
  return (phase, done, total) => {
    if (performance.now() - last < 10_000) return;
    last = performance.now();
    say(`${phase} ${Math.round(done)}/${total} (${Math.floor((100 * done) / total)} %)`);
  };
}

const round = (value: number): number => Number(value.toPrecision(4));
