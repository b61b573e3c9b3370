import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { JobLost } from '../jobs/job-runner.ts';
import { StoreError } from '../runs/run-store.ts';
import { KubeError } from '../runtime/kube.ts';
import { stage, type Stage } from '../testing/stage.ts';

const set = stage();
let at: Stage['at'];
let world: Stage['world'];
let qdrant: Stage['qdrant'];
let store: Stage['store'];
let name: Stage['name'];
beforeEach(() => {
  ({ at, world, store, qdrant, name } = set());
});

async function eventuallyRequeued(times: number): Promise<void> {
  for (let waits = 0; at.requeued.length < times; waits += 1) {
    if (waits > 500) throw new Error(`only requeued ${at.requeued.length} times`);
    await sleep(10);
  }
  // Its conductor ends in the same turn.
  await sleep(1);
}

describe('what cannot be had now', () => {
  it('is said in the status, which keeps its phase, and tried again: a dataset out of reach', async () => {
    world.onRun = () => Promise.resolve({ type: 'failed', reason: 'DatasetUnreachable', message: 'no route to host' });
    at.put(name);
    await at.reconcile(name);
    await eventuallyRequeued(1);
    await at.status.flush();
    expect(at.statusOf(name).phase).toBe('Preparing');
    expect(at.condition(name, 'DatasetReady')).toMatchObject({ status: 'False', reason: 'DatasetUnreachable' });
    expect(at.condition(name, 'Reconciling')).toMatchObject({ status: 'True', reason: 'DatasetUnreachable' });
    expect(at.condition(name, 'Failed')).toBeUndefined();
    expect(await at.notes('DatasetUnreachable')).toEqual(['no route to host']);

    world.onRun = () => Promise.resolve(undefined);
    await at.until(name, 'Completed');
    expect(at.condition(name, 'DatasetReady')?.status).toBe('True');
  });

  it('is tried again ever less often', async () => {
    world.onRun = () => Promise.reject(new JobLost('evicted'));
    at.put(name);
    for (let times = 1; times <= 9; times += 1) {
      await at.reconcile(name);
      await eventuallyRequeued(times);
    }
    expect(at.requeued.map(({ afterMs }) => afterMs / 1000)).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300]);
  });

  it('is a target as well', async () => {
    qdrant.up = false;
    at.put(name);
    await at.reconcile(name);
    await eventuallyRequeued(1);
    await at.status.flush();
    expect(at.condition(name, 'TargetReady')).toMatchObject({ status: 'False', reason: 'TargetUnreachable' });
    expect(at.statusOf(name).phase).toBe('Preparing');
    qdrant.up = true;
    await at.until(name, 'Completed');
  });

  it('is an API server that does not let us make a world', async () => {
    at.put(name);
    at.restart({ worldOf: () => Promise.reject(new KubeError(0, 'Unreachable', 'connection refused')) });
    await at.reconcile(name);
    await eventuallyRequeued(1);
    await at.status.flush();
    expect(world.happened).toEqual(['status Pending']);
    expect(at.statusOf(name)).toMatchObject({ phase: 'Pending', observedGeneration: 1 });
    expect(at.condition(name, 'Reconciling')).toMatchObject({
      status: 'True',
      reason: 'Internal',
      message: 'it will be tried again: connection refused',
    });
  });

  it('is the end of a clean-up: until it succeeds, nothing says it is over', async () => {
    let failures = 2;
    world.onCleanUp = () =>
      (failures -= 1) >= 0 ? Promise.reject(new Error('pods are still there')) : Promise.resolve();
    at.put(name);
    await at.reconcile(name);
    await eventuallyRequeued(1);
    await at.reconcile(name);
    await eventuallyRequeued(2);
    expect(world.happened).not.toContain('status Completed');
    await at.until(name, 'Completed');
    expect(world.happened.slice(-3)).toEqual(['discard all', 'dispose true', 'status Completed']);
  });

  it('is not what a dataset is: one that is invalid ends the sweep, and its world', async () => {
    world.onRun = () =>
      Promise.resolve({ type: 'failed', reason: 'DatasetInvalid', message: 'row 7 has 3 numbers, expected 128' });
    at.put(name);
    await at.until(name, 'Failed');
    expect(at.condition(name, 'DatasetReady')).toMatchObject({ status: 'False', reason: 'DatasetInvalid' });
    expect(at.condition(name, 'Stalled')?.status).toBe('True');
    expect(world.happened.slice(-3)).toEqual(['discard all', 'dispose true', 'status Failed']);
    expect(at.requeued).toEqual([]);
    expect(await at.notes('Failed')).toHaveLength(1);
  });
});

describe('a Job that an earlier operator left', () => {
  /** The jobs a sweep runs, up to the one of this kind, where its operator is stopped. */
  async function stoppedDuring(kind: 'Measure' | 'Finals') {
    world.onRun = (job, signal) => {
      if (job.kind !== kind) return Promise.resolve(undefined);
      world.left = job;
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    };
    at.put(name);
    await at.reconcile(name);
    await at.happened(`run ${kind}`);
    await at.controller.stop();
    world.onRun = () => Promise.resolve(undefined);
    at.restart();
  }

  it.each(['Measure', 'Finals'] as const)('is listened to, not run again: %s', async (kind) => {
    await stoppedDuring(kind);
    const before = world.happened.length;
    await at.until(name, 'Completed');
    const after = world.happened.slice(before);
    expect(after).toContain(`listen on ${kind}`);
    expect(after.indexOf(`listen on ${kind}`)).toBeLessThan(after.indexOf('status Completed'));
    expect(after).not.toContain(`discard ${kind}`);
    expect(at.seen).toContainEqual({ type: 'phase', message: `going on with the ${kind} job that was under way` });
    if (kind === 'Finals') expect(after.filter((line) => line === 'run Finals')).toEqual([]);
  });

  it('is discarded when nobody wants its results any more', async () => {
    await stoppedDuring('Measure');
    qdrant.collections.clear();
    await at.until(name, 'Completed');
    expect(world.happened).toContain('discard Measure');
    expect(world.happened).not.toContain('listen on Measure');
  });

  it('that is lost is another attempt’s reason', async () => {
    await stoppedDuring('Measure');
    let lost = 0;
    world.onRun = (job) =>
      job === world.left && (lost += 1) === 1 ? Promise.reject(new JobLost('evicted')) : Promise.resolve(undefined);
    await at.until(name, 'Completed');
    expect(lost).toBe(1);
    expect(world.happened).toContain('discard Measure');
    expect((await at.notes('AttemptFailed'))[0]).toContain('evicted');
  });
});

