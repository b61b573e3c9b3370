import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { errorText, JobError } from './job-error.ts';
import { finalTurns } from './jobs/finals-job.ts';
import { runProcess, type ProcessPort } from './process.ts';
import {
  messageSchema,
  type FinalsJob,
  type Job,
  type LoadModel,
  type MeasureJob,
  type Message,
  type SearchMessage,
} from './protocol.ts';
import { localAccess } from './net/access.ts';
import { RestError } from './rest.ts';
import { failure, runJob } from './run-job.ts';
import { smallDataset, temporaryFolder } from './testing/fixtures.ts';
import { startStub, type Stub, type StubBehaviour } from './testing/stub-qdrant.ts';

const stubs: Stub[] = [];
afterEach(async () => {
  for (const stub of stubs.splice(0)) await stub.close();
});

async function stubWith(behaviour: Partial<StubBehaviour> = {}): Promise<Stub> {
  const stub = await startStub({ config: { hnsw_config: { m: 16 } }, ...behaviour });
  stubs.push(stub);
  return stub;
}

async function run(job: Job | string, signal = new AbortController().signal) {
  const messages: Message[] = [];
  const notes: string[] = [];
  const code = await runJob(typeof job === 'string' ? job : JSON.stringify(job), {
    publish: async (message) => void messages.push(messageSchema.parse(message)),
    note: (text) => notes.push(text),
    access: localAccess({}),
    signal,
  });
  const searches = messages.filter((message): message is SearchMessage => message.type === 'search');
  return { code, messages, notes, searches, last: messages.at(-1) };
}

/** Generous rules: here the machinery is tested, not the machine. Load itself is tested end to end. */
const rules = {
  recallMin: 0.9,
  latency: [],
  errorRateMax: 0,
  windowSeconds: 0.05,
  windowRequests: 10,
  warmupSeconds: 0.05,
  loadedSearches: 1,
};

function measureJob(url: string, datasetDir: string, changes: Partial<MeasureJob> = {}): MeasureJob {
  return {
    kind: 'Measure',
    run: 'r1',
    attempt: 1,
    seed: 1,
    endpoint: { url, collection: 'c', serverPid: process.pid },
    datasetDir,
    limit: 5,
    collectionBody: { hnsw_config: { m: 32 } },
    searches: [
      { id: 'default', search: {}, params: {}, load: 'Always' },
      { id: 'ef16', search: { 'params.hnsw_ef': 16 }, params: { hnsw_ef: 16 }, load: 'Boundary' },
      { id: 'ef32', search: { 'params.hnsw_ef': 32 }, params: { hnsw_ef: 32 }, load: 'Boundary' },
    ],
    rules,
    done: [],
    readyTimeoutSeconds: 20,
    ...changes,
  };
}

describe('a Prepare job', () => {
  it('publishes what it prepared, then done', async () => {
    await using folder = await temporaryFolder();
    const synthetic = { points: 100, dimensions: 4, queries: 10 };
    const { code, messages, last } = await run({
      kind: 'Prepare',
      dataset: { synthetic },
      limit: 3,
      cacheDir: folder.path,
    });
    expect(code).toBe(0);
    expect(last).toEqual({ type: 'done' });
    expect(messages.at(-2)).toMatchObject({
      type: 'prepared',
      points: 100,
      dimensions: 4,
      queries: 10,
      distance: 'Cosine',
    });
  });

  it("fails with the dataset's reason", async () => {
    await using folder = await temporaryFolder();
    const vectors = {
      base: { url: 'file:///none.fvecs' },
      queries: { url: 'file:///none.fvecs' },
      distance: 'Dot' as const,
    };
    const { code, last, notes } = await run({ kind: 'Prepare', dataset: { vectors }, limit: 3, cacheDir: folder.path });
    expect(code).toBe(1);
    expect(last).toMatchObject({ type: 'failed', reason: 'DatasetUnreachable' });
    expect(notes[0]).toMatch(/^DatasetUnreachable: file:\/\/\/none.fvecs/);
  });
});

