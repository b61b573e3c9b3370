import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startEngine } from '../../dev/qdrant/engine.ts';
import { openDataset, type Dataset } from '../../loadgen/datasets/dataset.ts';
import { readFloats } from '../../loadgen/datasets/ground-truth.ts';
import { prepareDataset } from '../../loadgen/datasets/prepare.ts';
import { RecallCounter, RecallTally } from '../../loadgen/evaluate/recall.ts';
import { upsertBody, upsertBytes } from '../../loadgen/ingest/encode.ts';
import { openDatasetRows } from '../../loadgen/ingest/upload-source.ts';
import { batchRows, upload } from '../../loadgen/ingest/upload.ts';
import { QueryClient } from '../../loadgen/load/client.ts';
import { runClosedLoop } from '../../loadgen/load/closed-loop.ts';
import { plainBodies } from './plain-bodies.ts';
import { localAccess } from '../../loadgen/net/access.ts';
import { ANYWHERE } from '../../loadgen/net/address-rules.ts';
import { Rest } from '../../loadgen/rest.ts';
import { pythonWith } from '../peers/install.ts';

export interface IngestFigure {
  client: string;
  points: number;
  dimensions: number;
  /** From the first request to the last acknowledgement, median of the rounds; and all of them. */
  seconds: number;
  rounds: number[];
  pointsPerSecond: number;
  /** Points a second ÷ those of the raw limit. */
  shareOfLimit: number;
}

export interface IngestResult {
  upload: IngestFigure[];
  /** Queries whose exact answers were compared with our own exact search, and how many hits were not the same. */
  exact: { queries: number; hits: number; wrong: number };
  missing: string[];
}

const LIMIT = 10;
const exec = promisify(execFile);

/** Uploads of the same points: the server's limit with bodies made beforehand, ours, qdrant-client's; then exactness. */
export async function benchIngest(
  say: (line: string) => void,
  { points, dimensions, rounds, peers } = { points: 50_000, dimensions: 128, rounds: 3, peers: true },
): Promise<IngestResult> {
  const folder = mkdtempSync(join(tmpdir(), 'qdrant-bench-ingest-'));
  const engine = await startEngine({ dataDir: join(folder, 'engine') });
  const { datasetDir } = await prepareDataset(
    {
      kind: 'Prepare',
      dataset: { synthetic: { points, dimensions, queries: 200 } },
      limit: LIMIT,
      cacheDir: join(folder, 'datasets'),
    },
    { progress: () => undefined, access: localAccess({}) },
  );
  const dataset = await openDataset(datasetDir);
  const rest = new Rest({ url: engine.url, collection: '' }, 8, ANYWHERE);
  const missing: string[] = [];
  try {
    const bodies = await allBodies(dataset);
    const contenders: { client: string; run: (collection: string) => Promise<number> }[] = [
      {
        client: 'raw limit: bodies made beforehand, 4 at once',
        run: (collection) => rawUpload(rest, collection, bodies),
      },
      { client: 'qdrant-bench', run: (collection) => ourUpload(rest, dataset, collection) },
    ];
    const python = peers ? await pythonWith('qdrant-client') : { missing: 'not asked for' };
    if ('missing' in python) missing.push(`qdrant-client: ${python.missing}`);
    else {
      for (const parallel of [1, 2]) {
        contenders.push({
          client: `qdrant-client upload_points, parallel=${parallel}`,
          run: (collection) => pythonUpload(python.found, engine.url, collection, dataset, parallel),
        });
      }
    }
    const seconds = new Map<string, number[]>();
    for (let round = 0; round < rounds; round += 1) {
      for (const [index, { client, run }] of contenders.entries()) {
        const collection = await freshCollection(rest, dimensions, `upload-${round}-${index}`);
        seconds.set(client, [...(seconds.get(client) ?? []), await run(collection)]);
      }
    }
    const limit = median(seconds.get((contenders[0] as { client: string }).client) as number[]);
    const figures = contenders.map(({ client }): IngestFigure => {
      const taken = seconds.get(client) as number[];
      const figure = {
        client,
        points,
        dimensions,
        seconds: round3(median(taken)),
        rounds: taken.map(round3),
        pointsPerSecond: Math.round(points / median(taken)),
        shareOfLimit: Number((limit / median(taken)).toFixed(2)),
      };
      say(`${client.padEnd(46)} ${String(figure.pointsPerSecond).padStart(7)} points/s  ×${figure.shareOfLimit}`);
      return figure;
    });
    const exact = await compareExact(engine.url, 'upload-0-1', dataset);
    say(`exact search: ${exact.wrong} of ${exact.hits} hits differ from brute force`);
    return { upload: figures, exact, missing };
  } finally {
    dataset.close();
    await rest.close();
    await engine.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A new collection that indexes nothing: what is measured is the upload. */
async function freshCollection(rest: Rest, size: number, name: string): Promise<string> {
  await rest.call('PUT', `/collections/${name}`, {
    body: Buffer.from(
      JSON.stringify({ vectors: { size, distance: 'Cosine' }, optimizers_config: { indexing_threshold: 0 } }),
    ),
  });
  return name;
}

async function allBodies(dataset: Dataset): Promise<Buffer[]> {
  const { points, dimensions } = dataset.meta;
  const rows = batchRows(dimensions);
  const file = await open(dataset.basePath, 'r');
  try {
    const bodies: Buffer[] = [];
    for (let first = 0; first < points; first += rows) {
      const count = Math.min(rows, points - first);
      const values = await readFloats(file, first * dimensions, count * dimensions);
      const scratch = Buffer.allocUnsafe(upsertBytes(count, dimensions));
      bodies.push(Buffer.from(upsertBody(values, first, count, dimensions, scratch)));
    }
    return bodies;
  } finally {
    await file.close();
  }
}

/** Seconds for all bodies, four at once, each acknowledged when applied as an upload's last ones are. */
async function rawUpload(rest: Rest, collection: string, bodies: readonly Buffer[]): Promise<number> {
  const start = performance.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < bodies.length) {
      const body = bodies[next] as Buffer;
      next += 1;
      const wait = next > bodies.length - 4;
      await rest.call('PUT', `/collections/${collection}/points?wait=${wait}`, { body, timeoutMilliseconds: 300_000 });
    }
  };
  await Promise.all(Array.from({ length: 4 }, lane));
  return (performance.now() - start) / 1000;
}