describe('what ends a sweep for good', () => {
  it.each<[string, () => void, string, RegExp]>([
    [
      'finals that are lost three times',
      () => {
        world.onRun = (job) =>
          job.kind === 'Finals' ? Promise.reject(new JobLost('OOMKilled')) : Promise.resolve(undefined);
      },
      'Internal',
      /^the finals failed 3 times, last: OOMKilled$/,
    ],
    [
      'a preparation that prepares nothing',
      () => {
        world.onRun = (job) => Promise.resolve(job.kind === 'Prepare' ? { type: 'done' } : undefined);
      },
      'Internal',
      /prepared no dataset/,
    ],
    [
      'more hits asked for than there are points',
      () => {
        world.points = 5;
      },
      'InvalidSpec',
      /^spec.workload.limit: Invalid value: 10: the dataset has only 5 points$/,
    ],
    [
      'names that are all taken',
      () => {
        qdrant.refuses = 409;
      },
      'Internal',
      /^20 collection names of run [0-9a-f]{12} are taken.*delete those named qdrantbench-/,
    ],
  ])('is said with its reason, and is not tried again: %s', async (_what, fault, reason, message) => {
    fault();
    at.put(name);
    await at.until(name, 'Failed');
    expect(at.condition(name, 'Failed')).toMatchObject({ status: 'True', reason });
    expect(at.condition(name, 'Failed')?.message).toMatch(message);
    expect(at.condition(name, 'Reconciling')).toBeUndefined();
    expect(at.requeued).toEqual([]);
    expect(world.happened.slice(-3)).toEqual(['discard all', 'dispose true', 'status Failed']);
  });

  it('is not a build whose settings Qdrant refuses: the others are measured', async () => {
    world.onRun = (job) => {
      // The baseline is made; whatever comes after it is refused.
      if (job.kind === 'Measure') qdrant.refuses = 400;
      if (job.kind === 'Finals') qdrant.refuses = undefined;
      return Promise.resolve(undefined);
    };
    at.put(name);
    await at.until(name, 'Completed');
    const [experiment] = await store.findExperiments('team', name);
    const { runs } = await store.history(experiment?.id ?? '');
    expect(runs.map(({ verdict, reason }) => [verdict, reason])).toContainEqual(['Error', 'BuildFailed']);
    expect(at.condition(name, 'GoalMet')?.status).toBe('True');
  });
});

describe('what a sweep waits for', () => {
  it('is in its status while it does', async () => {
    let waits: (source: string, why: string | undefined) => void = () => undefined;
    at.restart({
      worldOf: (_sweep, _object, _signal, onWait) => {
        waits = onWait;
        return Promise.resolve(world.make());
      },
    });
    world.hang('Prepare');
    at.put(name);
    await at.reconcile(name);
    await at.happened('run Prepare');
    const said = async () => {
      await at.status.flush();
      const { reason, message } = at.condition(name, 'Reconciling') ?? {};
      return [reason, message];
    };
    waits('Qdrant', 'no node takes its pod');
    waits('Qdrant', 'no node takes its pod');
    expect(await said()).toEqual(['Waiting', 'Qdrant: no node takes its pod']);
    waits('the dataset', 'ImagePullBackOff');
    expect(await said()).toEqual(['Waiting', 'Qdrant: no node takes its pod; the dataset: ImagePullBackOff']);
    waits('Qdrant', undefined);
    waits('the dataset', undefined);
    expect(await said()).toEqual(['Preparing', 'work is under way']);
    await at.controller.stop();
    waits('Qdrant', 'nobody listens any more');
    expect(await said()).toEqual(['Preparing', 'work is under way']);
  });

  it('may be the record: its phase stays, and it is asked again', async () => {
    const claim = vi
      .spyOn(store, 'claim')
      .mockRejectedValueOnce(new StoreError('StoreUnreachable', 'Postgres cannot be reached'));
    at.put(name);
    await at.reconcile(name);
    await eventuallyRequeued(1);
    await at.status.flush();
    expect(at.statusOf(name).phase).toBe('Preparing');
    expect(at.condition(name, 'Reconciling')).toMatchObject({ reason: 'StoreUnreachable' });
    await at.until(name, 'Completed');
    claim.mockRestore();
  });
});

it('an API key reaches the jobs that need it as a secret', async () => {
  world.apiKey = 'hunter2';
  at.put(name);
  await at.until(name, 'Completed');
  expect(world.secrets).toHaveLength(3);
  for (const secrets of world.secrets) expect(secrets).toEqual({ QDRANT_BENCH_TARGET_API_KEY: 'hunter2' });
  expect(JSON.stringify([...at.kube.objects.values()])).not.toContain('hunter2');
  expect(at.seen).toContainEqual({
    type: 'progress',
    progress: { type: 'progress', phase: 'Generating', done: 1, total: 2 },
  });
});
