import { execFile, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quiet, startBusServer, type BusServer } from '../../dev/nats/testing/bus-server.ts';
import type { JobAddress } from '../../operator/bus/subjects.ts';
import { PeerLink } from '../peers/link.ts';
import type { Message } from '../protocol.ts';
import { smallDataset, temporaryFolder } from '../testing/fixtures.ts';
import { startStub } from '../testing/stub-qdrant.ts';
import { LatencyHistogram } from '../load/histogram.ts';
import { ConfigError, idsOf, readConfig } from './config.ts';
import { connectPublisher, HandoverError } from './nats-publisher.ts';
import { runPod, type PodTimes } from './pod-process.ts';

let nats: BusServer;
beforeAll(async () => {
  nats = await startBusServer();
  await nats.bus().ready(AbortSignal.timeout(20_000));
});
afterAll(() => nats.stop());

const MAIN = join(import.meta.dirname, 'main.ts');
const soon = (): Date => new Date(Date.now() + 600_000);
const prepareJob = (cacheDir: string, points = 200) => ({
  kind: 'Prepare',
  dataset: { synthetic: { points, dimensions: 8, queries: 10 } },
  limit: 3,
  cacheDir,
});

/** Starts the entry point as a Job's container would; ends with its exit code and what it logged. */
function start(argv: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [MAIN, ...argv], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  const ended = once(child, 'close').then(([code]) => ({
    code: code as number,
    log: text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>),
  }));
  return { child, ended, log: () => text };
}

/** A folder with job and credentials, and the environment that names them. */
async function podFiles(folder: string, address: JobAddress, job: unknown) {
  const [jobPath, creds] = [join(folder, 'job.json'), join(folder, 'nats.creds')];
  await writeFile(jobPath, JSON.stringify(job));
  await writeFile(creds, await nats.bus().credentials(address, soon()));
  return {
    jobPath,
    env: {
      PATH: process.env['PATH'] ?? '',
      QDRANT_BENCH_NATS_URL: nats.server.url,
      QDRANT_BENCH_NATS_CREDS: creds,
      QDRANT_BENCH_NAMESPACE: address.namespace,
      QDRANT_BENCH_JOB: address.job,
      QDRANT_BENCH_POD_UID: '5f0e6c3a-1111-2222-3333-444455556666',
    },
  };
}

