import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { LoadReport } from '../loadgen/tool/load-report.ts';
import { startStubProcess } from '../loadgen/testing/fixtures.ts';
import { startStub, type StubBehaviour, type StubFault } from '../loadgen/testing/stub-qdrant.ts';
import { inProcess, temporaryFolder, type Said } from './cli.test-support.ts';
import { writeFiles } from '../loadgen/testing/vector-files.ts';
import { verdictExit } from './tool-exit.ts';

const { path: folder, remove } = temporaryFolder();
afterAll(remove);
const files = writeFiles(folder, 60, 4, 20, 5);

const reported = (said: Said): LoadReport => JSON.parse(said.out) as LoadReport;

async function server(
  faults: ((request: { path: string }) => StubFault | 'none')[] = [],
  given: Partial<StubBehaviour> = {},
) {
  const stub = await startStub({ faults, ...given });
  files.points.forEach((vector, id) => stub.points.set(id, vector));
  onTestFinished(() => stub.close());
  return stub;
}

function load(url: string, ...more: string[]): Promise<Said> {
  const fixed = ['load', '--url', url, '--collection', 'c', '--queries', files.queries];
  return inProcess([...fixed, '--duration', '1s', '--warmup', '200ms', '--limit', '5', '--output', 'json', ...more]);
}

/** Tests share the machine: a load generator that had no CPU says so, and is asked again. */
async function measured(run: () => Promise<Said>): Promise<LoadReport> {
  let report: LoadReport | undefined;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const said = await run();
    report = reported(said);
    expect(said.code).toBe(verdictExit(report));
    if (report.reason !== 'ClientLimited') break;
    // Then nothing is shown as the server's.
    expect(report).toMatchObject({ verdict: 'Inconclusive', achievedRate: null, responseMs: { p50: null } });
    expect(report.limited?.achievedRate).toBeGreaterThanOrEqual(0);
  }
  return report as LoadReport;
}