describe('a Measure job', () => {
  it('makes payload indexes before the upload, and tells which settings are not in effect', async () => {
    await using folder = await temporaryFolder();
    const { dir } = await smallDataset(folder.path, { payload: [{ field: 'tenant', type: 'keyword' }] });
    const stub = await stubWith();
    const workload = {
      queries: [{ name: 'default', weight: 1 }],
      withPayload: false,
      payloadIndexes: [
        { field: 'tenant', type: 'keyword' as const, isTenant: true },
        { field: 'other', type: 'float' as const },
      ],
    };
    // A server that takes an index and does not have it afterwards.
    Object.defineProperty(stub.indexes, 'other', { get: () => undefined, set() {}, enumerable: false });
    const searches = [{ id: 'a', search: {}, params: {}, load: 'Boundary' as const }];
    const { code, messages } = await run(
      measureJob(stub.url, dir, { workload, searches, collectionBody: {}, rules: { ...rules, recallMin: 1 } }),
    );
    expect(code).toBe(0);
    const puts = stub.seen.filter((line) => line.startsWith('PUT '));
    expect(puts.slice(0, 3).map((line) => line.split('?')[0])).toEqual([
      'PUT /collections/c/index',
      'PUT /collections/c/index',
      'PUT /collections/c/points',
    ]);
    expect(stub.payloads.get(7)).toHaveProperty('tenant');
    expect(messages.find(({ type }) => type === 'built')).toMatchObject({
      ignored: ['payload index other: asked float, applied nothing'],
    });
  });

  it('builds, asks every search for its recall, loads those worth it, each published once', async () => {
    await using folder = await temporaryFolder();
    const { dir } = await smallDataset(folder.path);
    const stub = await stubWith({ memory: { disk_bytes: 4096 } });
    const { code, messages, searches } = await run(measureJob(stub.url, dir));
    expect(code).toBe(0);
    expect(stub.points.size).toBe(200);
    const built = messages.find(({ type }) => type === 'built');
    expect(built).toMatchObject({ segments: 1, indexedVectors: 200, ignored: ['hnsw_config.m: asked 32, applied 16'] });
    const names = (built as { metrics: { name: string }[] }).metrics.map(({ name }) => name);
    expect(names).toEqual(['uploadSeconds', 'searchableSeconds', 'indexedSeconds', 'stableSeconds', 'disk']);
    // The stand-in answers exactly: the narrowest beam is good enough, and the default is always loaded.
    expect(searches.map(({ id, stage }) => `${stage} ${id}`)).toEqual([
      'Recall default',
      'Recall ef16',
      'Recall ef32',
      'Load default',
      'Load ef16',
    ]);
    for (const { metrics } of searches) expect(metrics.find(({ name }) => name === 'recall')?.value).toBe(1);
    expect(searches[0]?.metrics.map(({ name }) => name)).toEqual([
      'recall',
      'serverCpuPerQuery',
      'clientCpuPerQuery',
      'serverTimeP50',
      'serverTimeP95',
      'serverTimeP99',
    ]);
    expect(searches[3]?.load?.requests).toBeGreaterThan(0);
    expect(messages.filter(({ type }) => type === 'done').length).toBe(1);
    const phases = new Set(messages.flatMap((message) => (message.type === 'progress' ? [message.phase] : [])));
    expect([...phases]).toEqual(['Uploading', 'Indexing', 'Recall', 'Loading']);
  });

  it.each<[string, LoadModel, RegExp]>([
    ['a given rate', { kind: 'Open', arrivals: 'Poisson', rate: 100, profile: 'Constant' }, /^open loop, 100\/s$/],
    [
      'a profile',
      { kind: 'Open', arrivals: 'Constant', rate: 200, profile: 'Steps' },
      /^open loop, 200\/s, constant arrivals, Steps$/,
    ],
    ['clients that wait', { kind: 'Closed', concurrency: 2 }, /^closed loop, 2 clients$/],
  ])('offers %s once, and labels what comes of it', async (_, load, source) => {
    await using folder = await temporaryFolder();
    const { dir } = await smallDataset(folder.path);
    const stub = await stubWith();
    const { code, searches, messages } = await run(measureJob(stub.url, dir, { rules: { ...rules, load } }));
    expect(code).toBe(0);
    const loaded = searches.filter(({ stage }) => stage === 'Load');
    expect(loaded.map(({ id }) => id)).toEqual(['default', 'ef16']);
    for (const { metrics, load: told, limited } of loaded) {
      expect(told?.kind).toBe(load.kind);
      expect(told?.bracket).toBeUndefined();
      // A busy machine may spoil it; then it says so, and has no number.
      if (limited) {
        expect(['ClientLimited', 'NoSustainableRate', 'Unstable']).toContain(limited.reason);
        continue;
      }
      const by = new Map(metrics.map((metric) => [metric.name, metric]));
      expect(by.get('throughput')?.source).toMatch(source);
      expect(by.get('latencyP95')?.source).toMatch(source);
      expect(by.get('throughput')?.value).toBeGreaterThan(0);
      expect(by.get('recall')).toMatchObject({ value: 1 });
      expect(by.get('recall')?.source).toBeUndefined();
    }
    const seen = messages.flatMap((message) => (message.type === 'series' ? [message.search] : []));
    expect(new Set(seen)).toEqual(new Set(['default', 'ef16']));
  });

  it('does not measure again what an earlier attempt committed, but loads what it did not get to', async () => {
    await using folder = await temporaryFolder();
    const { dir } = await smallDataset(folder.path);
    const stub = await stubWith();
    const { code, searches } = await run(
      measureJob(stub.url, dir, {
        done: [
          { id: 'default', stage: 'Load', recall: 1 },
          { id: 'ef16', stage: 'Recall', recall: 0.5 },
          { id: 'ef32', stage: 'Recall', recall: 0.99 },
        ],
      }),
    );
    expect(code).toBe(0);
    expect(searches.map(({ id, stage }) => `${stage} ${id}`)).toEqual(['Load ef32']);
  });

  it("says that a search is refused, in the server's words, and goes on", async () => {
    await using folder = await temporaryFolder();
    const { dir } = await smallDataset(folder.path);
    let queries = 0;
    const stub = await stubWith({
      faults: [
        ({ path }) => {
          if (!path.endsWith('/query')) return 'none';
          queries += 1;
          return queries <= 41 ? { status: 400, body: '{"status":{"error":"hnsw_ef: too small"}}' } : 'none';
        },
      ],
    });
    const { code, searches } = await run(
      measureJob(stub.url, dir, { searches: measureJob('', '').searches.slice(0, 2) }),
    );
    expect(code).toBe(0);
    expect(searches[0]?.limited).toMatchObject({
      reason: 'ServerErrors',
      message: /^20 of 20 queries failed \(http400 20\).*hnsw_ef: too small/,
    });
    expect(searches[0]?.metrics.find(({ name }) => name === 'errorRate')?.value).toBe(1);
    expect(searches.map(({ id, stage }) => `${stage} ${id}`)).toEqual(['Recall default', 'Recall ef16', 'Load ef16']);
  });

  it.each<[string, Partial<StubBehaviour>, string, RegExp]>([
    [
      'a collection that is missing',
      { faults: [() => ({ status: 404, body: '{"status":{"error":"Not found: c"}}' })] },
      'BuildFailed',
      /Not found: c/,
    ],
    ['a forbidden one', { faults: [() => ({ status: 403, body: 'forbidden' })] }, 'TargetUnreachable', /forbidden/],
    [
      'a refused upload',
      { faults: [({ method }) => (method === 'PUT' ? { status: 400, body: 'dimension error' } : 'none')] },
      'BuildFailed',
      /dimension error/,
    ],
    ['a failed optimizer', { statuses: ['red'] }, 'BuildFailed', /status red/],
    [
      'a server that dies',
      { faults: [({ path }) => (path.endsWith('/query') ? { status: 0, hangUp: true } : 'none')] },
      'TargetUnreachable',
      /does not answer queries any more/,
    ],
  ])('fails for %s', async (_, behaviour, reason, message) => {
    await using folder = await temporaryFolder();
    const { dir } = await smallDataset(folder.path);
    const stub = await stubWith(behaviour);
    const { code, last } = await run(measureJob(stub.url, dir));
    expect(code).toBe(1);
    expect(last).toMatchObject({ type: 'failed', reason, message });
  });

  it.each<[string, (stub: Stub) => void, string, RegExp]>([
    [
      'is deleted',
      ({ behaviour }) => behaviour.faults.push(() => ({ status: 404, body: '{"status":{"error":"Not found: c"}}' })),
      'Disrupted',
      /was deleted while it was measured/,
    ],
    ['loses points', ({ points }) => points.delete(0), 'Disrupted', /holds 199 points .* 200 were put there/],
    [
      'is locked away',
      ({ behaviour }) => behaviour.faults.push(() => ({ status: 403, body: 'forbidden' })),
      'TargetUnreachable',
      /forbidden/,
    ],
  ])('publishes nothing of a collection that %s while it is measured', async (_, disturb, reason, message) => {
    await using folder = await temporaryFolder();
    const { dir } = await smallDataset(folder.path);
    let queries = 0;
    const stub: Stub = await stubWith({
      faults: [
        ({ path }) => {
          if (path.endsWith('/query') && (queries += 1) === 30) disturb(stub);
          return 'none';
        },
      ],
    });
    const { code, last, searches } = await run(measureJob(stub.url, dir));
    expect(code).toBe(1);
    expect(last).toMatchObject({ type: 'failed', reason, message });
    expect(searches).toEqual([]);
  });

  it('tells named queries apart, writes beside them, and leaves the collection as it was', async () => {
    await using folder = await temporaryFolder();
    const { dir } = await smallDataset(folder.path);
    const stub = await stubWith();
    const workload: MeasureJob['workload'] = {
      queries: [
        { name: 'often', weight: 3 },
        { name: 'seldom', weight: 1 },
      ],
      withPayload: true,
      payloadIndexes: [],
      writes: { upserts: { rate: 200, batch: 4 }, deletes: { rate: 50 } },
    };
    const { code, last, searches, messages } = await run(
      measureJob(stub.url, dir, {
        workload,
        searches: measureJob('', '').searches.slice(0, 1),
        rules: { ...rules, windowSeconds: 0.3, recallPerQuery: true },
      }),
    );
    expect([code, last]).toEqual([0, { type: 'done' }]);
    const [recalled, loaded] = searches;
    const named = (message: SearchMessage | undefined, name: string) =>
      message?.metrics.filter((metric) => metric.name === name).map(({ query, value }) => [query, value]);
    for (const message of [recalled, loaded]) {
      expect(named(message, 'recall')).toEqual([
        [undefined, 1],
        ['often', 1],
        ['seldom', 1],
      ]);
    }
    expect(named(recalled, 'serviceP95')?.map(([query]) => query)).toEqual(['often', 'seldom']);
    expect(stub.points.size).toBe(200);
    const written = stub.seen.filter((request) => request.includes('wait=false'));
    expect(written.filter((request) => request.startsWith('PUT')).length).toBeGreaterThan(10);
    expect(written.filter((request) => request.startsWith('POST')).length).toBeGreaterThan(2);
    const series = messages.filter(({ type }) => type === 'series');
    expect(series.length).toBeGreaterThan(0);
    // A busy machine may spoil the load; then no figure of it is published.
    if (loaded?.limited) return;
    expect(named(loaded, 'latencyP95')?.map(([query]) => query)).toEqual([undefined, 'often', 'seldom']);
    for (const name of [
      'upsertRate',
      'upsertP95',
      'deleteRate',
      'deleteServiceP50',
      'freshnessP95',
      'freshnessSinceSentP50',
    ]) {
      expect(named(loaded, name)?.map(([query]) => query)).toEqual([undefined]);
    }
    expect(Object.keys(loaded?.load?.histograms ?? {})).toEqual([
      'response',
      'service',
      'lateness',
      'response/often',
      'service/often',
      'response/seldom',
      'service/seldom',
      'upserts/response',
      'upserts/service',
      'deletes/response',
      'deletes/service',
      'freshness',
    ]);
  });

  it('refuses a collection that is not empty, a dataset that is gone, and one prepared for fewer hits', async () => {
    await using folder = await temporaryFolder();
    const { dir } = await smallDataset(folder.path);
    const stub = await stubWith();
    expect((await run(measureJob(stub.url, join(folder.path, 'none')))).last).toMatchObject({
      reason: 'DatasetChanged',
    });
    expect((await run(measureJob(stub.url, dir, { limit: 6 }))).last).toMatchObject({
      reason: 'DatasetChanged',
      message: /prepared for limit 5, asked is 6/,
    });
    expect((await run(measureJob(stub.url, dir))).last).toMatchObject({
      reason: 'BuildFailed',
      message: /holds 200 points, expected none/,
    });
  });

  it('ends without another word when told to', async () => {
    await using folder = await temporaryFolder();
    const { dir } = await smallDataset(folder.path);
    const stub = await stubWith({ statuses: ['yellow'] });
    const abort = new AbortController();
    const running = run(measureJob(stub.url, dir), abort.signal);
    while (!stub.seen.some((line) => line.startsWith('PUT'))) await new Promise((resolve) => setTimeout(resolve, 1));
    abort.abort(new Error('enough'));
    const { code, messages } = await running;
    expect(code).toBe(143);
    expect(messages.every(({ type }) => type === 'progress')).toBe(true);
  });
});

