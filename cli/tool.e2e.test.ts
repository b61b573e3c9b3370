import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngine, type Engine } from '../dev/qdrant/engine.ts';
import type { LoadReport } from '../loadgen/tool/load-report.ts';
import { fvecs } from '../loadgen/testing/vecs.ts';
import type { IngestReport } from '../loadgen/tool/run-ingest.ts';
import { inProcess, temporaryFolder, type Said } from './cli.test-support.ts';
import { writeFiles } from '../loadgen/testing/vector-files.ts';

const { path: folder, remove } = temporaryFolder();
const data = resolve(process.env['QDRANT_BENCH_DATA'] ?? join(import.meta.dirname, '../../shared/data'), 'bigann10k');
const KEY = 'tool-key';
const env = { QDRANT_API_KEY: KEY };
let engine: Engine;

beforeAll(async () => {
  engine = await startEngine({ dataDir: join(folder, 'engine'), apiKey: KEY });
});
afterAll(async () => {
  await engine.stop();
  remove();
});

const on = (collection: string): string[] => ['--url', engine.url, '--collection', collection, '--output', 'json'];

/** A load; one whose generator had no CPU on this busy machine is asked again. */
async function load(collection: string, ...more: string[]): Promise<{ said: Said; report: LoadReport }> {
  for (let attempt = 0; ; attempt += 1) {
    const said = await inProcess(['load', ...on(collection), ...more, '--duration', '2s', '--warmup', '500ms'], env);
    expect(said.out, said.err).not.toBe('');
    const report = JSON.parse(said.out) as LoadReport;
    if (report.reason !== 'ClientLimited' || attempt === 4) return { said, report };
  }
}

/** Starts the package's bin and sends it a signal as soon as so many points are there. */
function bin(
  args: readonly string[],
  signal: NodeJS.Signals,
  after: number,
): Promise<{ code: number | null; out: string }> {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'qdrant-bench.js'), ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.resume();
    let told = false;
    const poll = setInterval(() => {
      void count('killed').then((points) => {
        if (points < after || told) return;
        told = true;
        child.kill(signal);
      });
    }, 5);
    child.once('error', reject);
    child.once('close', (code) => {
      clearInterval(poll);
      done({ code, out });
    });
  });
}

async function count(collection: string): Promise<number> {
  const answer = await fetch(`${engine.url}/collections/${collection}/points/count`, {
    method: 'POST',
    headers: { 'api-key': KEY, 'content-type': 'application/json' },
    body: '{"exact":true}',
  });
  return answer.ok ? ((await answer.json()) as { result: { count: number } }).result.count : 0;
}

