import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { SweepSpec } from '../../crds/sweep/sweep-spec.ts';
import { startEngine, type Engine } from '../../dev/qdrant/engine.ts';
import type { Job } from '../../loadgen/protocol.ts';
import { JobLost, type JobRunner } from '../jobs/job-runner.ts';
import { LocalProcessRunner } from '../jobs/local-process.ts';
import { openRunStore } from '../runs/open-store.ts';
import type { RunStore } from '../runs/run-store.ts';
import { ANYWHERE } from '../../loadgen/net/address-rules.ts';
import { ExternalTarget } from '../targets/external/external-target.ts';
import { conductSweep, type Conclusion } from './conduct.ts';
import type { SweepEvent } from './ports.ts';

const folder = mkdtempSync(join(tmpdir(), 'conduct-'));
const log = pino({ level: 'silent' });
const real = new LocalProcessRunner(join(import.meta.dirname, '../../loadgen/main.ts'), log);
let store: RunStore;
let engine: Engine;
let count = 0;

beforeEach(async () => {
  store ??= await openRunStore(join(folder, 'record'));
  engine ??= await startEngine({ dataDir: join(folder, 'engine') });
  count += 1;
});
afterAll(async () => {
  await store?.close();
  await engine?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const SPEC = {
  dataset: { synthetic: { points: 2000, dimensions: 16, queries: 50, clusters: 10 } },
  workload: { duration: '200ms', warmup: '50ms', repeats: 1 },
  parameters: [
    { name: 'hnsw_config.m', numbers: [8] },
    { name: 'params.hnsw_ef', numbers: [16, 128] },
  ],
  constraints: { recall: { min: 0.5 } },
  judge: { strategy: 'Grid' as const },
  budget: { builds: 2 },
};

async function conduct(changes: Partial<SweepSpec>, jobs: JobRunner = real, name = `sweep-${count}`) {
  const events: SweepEvent[] = [];
  const conclusion: Conclusion = await conductSweep(
    {
      sweep: {
        apiVersion: 'qdrantbench.io/v1alpha1',
        kind: 'QdrantSweep',
        metadata: { name },
        spec: { target: { external: { url: engine.url } }, ...SPEC, ...changes },
      },
      datasetCache: join(folder, 'datasets'),
      benchVersion: '0',
    },
    {
      store,
      target: new ExternalTarget({ url: engine.url, rules: ANYWHERE }),
      jobs,
      now: () => new Date(),
      log,
      onEvent: (event) => events.push(event),
    },
    new AbortController().signal,
  );
  return { ...conclusion, events };
}

/** The real runner, but for jobs that `fault` wants to go wrong. */
const faulty = (
  fault: (job: Job, nth: number) => Error | Awaited<ReturnType<JobRunner['run']>> | undefined,
): JobRunner => {
  let nth = 0;
  return {
    pending: real.pending,
    discard: real.discard,
    run: (job, options) => {
      const wrong = job.kind === 'Prepare' ? undefined : fault(job, (nth += 1));
      if (wrong instanceof Error) return Promise.reject(wrong);
      return wrong ? Promise.resolve(wrong) : real.run(job, options);
    },
  };
};

const collections = async (): Promise<string[]> => {
  const { result } = (await (await fetch(`${engine.url}/collections`)).json()) as {
    result: { collections: { name: string }[] };
  };
  return result.collections.map(({ name }) => name);
};

describe('a sweep whose jobs go wrong', () => {
  it('makes another attempt when a job is lost, and leaves nothing of the lost one', async () => {
    const { status, history, events, stopped } = await conduct(
      {},
      faulty((_, nth) => (nth === 1 ? new JobLost('killed') : undefined)),
    );
    expect(stopped).toBeUndefined();
    expect(events.filter(({ type }) => type === 'attemptFailed')).toHaveLength(1);
    expect(history.runs.find(({ role }) => role === 'Baseline')).toMatchObject({ attempt: 2, state: 'Finished' });
    expect(status.phase).toBe('Completed');
    expect(await collections()).toEqual([]);
  });

  it('records an Error after three lost attempts and goes on without that build', async () => {
    const { history, stopped } = await conduct(
      {},
      faulty((job) =>
        job.kind === 'Measure' && !('hnsw_config' in job.collectionBody) ? new JobLost('out of memory') : undefined,
      ),
    );
    expect(stopped).toBeUndefined();
    const baseline = history.runs.find(({ role }) => role === 'Baseline');
    expect(baseline).toMatchObject({ attempt: 3, verdict: 'Error', reason: 'Disrupted' });
    expect(baseline?.message).toContain('out of memory');
    expect(history.runs.find(({ role }) => role === 'Trial')?.state).toBe('Finished');
  });

  it('tells a build that failed from one that was disrupted', async () => {
    const failed = { type: 'failed', reason: 'BuildFailed', message: 'status red' } as const;
    const { history } = await conduct(
      { budget: { builds: 1 } },
      faulty(() => failed),
    );
    expect(history.runs[0]).toMatchObject({ verdict: 'Error', reason: 'BuildFailed' });
  });

  it('gives up on finals that fail three times, and says so; nothing measured before is lost', async () => {
    const name = `sweep-${count}`;
    const { stopped, message, history } = await conduct(
      {},
      faulty((job) => (job.kind === 'Finals' ? new JobLost('gone') : undefined)),
      name,
    );
    // Finals are only begun when something passed, which a machine too busy to load may prevent.
    if (stopped !== undefined) {
      expect(stopped).toBe('Internal');
      expect(message).toContain('the finals failed 3 times');
      // The finalists are kept for when it is mended, and then go.
      expect((await conduct({}, real, name)).stopped).toBeUndefined();
    }
    expect(history.runs.filter(({ state }) => state === 'Finished')).toHaveLength(2);
    expect(await collections()).toEqual([]);
  });

  it('reports a program error of ours as that, and goes on when it is mended', async () => {
    const name = `sweep-${count}`;
    const { stopped, status } = await conduct(
      {},
      faulty(() => new TypeError('a bug')),
      name,
    );
    expect(stopped).toBe('Internal');
    expect(status.conditions).toContainEqual(
      expect.objectContaining({ type: 'Failed', status: 'True', reason: 'Internal' }),
    );
    expect((await conduct({}, real, name)).stopped).toBeUndefined();
    expect(await collections()).toEqual([]);
  });
});

describe('a sweep on a Qdrant that refuses or goes away', () => {
  it('records a build whose settings are refused as an Error with the server’s words, and goes on', async () => {
    const { history, stopped } = await conduct({
      quantizations: [{ name: 'broken', config: { scalar: { type: 'int9' } } }],
      parameters: [
        { name: 'quantization_config', choices: ['broken', 'scalar'] },
        { name: 'params.hnsw_ef', numbers: [64] },
      ],
      budget: { builds: 3 },
    });
    expect(stopped).toBeUndefined();
    const broken = history.runs.find(({ build }) => build['quantization_config'] === 'broken');
    expect(broken).toMatchObject({ verdict: 'Error', reason: 'BuildFailed' });
    expect(broken?.message).toContain('QuantizationConfig');
    expect(history.runs.filter(({ state }) => state === 'Finished')).toHaveLength(3);
    expect(await collections()).toEqual([]);
  });

  it('stops when the target dies, without spending the build, and goes on when it is back', async () => {
    const dying = faulty((_, nth) => {
      if (nth === 2) engine.kill('SIGKILL');
      return undefined;
    });
    const name = `sweep-${count}`;
    const { stopped, history } = await conduct({}, dying, name);
    expect(stopped).toBe('TargetUnreachable');
    expect(history.runs.filter(({ state }) => state === 'Finished')).toHaveLength(1);
    const port = Number(new URL(engine.url).port);
    await engine.exited;
    engine = await startEngine({ dataDir: join(folder, 'engine'), port });
    const again = await conduct({}, real, name);
    expect(again.stopped).toBeUndefined();
    expect(again.history.runs.filter(({ state }) => state === 'Finished')).toHaveLength(2);
    for (const { id, stage } of history.searches.filter((search) => search.run === history.runs[0]?.id)) {
      expect(again.history.searches.find((search) => search.id === id)?.stage).toBe(stage);
    }
    expect(await collections()).toEqual([]);
  });
});

describe('a local process that runs jobs', () => {
  const job: Job = {
    kind: 'Prepare',
    dataset: { synthetic: { points: 200, dimensions: 4, queries: 10 } },
    limit: 10,
    cacheDir: join(folder, 'cache'),
  };
  const run = (entry: string, signal = new AbortController().signal) =>
    new LocalProcessRunner(entry, log).run(job, { onMessage: () => Promise.resolve(), signal });

  it('is lost when it exits without a last message, with its last words', async () => {
    await expect(run(join(folder, 'no-such-entry.ts'))).rejects.toThrow(/exited with code 1.*/);
    await expect(run(join(folder, 'no-such-entry.ts'))).rejects.toBeInstanceOf(JobLost);
  });

  it('ends when asked to', async () => {
    const stop = new AbortController();
    const running = real.run({ ...job, dataset: { synthetic: { points: 200_000, dimensions: 256 } } } as Job, {
      onMessage: () => Promise.resolve(stop.abort(new Error('enough'))),
      signal: stop.signal,
    });
    await expect(running).rejects.toThrow('enough');
    await expect(real.run(job, { onMessage: () => Promise.resolve(), signal: stop.signal })).rejects.toThrow('enough');
  });

  it('hands over every message before the last', async () => {
    const seen: string[] = [];
    const end = await real.run(job, {
      onMessage: ({ type }) => Promise.resolve(void seen.push(type)),
      signal: new AbortController().signal,
    });
    expect(end.type).toBe('done');
    expect(seen).toContain('prepared');
    expect(seen.at(-1)).toBe('done');
  });
});