describe('a Finals job', () => {
  it('alternates the order of the arms and skips what is done', () => {
    const arm = (name: string) => ({ ids: [`${name}1`, `${name}2`, `${name}3`] }) as FinalsJob['arms'][number];
    const turns = finalTurns({ arms: [arm('a'), arm('b')], repeats: 4, done: ['b2'] });
    expect(turns.map(({ id, repeat }) => `${id}:${repeat}`)).toEqual(['a1:1', 'b1:1', 'a2:2', 'a3:3', 'b3:3']);
  });

  it('measures each arm as often as asked', async () => {
    await using folder = await temporaryFolder();
    const { dir, dataset } = await smallDataset(folder.path);
    const stub = await stubWith();
    for (let row = 0; row < 200; row += 1)
      stub.points.set(
        row,
        Array.from({ length: 8 }, () => row),
      );
    dataset.close();
    const arm = (run: string) => ({
      run,
      endpoint: { url: stub.url, collection: run },
      search: {},
      params: {},
      ids: [`${run}1`, `${run}2`],
      startRate: 50,
    });
    const { code, searches } = await run({
      kind: 'Finals',
      seed: 1,
      datasetDir: dir,
      limit: 5,
      rules,
      repeats: 2,
      arms: [arm('a'), arm('b')],
      done: [],
    });
    expect(code).toBe(0);
    expect(searches.map(({ id, run: build, repeat, stage }) => `${stage} ${id} ${build} ${repeat}`)).toEqual([
      'Final a1 a 1',
      'Final b1 b 1',
      'Final b2 b 2',
      'Final a2 a 2',
    ]);
  });

  it('looks where recall was measured at for the rate of an arm that nobody knows one of', async () => {
    await using folder = await temporaryFolder();
    const { dir, dataset } = await smallDataset(folder.path);
    const stub = await stubWith();
    for (let row = 0; row < 200; row += 1) stub.points.set(row, Array<number>(8).fill(row));
    dataset.close();
    const { code, messages } = await run({
      kind: 'Finals',
      seed: 1,
      datasetDir: dir,
      limit: 5,
      rules,
      repeats: 1,
      arms: [{ run: 'a', endpoint: { url: stub.url, collection: 'a' }, search: {}, params: {}, ids: ['a1'] }],
      done: [],
    });
    expect(code).toBe(0);
    // At the 1/s of a first guess in the dark, a window of ten requests would last ten seconds, one of a thousand hours.
    const rates = messages.flatMap((message) => (message.type === 'series' ? [message.offeredRate] : []));
    expect(Math.min(...rates)).toBeGreaterThan(10);
  });
});