async function ourUpload(rest: Rest, dataset: Dataset, collection: string): Promise<number> {
  const rows = await openDatasetRows(dataset);
  try {
    return (await upload(rest, rows, { collection })).seconds;
  } finally {
    await rows.close();
  }
}

async function pythonUpload(
  interpreter: string,
  url: string,
  collection: string,
  dataset: Dataset,
  parallel: number,
): Promise<number> {
  const { stdout } = await exec(
    interpreter,
    [
      join(import.meta.dirname, '../peers/upload.py'),
      url,
      collection,
      dataset.basePath,
      String(dataset.meta.dimensions),
      String(parallel),
    ],
    { timeout: 600_000 },
  );
  return (JSON.parse(stdout) as { seconds: number }).seconds;
}

/** Exact search of the engine against our own brute force, hit by hit; ties count as equal. */
async function compareExact(url: string, collection: string, dataset: Dataset): Promise<IngestResult['exact']> {
  const { queries } = dataset.meta;
  const client = new QueryClient(
    { url, collection },
    { limit: LIMIT, connections: 4, timeoutMilliseconds: 60_000, rules: ANYWHERE },
  );
  const counter = new RecallCounter(dataset, queries, LIMIT);
  const tally = new RecallTally(queries);
  try {
    const { errorCount } = await runClosedLoop({
      sender: client,
      bodies: plainBodies(dataset, LIMIT, { exact: true }),
      queries: Uint32Array.from({ length: queries }, (_, i) => i),
      concurrency: 4,
      maxSeconds: 300,
      onAnswer: (query, ids) => tally.add(query, counter.recall(query, ids)),
    });
    if (errorCount > 0) throw new Error(`${errorCount} exact searches failed`);
  } finally {
    await client.close();
  }
  const hits = queries * LIMIT;
  return { queries, hits, wrong: Math.round(hits * (1 - (tally.estimate()?.value ?? 0))) };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
const round3 = (value: number): number => Number(value.toFixed(3));
