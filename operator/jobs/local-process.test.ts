import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { MeasureJob, Message, SearchMessage } from '../../loadgen/protocol.ts';
import { smallDataset, temporaryFolder } from '../../loadgen/testing/fixtures.ts';
import { startStub } from '../../loadgen/testing/stub-qdrant.ts';
import { prepareJob } from './kubernetes/testing/jobs.ts';
import { LocalProcessRunner } from './local-process.ts';

const LOADGEN = join(import.meta.dirname, '..', '..', 'loadgen', 'main.ts');
const silent = pino({ level: 'silent' });

it('starts no process for a Secret that is in a cluster', async () => {
  const runner = new LocalProcessRunner('/nonexistent.ts', silent);
  const running = runner.run(prepareJob(), {
    onMessage: () => Promise.resolve(),
    secrets: { PLAIN: 'x', THE_KEY: { secretKeyRef: { name: 'key', key: 'api-key' } } },
    signal: new AbortController().signal,
  });
  await expect(running).rejects.toThrow('THE_KEY refers to a Secret, and here there are none');
});

it('tells what a process died of, not the addresses that follow', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'qdrant-bench-test-'));
  try {
    const entry = join(folder, 'entry.mjs');
    writeFileSync(
      entry,
      `process.stderr.write('busy\\nFATAL ERROR: Reached heap limit\\n 1: 0xb1 [node]\\n'); process.exitCode = 134;`,
    );
    const running = new LocalProcessRunner(entry, pino({ level: 'silent' })).run(prepareJob(), {
      onMessage: () => Promise.resolve(),
      signal: new AbortController().signal,
    });
    await expect(running).rejects.toThrow('exited with code 134: FATAL ERROR: Reached heap limit');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

const job = (url: string, datasetDir: string, windowSeconds: number): MeasureJob => ({
  kind: 'Measure',
  run: 'r1',
  attempt: 1,
  seed: 1,
  pods: 3,
  endpoint: { url, collection: 'c', own: true },
  datasetDir,
  limit: 5,
  collectionBody: {},
  searches: [{ id: 'default', search: {}, params: {}, load: 'Always' }],
  rules: {
    load: { kind: 'Closed', concurrency: 5 },
    recallMin: 0,
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

/** Processes whose parent this is and whose command names the load generator. */
function children(): number[] {
  const lines = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' });
  return lines
    .split('\n')
    .filter((line) => line.includes(LOADGEN))
    .map((line) => Number(line.trim().split(/\s+/)[0]));
}

describe('a job that several load generators share', () => {
  it('is carried out by as many processes, which end with it', async () => {
    await using folder = await temporaryFolder();
    const { dir } = await smallDataset(folder.path);
    const stub = await startStub({ serviceMs: 5 });
    const messages: Message[] = [];
    let most = 0;
    const end = await new LocalProcessRunner(LOADGEN, silent).run(job(stub.url, dir, 3), {
      onMessage: (message) => {
        messages.push(message);
        most = Math.max(most, children().length);
        return Promise.resolve();
      },
      signal: AbortSignal.timeout(60_000),
    });
    expect(end).toEqual({ type: 'done' });
    expect(most).toBe(3);
    expect(children()).toEqual([]);
    const loaded = messages.find(
      (message): message is SearchMessage => message.type === 'search' && message.stage === 'Load',
    );
    expect(loaded?.load?.kind).toBe('Closed');
    // All five clients were there, of whichever process.
    expect(loaded?.load?.little?.inFlight).toBeGreaterThan(4);
    if (!loaded?.limited) {
      expect(loaded?.metrics.find(({ name }) => name === 'throughput')?.source).toBe('closed loop, 5 clients');
    }
    await stub.close();
  });

  it('is lost when one of them is killed, and so are the others', async () => {
    await using folder = await temporaryFolder();
    const { dir } = await smallDataset(folder.path);
    const stub = await startStub({ serviceMs: 5 });
    const recalled = Promise.withResolvers<void>();
    const running = new LocalProcessRunner(LOADGEN, silent).run(job(stub.url, dir, 30), {
      onMessage: (message) => {
        if (message.type === 'search') recalled.resolve();
        return Promise.resolve();
      },
      signal: AbortSignal.timeout(60_000),
    });
    running.catch(() => undefined);
    await recalled.promise;
    const before = stub.seen.length;
    while (stub.seen.length < before + 50) await sleep(20);
    process.kill(Math.max(...children()), 'SIGKILL');
    await expect(running).rejects.toThrow(/^of the load generators, number \d of 3 was killed by SIGKILL/);
    expect(children()).toEqual([]);
    await stub.close();
  });
});