describe('runJob', () => {
  it('refuses what is no job', async () => {
    expect((await run('{')).last).toMatchObject({
      type: 'failed',
      reason: 'Internal',
      message: /^the job is not JSON/,
    });
    expect((await run('{"kind":"Dance"}')).last).toMatchObject({
      reason: 'Internal',
      message: /^the job is not valid/,
    });
  });

  it("tells a server's refusal from silence and from a fault of ours", () => {
    expect(failure(new RestError(0, 'no answer')).reason).toBe('TargetUnreachable');
    expect(failure(new RestError(401, 'key')).reason).toBe('TargetUnreachable');
    expect(failure(new RestError(422, 'bad')).reason).toBe('BuildFailed');
    expect(failure(new JobError('Disrupted', 'x')).reason).toBe('Disrupted');
    expect(failure(new TypeError('oops'))).toEqual({ type: 'failed', reason: 'Internal', message: 'oops' });
    expect(errorText('plain')).toBe('plain');
    expect(errorText(new Error('a', { cause: new Error('b') }))).toBe('a: b');
    expect(errorText(Object.assign(new Error(''), { code: 'ECONNREFUSED' }))).toBe('ECONNREFUSED');
    expect(errorText(new TypeError(''))).toBe('TypeError');
  });
});

describe('the process', () => {
  const quiet = { info: () => undefined, error: () => undefined };

  function port(overrides: Partial<ProcessPort> = {}) {
    const events = new EventEmitter();
    const stdin = new PassThrough();
    const stdout = new PassThrough();
    const made: ProcessPort = {
      argv: ['node', 'main.ts'],
      env: {},
      stdin,
      stdout,
      on: events.on.bind(events),
      ...overrides,
    };
    return { port: made, events, stdin, stdout };
  }

  it('reads the job from standard input or a file and writes lines', async () => {
    await using folder = await temporaryFolder();
    const job = JSON.stringify({
      kind: 'Prepare',
      dataset: { synthetic: { points: 100, dimensions: 4, queries: 10 } },
      limit: 3,
      cacheDir: folder.path,
    });
    const piped = port();
    piped.stdin.end(job);
    expect(await runProcess(piped.port, quiet)).toBe(0);
    expect(String(piped.stdout.read()).trim().split('\n').at(-1)).toBe('{"type":"done"}');
    const path = join(folder.path, 'job.json');
    await writeFile(path, job);
    expect(await runProcess(port({ argv: ['node', 'main.ts', path] }).port, quiet)).toBe(0);
  });

  it('says that the job cannot be read', async () => {
    const errors: string[] = [];
    const log = { ...quiet, error: (text: string) => void errors.push(text) };
    expect(await runProcess(port({ argv: ['node', 'main.ts', '/nonexistent'] }).port, log)).toBe(1);
    const long = port();
    const chunk = Buffer.alloc(4 * 2 ** 20, 32);
    for (let i = 0; i < 5; i += 1) long.stdin.write(chunk);
    long.stdin.end();
    expect(await runProcess(long.port, log)).toBe(1);
    expect(errors[0]).toMatch(/^the job could not be read: ENOENT/);
    expect(errors[1]).toMatch(/longer than 16777216 bytes/);
  });

  it.each<[string, (made: ReturnType<typeof port>) => void]>([
    ['SIGTERM', ({ events }) => void events.emit('SIGTERM')],
    ['the parent is gone', ({ events }) => void events.emit('disconnect')],
    ['standard input ends', ({ stdin }) => void stdin.end()],
    ['nobody reads', ({ stdout }) => void stdout.emit('error', new Error('EPIPE'))],
  ])('ends when %s', async (_, stop) => {
    await using folder = await temporaryFolder();
    const { dir } = await smallDataset(folder.path);
    const stub = await stubWith({ statuses: ['yellow'] });
    const path = join(folder.path, 'job.json');
    await writeFile(path, JSON.stringify(measureJob(stub.url, dir)));
    const made = port({ argv: ['node', 'main.ts', path], env: { QDRANT_BENCH_WATCH_STDIN: '1' } });
    const running = runProcess(made.port, quiet);
    while (!stub.seen.some((line) => line.startsWith('PUT'))) await new Promise((resolve) => setTimeout(resolve, 1));
    stop(made);
    expect(await running).toBe(143);
  });

  it('is a program that plain Node starts and SIGTERM ends', async () => {
    await using folder = await temporaryFolder();
    const { dir } = await smallDataset(folder.path);
    const stub = await stubWith({ statuses: ['yellow'] });
    const main = join(import.meta.dirname, 'main.ts');
    const child = spawn(process.execPath, [main], { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin.end(JSON.stringify(measureJob(stub.url, dir)));
    child.stdout.resume();
    const log: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => log.push(chunk));
    while (!stub.seen.some((line) => line.startsWith('PUT'))) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(143);
    expect(JSON.parse(Buffer.concat(log).toString().trim().split('\n')[0] as string)).toMatchObject({
      name: 'loadgen',
      msg: 'stopping: asked by SIGTERM',
    });
  });
});