describe('the pod', () => {
  it('prepares a dataset and says so over NATS', async () => {
    await using folder = await temporaryFolder();
    const address = { namespace: 'pods', job: 'prepare' };
    const { jobPath, env } = await podFiles(folder.path, address, prepareJob(folder.path));
    const pod = start([jobPath], { ...env, QDRANT_BENCH_SWEEP: 'quickstart' });
    const messages: Message[] = [];
    const final = await nats.bus().consume(address, {
      onMessage: async (message) => void messages.push(message),
      signal: AbortSignal.timeout(30_000),
    });
    expect(final).toEqual({ type: 'done' });
    const results = messages.filter(({ type }) => type !== 'progress');
    expect(results).toEqual([
      expect.objectContaining({ type: 'prepared', points: 200, dimensions: 8, queries: 10 }),
      { type: 'done' },
    ]);
    const { code, log } = await pod.ended;
    expect(code).toBe(0);
    expect(log[0]).toMatchObject({
      name: 'loadgen',
      ...address,
      sweep: 'quickstart',
      kind: 'Prepare',
      msg: 'starting',
    });
  });

  it('measures a build, and hands over each search', async () => {
    await using folder = await temporaryFolder();
    const { dir } = await smallDataset(folder.path);
    const stub = await startStub({ config: { hnsw_config: { m: 16 } } });
    const address = { namespace: 'pods', job: 'measure' };
    const { jobPath, env } = await podFiles(folder.path, address, {
      kind: 'Measure',
      run: 'r1',
      attempt: 2,
      seed: 1,
      endpoint: { url: stub.url, collection: 'c', own: true },
      // Where it may not, it goes on without.
      isolation: { serverCores: [0], clientCores: [1] },
      datasetDir: dir,
      limit: 5,
      collectionBody: {},
      searches: [{ id: 'default', search: {}, params: {}, load: 'Always' }],
      rules: {
        recallMin: 0.9,
        latency: [],
        errorRateMax: 0,
        windowSeconds: 0.05,
        windowRequests: 10,
        warmupSeconds: 0.05,
        loadedSearches: 1,
      },
      done: [],
      readyTimeoutSeconds: 20,
    });
    const pod = start([jobPath], env);
    const messages: Message[] = [];
    await nats.bus().consume(address, {
      onMessage: async (message) => void messages.push(message),
      signal: AbortSignal.timeout(50_000),
    });
    expect((await pod.ended).code).toBe(0);
    const results = messages.filter(({ type }) => type !== 'progress' && type !== 'series');
    expect(results.map((message) => (message.type === 'search' ? message.stage : message.type))).toEqual([
      'built',
      'Recall',
      'Load',
      'done',
    ]);
    expect((await pod.ended).log[0]).toMatchObject({ run: 'r1', attempt: 2, kind: 'Measure' });
    await stub.close();
  });

  const shared = (url: string, datasetDir: string, windowSeconds: number) => ({
    kind: 'Measure',
    run: 'r1',
    attempt: 1,
    seed: 1,
    pods: 2,
    endpoint: { url, collection: 'c', own: true },
    datasetDir,
    limit: 5,
    collectionBody: {},
    searches: [{ id: 'default', search: {}, params: {}, load: 'Always' }],
    rules: {
      load: { kind: 'Open', arrivals: 'Constant', rate: 60, profile: 'Constant' },
      recallMin: 0.9,
      latency: [],
      errorRateMax: 0,
      windowSeconds,
      windowRequests: 1,
      warmupSeconds: 0.2,
      loadedSearches: 1,
    },
    done: [],
    readyTimeoutSeconds: 20,
  });

  it('shares a window with another pod of its job: one leads, both offer, what they measured is one', async () => {
    await using folder = await temporaryFolder();
    const { dir } = await smallDataset(folder.path);
    const stub = await startStub();
    const address = { namespace: 'pods', job: 'shared' };
    const { jobPath, env } = await podFiles(folder.path, address, shared(stub.url, dir, 3));
    const pods = [0, 1].map((index) =>
      start([jobPath], { ...env, QDRANT_BENCH_PODS: '2', JOB_COMPLETION_INDEX: String(index) }),
    );
    const messages: Message[] = [];
    await nats.bus().consume(address, {
      onMessage: async (message) => void messages.push(message),
      signal: AbortSignal.timeout(50_000),
    });
    for (const { code, log } of await Promise.all(pods.map(({ ended }) => ended))) {
      expect(code).toBe(0);
      expect(log.map(({ msg }) => msg)).toContain('starting');
    }
    expect((await Promise.all(pods.map(({ ended }) => ended))).map(({ log }) => log[0]?.pod)).toEqual([0, 1]);
    const results = messages.filter(({ type }) => type !== 'progress' && type !== 'series');
    expect(results.map(({ type }) => type)).toEqual(['built', 'search', 'search', 'done']);
    const loaded = results[2] as Extract<Message, { type: 'search' }>;
    // What a busy machine spoils says so, and why.
    if (loaded.limited)
      expect(['StartSkew', 'ClientLimited', 'Unstable', 'NoSustainableRate']).toContain(loaded.limited.reason);
    // 3.2 s at 60/s: neither pod alone could have asked so many. A skewed window is asked again.
    expect(loaded.load?.requests).toBeGreaterThanOrEqual(192);
    expect((loaded.load?.requests ?? 0) % 192).toBe(0);
    if (!loaded.limited) {
      const response = LatencyHistogram.decode(loaded.load?.histograms?.response as string);
      expect(response.count).toBe(180);
      expect(loaded.load).toMatchObject({ kind: 'Open', offeredRate: 60 });
    }
    await stub.close();
  });

  it('ends Disrupted when another pod of its job dies under the load', async () => {
    await using folder = await temporaryFolder();
    const { dir } = await smallDataset(folder.path);
    const stub = await startStub();
    const address = { namespace: 'pods', job: 'lost' };
    const { jobPath, env } = await podFiles(folder.path, address, shared(stub.url, dir, 30));
    const other = start([jobPath], { ...env, QDRANT_BENCH_PODS: '2', JOB_COMPLETION_INDEX: '1' });
    const out = new PassThrough();
    out.resume();
    const leading = runPod(
      {
        argv: ['node', 'main.ts', jobPath],
        env: { ...env, QDRANT_BENCH_PODS: '2', JOB_COMPLETION_INDEX: '0' },
        stdout: out,
        on: () => undefined,
      },
      { silence: 3000 },
    );
    const loading = Promise.withResolvers<void>();
    const searches: Message[] = [];
    const ended = nats.bus().consume(address, {
      onMessage: async (message) => {
        if (message.type === 'search') searches.push(message);
        if (message.type === 'search' && message.stage === 'Recall') loading.resolve();
      },
      signal: AbortSignal.timeout(50_000),
    });
    await loading.promise;
    // Once more is asked, both are at it.
    const before = stub.seen.length;
    while (stub.seen.length < before + 20) await sleep(20);
    other.child.kill('SIGKILL');
    expect(await ended).toMatchObject({
      type: 'failed',
      reason: 'Disrupted',
      message: expect.stringMatching(/^load generator 1 has been silent for \d+ s/) as string,
    });
    expect(await leading).toBe(1);
    expect(searches).toHaveLength(1);
    await stub.close();
  });

  it('says why a job failed', async () => {
    await using folder = await temporaryFolder();
    const address = { namespace: 'pods', job: 'failing' };
    const { jobPath, env } = await podFiles(folder.path, address, { kind: 'Dance', run: 'r1', attempt: 2 });
    const { code, log } = await start([jobPath], env).ended;
    expect(code).toBe(1);
    expect(log[0]).toMatchObject({ run: 'r1', attempt: 2 });
    const final = await nats.bus().consume(address, {
      onMessage: async () => undefined,
      signal: AbortSignal.timeout(10_000),
    });
    expect(final).toMatchObject({ type: 'failed', reason: 'Internal', message: /the job is not valid/ });
  });

  it('goes to no address but those it was allowed, and reads no file of its own', async () => {
    await using folder = await temporaryFolder();
    const stub = await startStub();
    const files = { queries: { url: 'file:///etc/passwd' }, distance: 'Euclid' };
    const prepare = (url: string) => ({
      kind: 'Prepare',
      dataset: { vectors: { base: { url, format: 'fvecs' }, ...files } },
      limit: 3,
      cacheDir: folder.path,
    });
    const run = async (name: string, url: string, more: Record<string, string> = {}) => {
      const address = { namespace: 'pods', job: name };
      const { jobPath, env } = await podFiles(folder.path, address, prepare(url));
      const { code } = await start([jobPath], { ...env, ...more }).ended;
      const final = await nats.bus().consume(address, {
        onMessage: async () => undefined,
        signal: AbortSignal.timeout(10_000),
      });
      return { code, final };
    };
    const loopback = `${stub.url}/x.fvecs`;
    expect(await run('inside', loopback)).toMatchObject({
      code: 1,
      final: { reason: 'DatasetUnreachable', message: expect.stringContaining('the address is loopback') as string },
    });
    expect(await run('allowed', loopback, { QDRANT_BENCH_ADDRESSES_ALLOW: '127.0.0.0/8,data.example' })).toMatchObject({
      final: { message: expect.stringContaining('HTTP 404') as string },
    });
    expect(await run('file', 'file:///etc/passwd')).toMatchObject({
      final: { message: expect.stringContaining('here are no such files') as string },
    });
    expect(stub.seen).toHaveLength(1);
    await stub.close();
  });

  it('ends on SIGTERM without a word', async () => {
    await using folder = await temporaryFolder();
    const address = { namespace: 'pods', job: 'stopped' };
    const { jobPath, env } = await podFiles(folder.path, address, prepareJob(folder.path, 2_000_000));
    const pod = start([jobPath], env);
    const begun = Promise.withResolvers<void>();
    const stop = new AbortController();
    const results: Message[] = [];
    const reading = nats.bus().consume(address, {
      onMessage: async (message) => {
        if (message.type === 'progress') begun.resolve();
        else results.push(message);
      },
      signal: stop.signal,
    });
    await begun.promise;
    pod.child.kill('SIGTERM');
    expect((await pod.ended).code).toBe(143);
    expect(await nats.bus().hasFinal(address)).toBe(false);
    stop.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    expect(results).toEqual([]);
  });

  it('hands its result over after NATS was away', async () => {
    await using folder = await temporaryFolder();
    const address = { namespace: 'pods', job: 'patient' };
    const { jobPath, env } = await podFiles(folder.path, address, prepareJob(folder.path));
    await nats.server.kill();
    const pod = start([jobPath], env);
    while (!pod.log().includes('NATS is not reachable')) await sleep(20);
    await nats.server.restart();
    expect((await pod.ended).code).toBe(0);
    expect(await nats.bus().hasFinal(address)).toBe(true);
  });

  it('goes on with the other pods of its job after NATS was away', async () => {
    const address = { namespace: 'pods', job: 'apart' };
    const made = await Promise.all([0, 1].map(() => nats.publisher(address)));
    const links = made.map(
      (publisher, pod) => new PeerLink({ wire: publisher.wire(pod), pod, pods: 2, silence: 4000, beat: 50 }),
    );
    const [first, second] = links as [PeerLink, PeerLink];
    try {
      await Promise.all(links.map((link) => link.joined(AbortSignal.timeout(10_000))));
      await nats.server.kill();
      // Said into the void, more than once, for longer than they may be silent.
      await sleep(500);
      second.send(0, { told: 'x'.repeat(500_000) });
      await sleep(5000);
      const heard = Promise.withResolvers<unknown>();
      first.onMessage((from, message) => heard.resolve([from, message]));
      await nats.server.restart();
      expect(await first.whileAllLive(heard.promise)).toEqual([1, { told: 'x'.repeat(500_000) }]);
      expect((await first.clockOffset(1)).uncertainty).toBeLessThan(Infinity);
    } finally {
      for (const link of links) link.close();
    }
  });

  it.each([
    [{ QDRANT_BENCH_PODS: '0' }, /^QDRANT_BENCH_PODS is "0": expected a whole number from 1 to 64$/],
    [
      { QDRANT_BENCH_PODS: '2', JOB_COMPLETION_INDEX: '2' },
      /^JOB_COMPLETION_INDEX is "2": expected a whole number from 0 to 1$/,
    ],
    [{ QDRANT_BENCH_PODS: '2' }, /^JOB_COMPLETION_INDEX is not set/],
    [{ QDRANT_BENCH_PODS: '1e3' }, /^QDRANT_BENCH_PODS is "1e3"/],
  ])('does not start as one of several when it is not told which: %j', async (more, message) => {
    await using folder = await temporaryFolder();
    const { jobPath, env } = await podFiles(folder.path, { namespace: 'pods', job: 'which' }, {});
    await expect(readConfig(['node', 'main.ts', jobPath], { ...env, ...more })).rejects.toThrow(message);
    expect(await readConfig(['node', 'main.ts', jobPath], env)).toMatchObject({ pod: 0, pods: 1 });
  });

  it('tells wrong configuration by its exit code', async () => {
    await using folder = await temporaryFolder();
    const address = { namespace: 'pods', job: 'wrong' };
    const { jobPath, env } = await podFiles(folder.path, address, prepareJob(folder.path));
    const { QDRANT_BENCH_JOB: _, ...missing } = env;
    const { code, log } = await start([jobPath], missing).ended;
    expect(code).toBe(64);
    expect(log.at(-1)?.msg).toMatch(/^QDRANT_BENCH_JOB is not set/);
    const expired = join(folder.path, 'expired.creds');
    const creds = await nats.bus().credentials(address, new Date(Date.now() + 100));
    await writeFile(expired, creds);
    await sleep(2000);
    const refused = await start([jobPath], { ...env, QDRANT_BENCH_NATS_CREDS: expired }).ended;
    expect(refused.code).toBe(64);
    expect(refused.log.at(-1)?.msg).toMatch(/refuses the credentials of this job/);
    // No seed, no token in the log.
    expect(JSON.stringify(refused.log)).not.toMatch(/SU[A-Z2-7]{56}|eyJ/);
  });

  it('explains itself', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, '--help']);
    expect(stdout).toContain('QDRANT_BENCH_NATS_CREDS');
    expect(stdout).toMatch(/64 +wrongly configured/);
  });
});