describe('ingest and load on an engine', () => {
  it('goes on after a kill with the rows that are missing, and every one is there', async () => {
    const files = writeFiles(join(folder, 'killed'), 12_000, 64, 50, 10);
    const args = [
      'ingest',
      ...on('killed'),
      '--base',
      files.base,
      '--distance',
      'Euclid',
      '--batch',
      '50',
      '--parallel',
      '1',
      '--wait',
    ];
    expect((await bin(args, 'SIGKILL', 500)).out).toBe('');
    const there = await count('killed');
    expect(there).toBeGreaterThanOrEqual(500);
    expect(there).toBeLessThan(12_000);
    // What is there is not touched without being told.
    expect((await inProcess(args, env)).code).toBe(2);
    const stopped = await bin([...args, '--resume'], 'SIGINT', there + 500);
    expect(stopped).toEqual({ code: 4, out: '' });
    const present = await count('killed');
    const said = await inProcess([...args, '--resume'], env);
    expect(said.code, said.err).toBe(0);
    const report = JSON.parse(said.out) as IngestReport;
    expect(report).toMatchObject({ points: 12_000, present, sent: 12_000 - present });
    expect(report.searchableSeconds).toBeGreaterThanOrEqual(report.uploadSeconds);
    expect(await count('killed')).toBe(12_000);
    const { report: loaded } = await load(
      'killed',
      '--queries',
      files.queries,
      '--ground-truth',
      files.truth,
      '--rate',
      '50',
      '--param',
      'exact=true',
    );
    expect(loaded.recall).toBe(1);
  });

  it('refuses to go on with another file, or with other settings', async () => {
    const other = writeFiles(join(folder, 'other'), 12_000, 64, 5, 5);
    writeFileSync(other.base, fvecs(other.points.map((row) => row.map((value) => -value))));
    const args = ['ingest', ...on('killed'), '--base', other.base, '--resume'];
    expect((await inProcess([...args, '--distance', 'Euclid'], env)).err).toMatch(/has another vector than that row/);
    expect((await inProcess([...args, '--distance', 'Dot'], env)).err).toMatch(/other settings \(vectors\.distance/);
    expect(await count('killed')).toBe(12_000);
  });
});

describe.skipIf(!existsSync(data))('bigann10k', () => {
  const queries = ['--queries', join(data, 'query.fvecs'), '--ground-truth', join(data, 'groundtruth.ivecs')];

  it('is put there, indexed, with each time by itself', async () => {
    const small = ['--set', 'optimizers_config.indexing_threshold=100', '--set', 'hnsw_config.full_scan_threshold=10'];
    const args = [
      'ingest',
      ...on('bigann'),
      '--base',
      join(data, 'base.fvecs'),
      '--distance',
      'Euclid',
      '--hnsw-m',
      '8',
      ...small,
    ];
    const said = await inProcess(args, env);
    expect(said.code, said.err).toBe(0);
    const report = JSON.parse(said.out) as IngestReport;
    expect(report).toMatchObject({ verdict: 'Passed', dimensions: 128, ignored: [], sent: report.points });
    expect(report.indexedVectors).toBeGreaterThan(0);
    expect(report.indexedSeconds).toBeGreaterThan(report.uploadSeconds);
  }, 120_000);

  it('has recall 1 by exact search, and less by a narrow beam', async () => {
    const exact = await load('bigann', ...queries, '--rate', '200', '--param', 'exact=true');
    expect(exact.report).toMatchObject({ recall: 1, recallStdErr: 0, errors: 0 });
    const narrow = await load(
      'bigann',
      ...queries,
      '--rate',
      '200',
      '--param',
      'hnsw_ef=4',
      '--server-pid',
      String(engine.pid),
      '--min-recall',
      '0.999',
    );
    expect(narrow.report.recall).toBeLessThan(0.98);
    expect(narrow.report.recallStdErr).toBeGreaterThan(0);
    expect(narrow.report.serverCpuMicrosPerRequest).toBeGreaterThan(0);
    expect(narrow.said.code).toBe(1);
    if (narrow.report.reason !== 'ClientLimited') expect(narrow.report.reason).toBe('RecallTooLow');
  }, 120_000);

  it('is asked in a closed loop, too', async () => {
    const { report } = await load(
      'bigann',
      ...queries,
      '--arrivals',
      'Closed',
      '--concurrency',
      '4',
      '--param',
      'exact=true',
    );
    expect(report).toMatchObject({ loop: 'closed', recall: 1, responseMs: { p50: null }, offeredRate: null });
  });

  it('is told when a parameter is none', async () => {
    const args = ['load', ...on('bigann'), ...queries, '--rate', '10', '--param', 'hnsw_ef=many'];
    const said = await inProcess(args, env);
    expect(said).toMatchObject({ code: 2, out: '' });
    expect(said.err).toMatch(/refuses the first query: .*check --queries, --param/);
  });
});

it('loads with whatever queries Qdrant takes: dense and sparse ones fused', async () => {
  const call = async (method: string, path: string, body: unknown): Promise<void> => {
    const headers = { 'content-type': 'application/json', 'api-key': KEY };
    const answer = await fetch(`${engine.url}/collections/hybrid${path}`, {
      method,
      headers,
      body: JSON.stringify(body),
    });
    expect(answer.status, await answer.text()).toBe(200);
  };
  await call('PUT', '', { vectors: { dense: { size: 2, distance: 'Cosine' } }, sparse_vectors: { words: {} } });
  const points = Array.from({ length: 50 }, (_, id) => ({
    id,
    vector: { dense: [Math.cos(id), Math.sin(id)], words: { indices: [id % 7, 7 + (id % 5)], values: [1, 0.5] } },
    payload: { id: 1000 + id },
  }));
  await call('PUT', '/points?wait=true', { points });
  const bodies = Array.from({ length: 7 }, (_, n) => ({
    prefetch: [
      { query: [Math.cos(n), Math.sin(n)], using: 'dense', limit: 20 },
      { query: { indices: [n], values: [1] }, using: 'words', limit: 20 },
    ],
    query: { fusion: 'rrf' },
    with_payload: true,
  }));
  const path = join(folder, 'hybrid.jsonl');
  writeFileSync(path, bodies.map((body) => JSON.stringify(body)).join('\n'));
  const { said, report } = await load(
    'hybrid',
    '--bodies',
    path,
    '--arrivals',
    'Constant',
    '--rate',
    '50',
    '--limit',
    '5',
  );
  expect(report, said.err).toMatchObject({ errors: 0, queries: 7, recall: null });
  // Unless this machine was too busy to send.
  if (report.reason !== 'ClientLimited') expect(report).toMatchObject({ verdict: 'Passed', reason: 'ConstraintsMet' });
});
