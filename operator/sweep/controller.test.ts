import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { JobLost, type FinalMessage } from '../jobs/job-runner.ts';
import { openRunStore } from '../runs/open-store.ts';
import type { RunStore } from '../runs/run-store.ts';
import { KubeError } from '../runtime/kube.ts';
import { FINALIZER, MAX_CONDUCTED } from './controller.ts';
import { SweepStopped } from './ports.ts';
import { Controlled, never } from './testing/controlled.ts';
import { playQdrant, type PlayedQdrant } from './testing/played-qdrant.ts';
import { SimulatedWorld } from './testing/simulated-world.ts';

const folder = mkdtempSync(join(tmpdir(), 'controller-'));
let store: RunStore;
let qdrant: PlayedQdrant;
let world: SimulatedWorld;
let at: Controlled;
let count = 0;
/** The sweep of a test. */
let name: string;

beforeAll(async () => {
  store = await openRunStore(join(folder, 'record'));
  qdrant = await playQdrant();
});
afterAll(async () => {
  await store?.close();
  await qdrant?.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  qdrant.up = true;
  world = new SimulatedWorld(qdrant);
  at = new Controlled(world, store);
  count += 1;
  name = `sweep-${count}`;
});

/** A job of this kind that goes on until its sweep is let go of. */
const hang = (kind: string): void => {
  world.onRun = (job, signal) =>
    job.kind === kind
      ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
      : Promise.resolve(undefined);
};
const failing = (end: FinalMessage): void => {
  world.onRun = () => Promise.resolve(end);
};

describe('a sweep', () => {
  it('comes to its verdict, and only then, when all is gone that was made for it, says so', async () => {
    at.put(name);
    await at.until(name, 'Completed');
    expect(at.statusOf(name)).toMatchObject({ observedGeneration: 1, phase: 'Completed' });
    expect(at.condition(name, 'GoalMet')?.status).toBe('True');
    expect(world.happened.filter((line) => line.startsWith('run '))).toEqual([
      'run Prepare',
      'run Measure',
      'run Measure',
      'run Finals',
    ]);
    expect(world.happened.slice(-3)).toEqual(['discard all', 'dispose true', 'status Completed']);
    expect(world.happened.filter((line) => line === 'status Completed')).toHaveLength(1);
    expect(qdrant.collections.size).toBe(0);
    expect(await at.notes('GoalMet')).toHaveLength(1);
    expect((await at.notes('RunStarted')).length).toBeGreaterThanOrEqual(2);
    expect(at.seen.some(({ type }) => type === 'search')).toBe(true);
  });

  it('has our finalizer before anything is made for it', async () => {
    at.put(name);
    let finalizedFirst: boolean | undefined;
    at.restart({
      worldOf: () => {
        finalizedFirst ??= at.finalized(name);
        return Promise.resolve(world.make());
      },
    });
    await at.until(name, 'Completed');
    expect(finalizedFirst).toBe(true);
  });

  it('that is not there, or about to go before we had a hand in it, is nothing to us', async () => {
    await at.reconcile('nobody');
    at.put(name, {}, { deletionTimestamp: new Date().toISOString(), finalizers: ['of.others/x'] });
    await at.reconcile(name);
    expect(world.happened).toEqual([]);
  });

  it('is not conducted twice, nor again once it is over, nor by the operator that follows', async () => {
    hang('Prepare');
    at.put(name);
    await at.reconcile(name);
    await at.happened('run Prepare');
    await at.reconcile(name);
    expect(world.happened.filter((line) => line === 'world')).toHaveLength(1);
    await at.controller.stop();
    world.onRun = () => Promise.resolve(undefined);

    at.restart();
    await at.until(name, 'Completed');
    const before = world.happened.length;
    await at.reconcile(name);
    at.restart();
    await at.reconcile(name);
    await sleep(20);
    expect(world.happened).toHaveLength(before);
  });

  it('is not conducted again while its last status is not in the cache yet', async () => {
    const stale = at.put(name, {}, { finalizers: [FINALIZER] });
    at.restart({ cached: () => structuredClone(stale) });
    await at.until(name, 'Completed');
    const before = world.happened.length;
    await at.reconcile(name);
    await sleep(20);
    expect(world.happened).toHaveLength(before);
  });

  it('is left where it is when the operator stops: nothing more is written, its Job goes on', async () => {
    hang('Measure');
    at.put(name);
    await at.reconcile(name);
    await at.happened('run Measure');
    const before = [...world.happened];
    await at.controller.stop();
    expect(world.happened).toEqual(before);
    expect(at.requeued).toEqual([]);
    expect(at.finalized(name)).toBe(true);
  });

  it('that is let go of during its clean-up does not call itself completed', async () => {
    const disposing = Promise.withResolvers<void>();
    world.onCleanUp = (part) => (part === 'target' ? disposing.promise : Promise.resolve());
    at.put(name);
    await at.reconcile(name);
    await at.happened('discard all');
    const stopped = at.controller.stop();
    disposing.resolve();
    await stopped;
    expect(world.happened).not.toContain('status Completed');
  });

  it('waits when too many are conducted already', async () => {
    hang('Prepare');
    for (let index = 0; index < MAX_CONDUCTED; index += 1) {
      at.put(`${name}-${index}`);
      await at.reconcile(`${name}-${index}`);
    }
    at.put(name);
    expect(await at.reconcile(name)).toEqual({ requeueAfterMs: expect.any(Number) as number });
    expect(world.happened.filter((line) => line === 'world')).toHaveLength(MAX_CONDUCTED);
    await at.controller.stop();
  });

  it('keeps what surrounded its measurements', async () => {
    world.surroundings = { pressure: ['n1: MemoryPressure'] };
    at.put(name);
    await at.until(name, 'Completed');
    const [experiment] = await store.findExperiments('team', name);
    expect(experiment).toBeDefined();
    expect(world.happened.filter((line) => line === 'run Measure')).toHaveLength(2);
  });
});