describe('the process', () => {
  /** In this process, so that its times can be set. */
  async function runHere(argv: readonly string[], env: Readonly<Record<string, string>>, times: PodTimes) {
    const stdout = new PassThrough();
    const events = new EventEmitter();
    const code = runPod({ argv: ['node', 'main.ts', ...argv], env, stdout, on: events.on.bind(events) }, times);
    return { code: await code, log: String(stdout.read()) };
  }

  it('ends with 69 when NATS is not reached in time, or does not take the result in time', async () => {
    await using folder = await temporaryFolder();
    const address = { namespace: 'pods', job: 'unavailable' };
    const { jobPath, env } = await podFiles(folder.path, address, prepareJob(folder.path));
    const nowhere = { ...env, QDRANT_BENCH_NATS_URL: 'nats://127.0.0.1:1' };
    const unreached = await runHere([jobPath], nowhere, { connectSeconds: 0.1 });
    expect(unreached.code).toBe(69);
    expect(unreached.log).toContain('was not reached in time');
    // NATS goes away while it works; then it has nobody to tell.
    const worked = await podFiles(folder.path, address, prepareJob(folder.path, 30_000));
    const running = runHere([worked.jobPath], env, { handoverSeconds: 0.5 });
    const begun = new AbortController();
    const onMessage = async (): Promise<void> => begun.abort();
    await nats
      .bus()
      .consume(address, { onMessage, signal: begun.signal })
      .catch(() => undefined);
    await nats.server.kill();
    try {
      expect(await running).toMatchObject({ code: 69, log: expect.stringContaining('did not take') as string });
    } finally {
      await nats.server.restart();
    }
  });

  it('explains itself', async () => {
    expect(await runHere(['-h'], {}, {})).toMatchObject({ code: 0, log: expect.stringContaining('143') as string });
  });
});

