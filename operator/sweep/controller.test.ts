import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { FINALIZER } from './controller.ts';
import { SweepStopped } from './ports.ts';
import { stage, type Stage } from '../testing/stage.ts';

const set = stage();
let at: Stage['at'];
let world: Stage['world'];
let store: Stage['store'];
let qdrant: Stage['qdrant'];
let name: Stage['name'];
beforeEach(() => {
  ({ at, world, store, qdrant, name } = set());
});

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
    world.hang('Prepare');
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
    world.hang('Measure');
    at.put(name);
    await at.reconcile(name);
    await at.happened('run Measure');
    const before = [...world.happened];
    await at.controller.stop();
    expect(world.happened).toEqual([...before, 'let go of']);
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

  it('keeps what surrounded its measurements', async () => {
    world.surroundings = { pressure: ['n1: MemoryPressure'] };
    const recorded = vi.spyOn(store, 'recordSurroundings');
    at.put(name);
    await at.until(name, 'Completed');
    const [experiment] = await store.findExperiments('team', name);
    const { runs } = await store.history(experiment?.id ?? '');
    expect(recorded.mock.calls.map(([of, { run }, seen]) => [of, run, seen])).toEqual(
      runs.map(({ id }) => [experiment?.id, id, world.surroundings]),
    );
    recorded.mockRestore();
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

  it('for what its Qdrant is too old for costs no budget', async () => {
    qdrant.version = '1.15.4';
    at.put(name, { parameters: [{ name: 'hnsw_config.inline_storage', choices: ['true'] }] });
    await at.until(name, 'Failed');
    expect(at.condition(name, 'Accepted')).toMatchObject({ status: 'False', reason: 'InvalidSpec' });
    expect(at.condition(name, 'Accepted')?.message).toContain('needs Qdrant 1.16, the target runs 1.15.4');
    expect(world.happened).not.toContain('run Measure');
  });

  it('is said to be more than this version can do, and nothing is spent', async () => {
    at.put(name, { parallelism: 2 });
    await at.until(name, 'Failed');
    expect(at.condition(name, 'Accepted')).toMatchObject({ status: 'False', reason: 'NotSupported' });
    expect(at.condition(name, 'Stalled')).toMatchObject({ status: 'True', reason: 'NotSupported' });
    expect(at.condition(name, 'Accepted')?.message).toBe(
      'spec.parallelism: 2 is not supported by this version; leave it out or set 1',
    );
    expect(world.happened).toEqual(['status Failed']);
    at.edit(name, { parallelism: 1 });
    await at.until(name, 'Completed');
    expect(at.condition(name, 'Accepted')?.status).toBe('True');
  });

  it('is accepted once it is mended', async () => {
    at.put(name, { parameters: [{ name: 'hnsw_config.em', numbers: [8] }] });
    await at.until(name, 'Failed');
    at.edit(name, { parameters: [{ name: 'hnsw_config.m', numbers: [8] }] });
    await at.until(name, 'Completed');
    expect(at.condition(name, 'Accepted')?.status).toBe('True');
  });

  it('stops what an earlier one began', async () => {
    world.hang('Measure');
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
    world.hang('Finals');
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

it('nothing is done for a reconcile that is aborted', async () => {
  at.put(name);
  await expect(
    at.controller.reconcile(`team/${name}`, AbortSignal.abort(new Error('the operator stops'))),
  ).rejects.toThrow('the operator stops');
  expect(world.happened).toEqual([]);
});