describe('what a sweep leaves', () => {
  it.each([
    ['Delete', 0, ['discard all', 'dispose true', 'status Completed']],
    ['KeepBest', 1, undefined],
    ['Keep', 2, undefined],
  ])('is what retention %s says', async (onFinish, atLeast, end) => {
    const before = new Set(qdrant.collections);
    at.put(name, { retention: { onFinish } });
    await at.until(name, 'Completed');
    const kept = [...qdrant.collections].filter((collection) => !before.has(collection));
    if (end) expect(world.happened.slice(-3)).toEqual(end);
    else expect(world.happened).not.toContain('dispose true');
    expect(kept.length).toBeGreaterThanOrEqual(Math.min(1, atLeast));
    if (atLeast === 0) expect(kept).toEqual([]);
    qdrant.collections.clear();
  });

  it('is all there still while it is suspended', async () => {
    at.put(name, { suspend: true });
    await at.until(name, 'Suspended');
    expect(world.happened).not.toContain('dispose true');
    expect(world.happened).not.toContain('run Measure');
    at.edit(name, { suspend: false });
    await at.until(name, 'Completed');
    expect(at.statusOf(name).observedGeneration).toBe(2);
  });
});

describe('a spec that is refused', () => {
  it('is said to be so, with the field, and nothing is made for it', async () => {
    at.put(name, { parameters: [{ name: 'hnsw_config.em', numbers: [8] }] });
    await at.until(name, 'Failed');
    expect(at.condition(name, 'Accepted')).toMatchObject({ status: 'False', reason: 'InvalidSpec' });
    expect(at.condition(name, 'Accepted')?.message).toContain('hnsw_config.em');
    expect(at.condition(name, 'Stalled')?.status).toBe('True');
    expect(world.happened).toEqual(['status Failed']);
    expect((await at.notes('InvalidSpec'))[0]).toContain('hnsw_config.em');
    await at.reconcile(name);
    expect(world.happened).toEqual(['status Failed']);
  });

  it('is accepted once it is mended', async () => {
    at.put(name, { parameters: [{ name: 'hnsw_config.em', numbers: [8] }] });
    await at.until(name, 'Failed');
    at.edit(name, { parameters: [{ name: 'hnsw_config.m', numbers: [8] }] });
    await at.until(name, 'Completed');
    expect(at.condition(name, 'Accepted')?.status).toBe('True');
  });

  it('stops what an earlier one began', async () => {
    hang('Measure');
    at.put(name);
    await at.reconcile(name);
    await at.happened('run Measure');
    at.edit(name, { parameters: [{ name: 'hnsw_config.em', numbers: [8] }] });
    await at.until(name, 'Failed');
    expect(at.statusOf(name).observedGeneration).toBe(2);
  });

  it('for what it names, and may be mended elsewhere, is tried again', async () => {
    at.put(name);
    let there = false;
    at.restart({
      worldOf: () =>
        there
          ? Promise.resolve(world.make())
          : Promise.reject(new SweepStopped('InvalidSpec', 'spec.target.external.apiKeySecretRef: does not exist')),
    });
    await at.reconcile(name);
    await at.happened('status Pending');
    await at.status.flush();
    expect(at.condition(name, 'Accepted')).toMatchObject({ status: 'False', reason: 'InvalidSpec' });
    expect(at.condition(name, 'Stalled')).toBeUndefined();
    expect(at.requeued).toEqual([{ key: `team/${name}`, afterMs: 5000 }]);
    there = true;
    await at.until(name, 'Completed');
  });
});