describe('qdrant-bench load', () => {
  it('prints one object with exactly the names that were promised, and recall by id', async () => {
    const stub = await startStubProcess({}, files.points);
    onTestFinished(() => stub.stop());
    const report = await measured(() =>
      load(
        stub.url,
        '--rate',
        '100',
        '--ground-truth',
        files.truth,
        '--seed',
        '3',
        '--server-pid',
        String(stub.pid),
        '--param',
        'hnsw_ef=9',
      ),
    );
    for (const name of [
      'verdict',
      'reason',
      'offeredRate',
      'achievedRate',
      'requests',
      'errors',
      'recall',
      'recallStdErr',
      'responseMs',
      'serviceMs',
      'latenessMs',
      'clientCpuMicrosPerRequest',
    ]) {
      expect(report).toHaveProperty(name);
    }
    for (const kind of ['responseMs', 'serviceMs', 'latenessMs'] as const) {
      expect(Object.keys(report[kind])).toEqual(['p50', 'p95', 'p99', 'p999', 'max']);
    }
    expect(report).toMatchObject({
      verdict: 'Passed',
      reason: 'ConstraintsMet',
      loop: 'open',
      arrivals: 'Poisson',
      errors: 0,
      unsent: 0,
      recall: 1,
      recallStdErr: 0,
      recallQueries: 20,
      queries: 20,
      params: { hnsw_ef: 9 },
      seed: 3,
      limited: null,
      concurrency: null,
      rate: 100,
    });
    expect(report.requests).toBeGreaterThan(50);
    expect(report.requests).toBeLessThan(150);
    expect(report.offeredRate).toBeCloseTo(report.requests, 6);
    expect(report.clientCpuMicrosPerRequest).toBeGreaterThan(0);
    expect(report.serverCpuMicrosPerRequest).toBeGreaterThan(0);
    expect(report.responseMs.p50).toBeGreaterThanOrEqual(report.serviceMs.p50 as number);
  });

  it('counts no recall without ground truth, and shows a table without --output json', async () => {
    const stub = await server();
    const said = await load(stub.url, '--rate', '50', '--arrivals', 'Constant', '--output=text');
    expect(said).toMatchObject({ code: 2, err: expect.stringContaining('--output is given 2 times') as string });
    const fixed = ['--url', stub.url, '--collection', 'c', '--queries', files.queries, '--limit', '5'];
    const text = await inProcess([
      'load',
      ...fixed,
      '--rate',
      '50',
      '--arrivals',
      'Constant',
      '--duration',
      '1s',
      '--warmup',
      '0s',
    ]);
    expect(text.out).toMatch(/^(Passed ConstraintsMet|Inconclusive ClientLimited): /);
    expect(text.out).toMatch(/ms +p50 +p95 +p99 +p99\.9 +max/);
    expect(text.out).toContain('recall@5  not counted: no --ground-truth');
    expect(text.out).toContain('open loop, Constant arrivals, 50/s, 1.0 s after 0 ms of warm-up, seed 1');
    const report = await measured(() => load(stub.url, '--rate', '50'));
    expect(report).toMatchObject({ recall: null, recallStdErr: null, recallQueries: 0 });
  });

  it('keeps so many under way in a closed loop, and claims no response time', async () => {
    const stub = await startStubProcess({ serviceMs: 5 }, files.points);
    onTestFinished(() => stub.stop());
    const report = await measured(() =>
      load(stub.url, '--arrivals', 'Closed', '--concurrency', '2', '--ground-truth', files.truth),
    );
    expect(report).toMatchObject({
      verdict: 'Passed',
      loop: 'closed',
      arrivals: 'Closed',
      offeredRate: null,
      recall: 1,
      responseMs: { p50: null, max: null },
      latenessMs: { p50: null, max: null },
      concurrency: 2,
      rate: null,
    });
    expect(report.serviceMs.p50).toBeGreaterThanOrEqual(4);
    expect(report.achievedRate).toBeGreaterThan(0);
    // Two at a time, 5 ms each.
    expect(report.achievedRate).toBeLessThan(500);
  });

  it('charges a slow server from when requests were due, and says that it did not keep up', async () => {
    const stub = await startStubProcess({ serviceMs: 20, workers: 1 }, files.points);
    onTestFinished(() => stub.stop());
    const report = await measured(() => load(stub.url, '--rate', '200', '--timeout', '5s'));
    expect(report).toMatchObject({ verdict: 'Failed', reason: 'NoSustainableRate' });
    expect(report.achievedRate).toBeLessThan(60);
  });

  it('fails what is asked for and not met', async () => {
    const stub = await startStubProcess({ serviceMs: 30 }, files.points);
    onTestFinished(() => stub.stop());
    const late = await measured(() => load(stub.url, '--rate', '50', '--max-p50', '10ms'));
    expect(late).toMatchObject({ verdict: 'Failed', reason: 'LatencyTooHigh' });
    expect(late.constraints).toContainEqual({
      name: 'p50',
      bound: 10,
      value: expect.any(Number) as number,
      met: false,
    });
  });

  it('counts errors by kind', async () => {
    let queries = 0;
    const stub = await server([
      ({ path }) => (path.endsWith('/query') && (queries += 1) % 4 === 0 ? { status: 503 } : 'none'),
    ]);
    const report = await measured(() => load(stub.url, '--rate', '80'));
    expect(report).toMatchObject({ verdict: 'Failed', reason: 'ErrorRateTooHigh' });
    expect(report.errors).toBe(report.errorKinds.http503);
    expect(report.errors).toBeGreaterThan(5);
  });

  it('is Inconclusive when it cannot send as fast as it should: something else keeps its thread busy', async () => {
    const stub = await server();
    const busy = setInterval(() => {
      const until = performance.now() + 19;
      while (performance.now() < until);
    }, 20);
    const said = await load(stub.url, '--rate', '30000', '--timeout', '1s').finally(() => clearInterval(busy));
    expect(said.code).toBe(1);
    const report = reported(said);
    expect(report).toMatchObject({
      verdict: 'Inconclusive',
      reason: 'ClientLimited',
      achievedRate: null,
      responseMs: { p50: null, p95: null, p99: null, p999: null, max: null },
      serviceMs: { p50: null },
    });
    expect(report.message).toMatch(/not the server's figures/);
    expect(report.limited?.achievedRate).toBeGreaterThan(0);
  });

  it.each<[string, number, RegExp, (url: string) => Promise<Said>, Partial<StubBehaviour>?]>([
    [
      'a collection that is not there',
      2,
      /--collection c: there is none of this name/,
      (url) => load(url, '--rate', '5'),
      { missing: true },
    ],
    [
      'a server that is not there',
      3,
      /--url http:\/\/127\.0\.0\.1:1: .*no answer/,
      () => load('http://127.0.0.1:1', '--rate', '5'),
    ],
    [
      'an API key it refuses',
      3,
      /the API key is refused/,
      (url) => load(url, '--rate', '5'),
      { faults: [() => ({ status: 401 })] },
    ],
    [
      'a query it refuses',
      2,
      /refuses the first query: .*bad ef; check --queries, --param/,
      (url) => load(url, '--rate', '5'),
      {
        faults: [
          ({ path }) => (path.endsWith('/query') ? { status: 400, body: '{"status":{"error":"bad ef"}}' } : 'none'),
        ],
      },
    ],
    [
      'files that are not there',
      2,
      /--queries nowhere\.fvecs: the file does not exist/,
      (url) =>
        load(url, '--rate', '5').then(() =>
          inProcess(['load', '--url', url, '--collection', 'c', '--queries', 'nowhere.fvecs', '--rate', '5']),
        ),
    ],
    [
      'too deep a limit',
      2,
      /names 5 neighbours a query, --limit asks for 6/,
      (url) =>
        inProcess([
          'load',
          '--url',
          url,
          '--collection',
          'c',
          '--queries',
          files.queries,
          '--rate',
          '5',
          '--limit',
          '6',
          '--ground-truth',
          files.truth,
        ]),
    ],
  ])('ends on %s with %i', async (_, code, message, run, behaviour) => {
    const stub = await server([], behaviour);
    const said = await run(stub.url);
    expect(said.err).toMatch(message);
    expect(said).toMatchObject({ code, out: '' });
  });

  it('sends the API key of the environment, or of the file', async () => {
    const keys: (string | undefined)[] = [];
    const listener = createServer((request, response) => {
      keys.push(request.headers['api-key'] as string | undefined);
      response.writeHead(403).end();
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(listener.address() as { port: number }).port}`;
    const args = ['load', '--url', url, '--collection', 'c', '--queries', files.queries, '--rate', '5'];
    expect((await inProcess(args, { QDRANT_API_KEY: 'of-the-environment' })).code).toBe(3);
    writeFileSync(join(folder, 'key'), 'of-the-file\n');
    const said = await inProcess([...args, '--api-key-file', join(folder, 'key')], { QDRANT_API_KEY: 'other' });
    expect(said.err).not.toContain('of-the-file');
    expect([...new Set(keys)]).toEqual(['of-the-environment', 'of-the-file']);
    listener.close();
  });

  it.each([
    ['open', ['--rate', '50']],
    ['closed', ['--arrivals', 'Closed', '--concurrency', '2']],
  ])('prints nothing when interrupted: %s loop', async (_, how) => {
    const abort = new AbortController();
    let queries = 0;
    const stub = await server([
      ({ path }) => {
        if (path.endsWith('/query') && (queries += 1) === 210) abort.abort(new Error('interrupted'));
        return 'none';
      },
    ]);
    const args = ['load', '--url', stub.url, '--collection', 'c', '--queries', files.queries, ...how];
    const said = await inProcess([...args, '--limit', '5', '--duration', '1m'], {}, abort.signal);
    expect(said).toMatchObject({ code: 4, out: '' });
    expect(said.err).toContain('interrupted: nothing is printed');
  });

  it('explains itself', async () => {
    for (const args of [
      ['load', '--help'],
      ['help', 'load'],
    ]) {
      const said = await inProcess(args);
      expect(said).toMatchObject({ code: 0, err: '' });
      expect(said.out).toContain('--ground-truth FILE');
    }
    expect((await inProcess(['--output', 'json', 'load'])).err).toContain('options come after the command');
    expect((await inProcess(['--help'])).out).toContain('qdrant-bench load');
  });
});
