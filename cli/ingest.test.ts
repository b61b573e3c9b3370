import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { IngestReport } from '../loadgen/tool/run-ingest.ts';
import { startStub, type StubBehaviour } from '../loadgen/testing/stub-qdrant.ts';
import { inProcess, temporaryFolder, type Said } from './cli.test-support.ts';
import { writeFiles } from '../loadgen/testing/vector-files.ts';

const { path: folder, remove } = temporaryFolder();
afterAll(remove);
const files = writeFiles(folder, 60, 4, 20, 5);
const payload = join(folder, 'payload.jsonl');
writeFileSync(payload, files.points.map((_, row) => `{"row":${row}}\n`).join(''));

const reported = (said: Said): IngestReport => JSON.parse(said.out) as IngestReport;
const config = { params: { vectors: { size: 4, distance: 'Cosine' } }, hnsw_config: { m: 16 } };

async function server(given: Partial<StubBehaviour> = {}) {
  const stub = await startStub({ missing: true, config, ...given });
  onTestFinished(() => stub.close());
  return stub;
}

function ingest(url: string, more: readonly string[] = [], signal?: AbortSignal): Promise<Said> {
  const fixed = ['ingest', '--url', url, '--collection', 'c', '--base', files.base, '--distance', 'Cosine'];
  return inProcess([...fixed, ...more], {}, signal);
}