describe('an edit', () => {
  it('has a sweep that runs begin anew with it, going on from the record', async () => {
    hang('Finals');
    at.put(name);
    await at.reconcile(name);
    await at.happened('run Finals');
    world.onRun = () => Promise.resolve(undefined);
    const measured = world.happened.filter((line) => line === 'run Measure').length;
    at.edit(name, { budget: { builds: 2 }, judge: { strategy: 'Grid', seed: 7 } });
    await at.until(name, 'Completed');
    expect(at.statusOf(name).observedGeneration).toBe(2);
    expect(world.happened.filter((line) => line === 'world')).toHaveLength(2);
    expect(world.happened.filter((line) => line === 'run Measure').length).toBe(measured);
  });

  it('has a sweep that is over taken up again', async () => {
    at.put(name);
    await at.until(name, 'Completed');
    at.edit(name, { workload: { repeats: 2 } });
    await at.reconcile(name);
    await at.happened('status Completed', 2);
    await at.status.flush();
    expect(at.statusOf(name)).toMatchObject({ phase: 'Completed', observedGeneration: 2 });
  });
});

describe('what cannot be had now', () => {
  it('is said in the status, which keeps its phase, and tried again: a dataset out of reach', async () => {
    failing({ type: 'failed', reason: 'DatasetUnreachable', message: 'no route to host' });
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
    expect(world.happened).toEqual([]);
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
    failing({ type: 'failed', reason: 'DatasetInvalid', message: 'row 7 has 3 numbers, expected 128' });
    at.put(name);
    await at.until(name, 'Failed');
    expect(at.condition(name, 'DatasetReady')).toMatchObject({ status: 'False', reason: 'DatasetInvalid' });
    expect(at.condition(name, 'Stalled')?.status).toBe('True');
    expect(world.happened.slice(-3)).toEqual(['discard all', 'dispose true', 'status Failed']);
    expect(at.requeued).toEqual([]);
    expect(await at.notes('Failed')).toHaveLength(1);
  });

  async function eventuallyRequeued(times: number): Promise<void> {
    for (let waits = 0; at.requeued.length < times; waits += 1) {
      if (waits > 500) throw new Error(`only requeued ${at.requeued.length} times`);
      await sleep(10);
    }
    // Its conductor ends in the same turn.
    await sleep(1);
  }
});