describe('the configuration', () => {
  const env = {
    QDRANT_BENCH_NATS_URL: 'nats://nats:4222',
    QDRANT_BENCH_NATS_CREDS: '/nonexistent',
    QDRANT_BENCH_NAMESPACE: 'n',
    QDRANT_BENCH_JOB: 'j',
    QDRANT_BENCH_POD_UID: 'u',
  };

  it.each<[string, Record<string, string>, string[], RegExp]>([
    ['no job file', {}, [], /the path of the job file is missing/],
    ['a missing job file', {}, ['/nonexistent'], /the job file \/nonexistent cannot be read: ENOENT/],
    ['another scheme', { QDRANT_BENCH_NATS_URL: 'http://nats' }, ['x'], /expected nats:\/\/host:port/],
    ['a URL with a password', { QDRANT_BENCH_NATS_URL: 'nats://me:hush@nats' }, ['x'], /^(?!.*hush).*without cred/],
    ['a job that is two tokens', { QDRANT_BENCH_JOB: 'a.b' }, ['x'], /job "a\.b" is no DNS label/],
    ['a range that is none', { QDRANT_BENCH_ADDRESSES_DENY: '10.0.0.0/8,x' }, ['x'], /_DENY: "x" is no range/],
    ['a UID that is none', { QDRANT_BENCH_POD_UID: 'a>' }, ['x'], /pod UID "a>"/],
  ])('is refused for %s', async (_, changes, argv, why) => {
    const error = await readConfig(['node', 'main.ts', ...argv], { ...env, ...changes }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toMatch(why);
  });

  it('bounds the files', async () => {
    await using folder = await temporaryFolder();
    const [job, creds] = [join(folder.path, 'job'), join(folder.path, 'creds')];
    await writeFile(job, '{}');
    await writeFile(creds, 'x'.repeat(65_537));
    const reading = readConfig(['node', 'main.ts', job], { ...env, QDRANT_BENCH_NATS_CREDS: creds });
    await expect(reading).rejects.toThrow(/65537 bytes, at most 65536/);
  });

  it('reads ids for the log from any text', () => {
    expect(idsOf('{"kind":"Measure","run":"r","attempt":3}')).toEqual({ kind: 'Measure', run: 'r', attempt: 3 });
    for (const text of ['', 'null', '{"run":[]}', '[]']) expect(idsOf(text)).toEqual({});
  });
});

describe('the publisher', () => {
  const address = { namespace: 'pods', job: 'publisher' };
  const never = new AbortController().signal;

  it('thins out progress, but tells of every phase and its end', async () => {
    const publisher = await nats.publisher(address);
    const bus = nats.bus();
    // The server was restarted: what it had in memory is gone, the stream too.
    await bus.ready(AbortSignal.timeout(5000));
    const progress = (phase: 'Recall' | 'Loading', done: number): Message => ({
      type: 'progress',
      phase,
      done,
      total: 50,
    });
    for (const phase of ['Recall', 'Loading'] as const)
      for (let i = 1; i <= 50; i += 1) await publisher.publish(progress(phase, i));
    await publisher.publish({ type: 'done' });
    const said: Message[] = [];
    await bus.consume(address, {
      onMessage: async (message) => {
        if (message.type === 'progress') said.push(message);
        else while (said.length < 4) await sleep(10);
      },
      signal: AbortSignal.timeout(10_000),
    });
    expect(said).toEqual([
      progress('Recall', 1),
      progress('Recall', 50),
      progress('Loading', 1),
      progress('Loading', 50),
    ]);
  });

  it('gives a result up after its time, and everything after it at once', async () => {
    const publisher = await nats.publisher({ ...address, job: 'late' }, { handoverSeconds: 0.5 });
    await nats.server.kill();
    try {
      const first = publisher.publish({ type: 'done' });
      await expect(first).rejects.toThrow(HandoverError);
      const before = performance.now();
      await expect(publisher.publish({ type: 'done' })).rejects.toThrow(/did not take a done message/);
      expect(performance.now() - before).toBeLessThan(100);
      // What may be lost is lost without a word.
      await publisher.publish({ type: 'progress', phase: 'Recall', done: 0, total: 1 });
    } finally {
      await nats.server.restart();
    }
  });

  it('gives up a server that never answers, and stops waiting when told to', async () => {
    const creds = await nats.bus().credentials(address, soon());
    const nowhere = { url: 'nats://127.0.0.1:1', creds, address, podUid: 'u', log: quiet };
    await expect(connectPublisher({ ...nowhere, signal: never, connectSeconds: 0.2 })).rejects.toThrow(HandoverError);
    await expect(connectPublisher({ ...nowhere, signal: AbortSignal.timeout(300) })).rejects.toThrow(/timeout/);
    const stop = new AbortController();
    const publisher = await nats.publisher({ ...address, job: 'told' }, { signal: stop.signal });
    await nats.server.kill();
    try {
      const waiting = publisher.publish({ type: 'done' });
      setTimeout(() => stop.abort(new Error('told to')), 300);
      await expect(waiting).rejects.toThrow('told to');
    } finally {
      await nats.server.restart();
    }
  });

  it('refuses a message NATS would not take, and goes on', async () => {
    const publisher = await nats.publisher({ ...address, job: 'large' });
    const built = {
      metrics: [],
      segments: 1,
      indexedVectors: 1,
      ignored: [],
      applied: { much: 'x'.repeat(1_048_576) },
    };
    await expect(publisher.publish({ type: 'built', ...built })).rejects.toThrow(/a built message has \d+ bytes/);
    await publisher.publish({ type: 'done' });
  });
});