describe('qdrant-bench ingest', () => {
  it('makes the collection, puts every row there, and says how long each thing took', async () => {
    const stub = await server();
    const said = await ingest(stub.url, ['--hnsw-m', '16', '--payload', payload, '--output', 'json']);
    expect(said.code, said.err).toBe(0);
    expect(stub.created).toEqual([{ hnsw_config: { m: 16 }, vectors: { size: 4, distance: 'Cosine' } }]);
    expect(stub.points.size).toBe(60);
    expect(stub.payloads.get(59)).toEqual({ row: 59 });
    const report = reported(said);
    expect(report).toMatchObject({
      verdict: 'Passed',
      collection: 'c',
      points: 60,
      dimensions: 4,
      present: 0,
      sent: 60,
      ignored: [],
      pushedBack: {},
    });
    expect(report.searchableSeconds).toBeGreaterThanOrEqual(report.uploadSeconds);
    expect(report.indexedSeconds).toBeGreaterThanOrEqual(report.uploadSeconds);
    expect(report.stableSeconds).toBeGreaterThanOrEqual(report.indexedSeconds);
  });

  it('shows a table, and what was pushed back', async () => {
    let puts = 0;
    const stub = await server({
      faults: [
        ({ path, method }) =>
          method === 'PUT' && path.endsWith('/points') && (puts += 1) === 1
            ? { status: 507, headers: { 'retry-after': '0' } }
            : 'none',
      ],
    });
    const said = await ingest(stub.url, ['--batch', '20', '--parallel', '1', '--wait']);
    expect(said.code, said.err).toBe(0);
    expect(said.out).toMatch(/seconds until +uploaded +searchable +indexed +stable/);
    expect(said.out).toContain('the server pushed back: HTTP 507 1 times; that was waited out');
    expect(said.out).toContain('1 requests at once of 20 rows');
    expect(said.err).toContain('again in 0.1 s');
    expect(stub.seen.filter((line) => line.includes('/points?')).every((line) => line.endsWith('wait=true'))).toBe(
      true,
    );
  });

  it('does not touch a collection that is there', async () => {
    const stub = await server({ missing: false });
    stub.points.set(0, [1, 2, 3, 4]);
    const said = await ingest(stub.url);
    expect(said).toMatchObject({ code: 2, out: '' });
    expect(said.err).toMatch(
      /--collection c: exists at .* and holds 1 points; nothing was changed.*--resume.*--recreate/,
    );
    expect(stub.seen.every((line) => line.startsWith('GET '))).toBe(true);
  });

  it('deletes it when told to', async () => {
    const stub = await server({ missing: false });
    stub.points.set(1000, [1, 2, 3, 4]);
    const said = await ingest(stub.url, ['--recreate', '--output', 'json']);
    expect(said.code, said.err).toBe(0);
    expect(said.err).toContain('deleting collection c (1 points), as --recreate asks');
    expect(stub.points.size).toBe(60);
    expect(reported(said).sent).toBe(60);
  });

  it('goes on from the exact rows that are missing', async () => {
    const stub = await server({ missing: false });
    files.points.forEach((vector, row) => row % 3 !== 1 && stub.points.set(row, vector));
    const said = await ingest(stub.url, ['--resume', '--output', 'json']);
    expect(said.code, said.err).toBe(0);
    expect(reported(said)).toMatchObject({ present: 40, sent: 20, points: 60 });
    expect(stub.points.size).toBe(60);
    // With all there nothing is sent.
    const again = reported(await ingest(stub.url, ['--resume', '--output', 'json']));
    expect(again).toMatchObject({ present: 60, sent: 0, searchableSeconds: null, pointsPerSecond: null });
  });

  it('resumes what was never begun', async () => {
    const stub = await server();
    expect(reported(await ingest(stub.url, ['--resume', '--output', 'json'])).sent).toBe(60);
  });

  it('says when interrupted how to go on', async () => {
    const abort = new AbortController();
    const stub = await server({
      faults: [
        ({ path }) => {
          if (path.endsWith('/points')) abort.abort(new Error('interrupted'));
          return 'none';
        },
      ],
    });
    const said = await ingest(stub.url, ['--batch', '10', '--parallel', '1'], abort.signal);
    expect(said).toMatchObject({ code: 4, out: '' });
    expect(said.err).toMatch(/interrupted: what was sent stays; .*--resume/);
    expect(stub.points.size).toBeLessThan(60);
  });

  const fails: [string, number, RegExp, string[], Partial<StubBehaviour>?][] = [
    [
      'other settings',
      2,
      /--resume: collection c has other settings \(hnsw_config\.m: asked 32, applied 16\)/,
      ['--resume', '--hnsw-m', '32'],
      { missing: false },
    ],
    ['a setting that is not taken over', 1, /^$/, ['--hnsw-m', '32']],
    ['names of vectors', 2, /--config: vectors has names/, ['--config', '{"vectors":{"image":{"size":4}}}']],
    ['another size', 2, /vectors\.size is 8, but rows of --base have 4 dimensions/, ['--set', 'vectors.size=8']],
    ['two distances', 2, /--distance is "Cosine", --config says "Dot"/, ['--set', 'vectors.distance=Dot']],
    [
      'a body the server refuses',
      2,
      /does not make such a collection: .*unknown field/,
      [],
      {
        faults: [
          ({ method }) => (method === 'PUT' ? { status: 422, body: '{"status":{"error":"unknown field"}}' } : 'none'),
        ],
      },
    ],
    [
      'somebody who was faster',
      2,
      /exists at/,
      [],
      { faults: [({ method }) => (method === 'PUT' ? { status: 409 } : 'none')] },
    ],
    [
      'points the server refuses',
      1,
      /HTTP 500: panic/,
      [],
      {
        faults: [
          ({ path }) => (path.endsWith('/points') ? { status: 500, body: '{"status":{"error":"panic"}}' } : 'none'),
        ],
      },
    ],
    [
      'a server that is full',
      1,
      /taken no points for .*quota/,
      ['--patience', '0s'],
      {
        faults: [
          ({ path }) => (path.endsWith('/points') ? { status: 507, body: '{"status":{"error":"quota"}}' } : 'none'),
        ],
      },
    ],
    ['a refused API key', 3, /API key is refused/, [], { faults: [() => ({ status: 403 })] }],
    ['a failed optimizer', 1, /no space left/, [], { optimizerError: 'no space left' }],
  ];
  it.each(fails)('ends on %s with %i', async (_, code, message, more, behaviour) => {
    const stub = await server(behaviour);
    const said = await ingest(stub.url, [...more, '--output', 'json']);
    if (said.out === '') expect(said.err).toMatch(message);
    else
      expect(reported(said)).toMatchObject({
        verdict: 'Failed',
        reason: 'SettingIgnored',
        ignored: ['hnsw_config.m: asked 32, applied 16'],
      });
    expect(said.code).toBe(code);
  });

  it('refuses payloads that do not fit, and tells of a server that is not there', async () => {
    const short = join(folder, 'short.jsonl');
    writeFileSync(short, '{}\n');
    expect(await ingest('http://127.0.0.1:1', ['--payload', short])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--payload .* has 1 lines, but --base has 60 rows/) as string,
    });
    expect((await ingest('http://127.0.0.1:1')).code).toBe(3);
    expect((await inProcess(['ingest', '--help'])).out).toContain('--recreate');
  });
});