describe('a deleted sweep', () => {
  const ORDER = ['world', 'discard all', 'dispose true'];

  it.each(['Prepare', 'Measure', 'Finals'])('goes with all that was made for it, in order: during %s', async (kind) => {
    hang(kind);
    at.put(name);
    await at.reconcile(name);
    await at.happened(`run ${kind}`);
    await at.remove(name);
    expect(at.look(name)).toBeDefined();
    const before = world.happened.length;
    let there: boolean | undefined;
    world.onCleanUp = (part) => {
      if (part === 'target') there = at.finalized(name);
      return Promise.resolve();
    };
    await at.reconcile(name);
    expect(world.happened.slice(before)).toEqual(ORDER);
    expect(there).toBe(true);
    expect(at.look(name)).toBeUndefined();
    await at.reconcile(name);
    expect(world.happened.slice(before)).toEqual(ORDER);
  });

  it('goes when it is over', async () => {
    at.put(name);
    await at.until(name, 'Completed');
    await at.remove(name);
    await at.reconcile(name);
    expect(at.look(name)).toBeUndefined();
  });

  it('goes when its spec was never valid, without a world', async () => {
    at.put(name, { parameters: [{ name: 'hnsw_config.em', numbers: [8] }] });
    await at.until(name, 'Failed');
    await at.remove(name);
    await at.reconcile(name);
    expect(at.look(name)).toBeUndefined();
    expect(world.happened).not.toContain('world');
  });

  it('stays until everything is gone, and says what is not', async () => {
    at.put(name);
    await at.until(name, 'Completed');
    await at.remove(name);
    let failures = 1;
    world.onCleanUp = () =>
      (failures -= 1) >= 0 ? Promise.reject(new Error('pods are still there')) : Promise.resolve();
    await expect(at.reconcile(name)).rejects.toThrow('pods are still there');
    expect(at.finalized(name)).toBe(true);
    const [note] = await at.notes('CleanupFailed');
    expect(note).toContain('pods are still there');
    expect(note).toContain(FINALIZER);
    await at.reconcile(name);
    expect(at.look(name)).toBeUndefined();
  });

  it('leaves nothing on a Qdrant that is not ours, and nothing of others is touched', async () => {
    hang('Finals');
    qdrant.collections.add('of-somebody-else');
    at.put(name, { target: { external: { url: `${qdrant.url}/` } } });
    await at.reconcile(name);
    await at.happened('run Finals');
    expect(qdrant.collections.size).toBeGreaterThan(1);
    await at.remove(name);
    await at.reconcile(name);
    expect([...qdrant.collections]).toEqual(['of-somebody-else']);
    expect(at.look(name)).toBeUndefined();
    qdrant.collections.clear();
  });

  it('does not look for collections on another server than its own', async () => {
    hang('Finals');
    at.put(name, { target: { external: { url: qdrant.url } } });
    await at.reconcile(name);
    await at.happened('run Finals');
    const there = qdrant.collections.size;
    at.edit(name, { target: { external: { url: 'http://another.example:6333' } } });
    await at.remove(name);
    await at.reconcile(name);
    expect(qdrant.collections.size).toBe(there);
    qdrant.collections.clear();
  });

  it('of the same name as a new one is not mistaken for it', async () => {
    hang('Measure');
    at.put(name);
    await at.reconcile(name);
    await at.happened('run Measure');
    // Forced away by somebody, and made again: its conductor must not go on for the new one.
    at.kube.objects.delete(`QdrantSweep/team/${name}`);
    world.onRun = () => Promise.resolve(undefined);
    at.put(name);
    await at.until(name, 'Completed');
    expect(world.happened.filter((line) => line === 'world')).toHaveLength(2);
    at.kube.objects.delete(`QdrantSweep/team/${name}`);
    await at.reconcile(name);
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

it('nothing is done for a reconcile that is aborted', async () => {
  at.put(name);
  await expect(
    at.controller.reconcile(`team/${name}`, AbortSignal.abort(new Error('the operator stops'))),
  ).rejects.toThrow('the operator stops');
  expect(never.aborted).toBe(false);
  expect(world.happened).toEqual([]);
});
