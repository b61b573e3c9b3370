import { beforeEach, describe, expect, it } from 'vitest';
import type { RunStore } from '../runs/run-store.ts';
import { stage, type Stage } from '../testing/stage.ts';
import { ACCEPT_LOSS } from './begin.ts';
import { PAUSED } from './controller.ts';

const set = stage();
let at: Stage['at'];
let world: Stage['world'];
let store: Stage['store'];
let qdrant: Stage['qdrant'];
let name: Stage['name'];
beforeEach(() => {
  ({ at, world, store, qdrant, name } = set());
});

const annotate = (key: string, value: string | null): void =>
  at.kube.set(at.look(name) as NonNullable<ReturnType<typeof at.look>>, {
    metadata: { annotations: { [key]: value } },
  });
/** A record that knows the first search only. */
function restoredFromBefore(store: RunStore): RunStore {
  const history = async (experiment: string) => {
    const known = await store.history(experiment);
    return { ...known, searches: known.searches.slice(0, 1) };
  };
  return new Proxy(store, {
    get(whole, property) {
      if (property === 'history') return history;
      const value: unknown = Reflect.get(whole, property);
      return typeof value === 'function' ? (value.bind(whole) as unknown) : value;
    },
  });
}

const worlds = (): number => world.happened.filter((line) => line === 'world').length;

describe('a paused sweep', () => {
  it('is let go of, says so, and goes on when it is paused no more', async () => {
    world.hang('Measure');
    at.put(name);
    await at.reconcile(name);
    await at.happened('run Measure');
    annotate(PAUSED, 'true');
    await at.reconcile(name);
    await at.status.flush();
    expect(world.happened).toContain('let go of');
    expect(world.happened).not.toContain('discard all');
    expect(at.condition(name, 'Reconciling')).toMatchObject({ status: 'True', reason: 'Paused' });
    expect(at.condition(name, 'Reconciling')?.message).toContain(PAUSED);
    const before = worlds();
    await at.reconcile(name);
    expect(worlds()).toBe(before);

    world.onRun = () => Promise.resolve(undefined);
    annotate(PAUSED, null);
    await at.until(name, 'Completed');
    expect(at.condition(name, 'Reconciling')).toBeUndefined();
  });

  it('that is over stays as it is', async () => {
    at.put(name);
    await at.until(name, 'Completed');
    annotate(PAUSED, 'true');
    await at.reconcile(name);
    await at.status.flush();
    expect(at.statusOf(name).phase).toBe('Completed');
    expect(at.condition(name, 'Reconciling')).toBeUndefined();
  });

  it('goes when it is deleted, with all that was made for it', async () => {
    world.hang('Measure');
    at.put(name);
    await at.reconcile(name);
    await at.happened('run Measure');
    annotate(PAUSED, 'true');
    await at.remove(name);
    await at.reconcile(name);
    expect(at.look(name)).toBeUndefined();
    expect(world.happened).toContain('dispose true');
  });
});

describe('a sweep that is over', () => {
  let now: Date;
  const clock = () => at.restart({ now: () => now });
  beforeEach(() => {
    now = new Date('2026-01-01T00:00:00Z');
  });

  it.each([
    ['its time to live', {}, 168 * 3600],
    ['its own time to live', { ttlAfterFinished: '1h' }, 3600],
    ['what it may cost', { maxCost: { amount: '1.00', currency: 'USD' } }, 1800],
  ])('keeps what it kept for %s, and then loses all but its history', async (_, retention, seconds) => {
    clock();
    const price = { pricePerHour: { amount: '2.00', currency: 'USD' } };
    at.put(name, { retention: { onFinish: 'Keep', ...retention }, target: { kubernetes: price } });
    await at.until(name, 'Completed');
    expect(world.happened).not.toContain('dispose true');
    const status = at.statusOf(name);

    const waits = await at.reconcile(name);
    expect(waits).toEqual({ requeueAfterMs: seconds * 1000 });
    now = new Date(now.getTime() + seconds * 1000 - 1);
    expect(await at.reconcile(name)).toEqual({ requeueAfterMs: 1 });
    now = new Date(now.getTime() + 1);
    await at.reconcile(name);
    expect(world.happened.slice(-4)).toEqual(['world', 'discard all', 'dispose true', 'forget dataset']);
    expect(await at.notes('Expired')).toHaveLength(1);
    expect(at.statusOf(name)).toEqual(status);
    expect(at.finalized(name)).toBe(true);
    const [experiment] = await store.findExperiments('team', name);
    expect((await store.history(experiment?.id ?? '')).searches.length).toBeGreaterThan(0);

    const before = worlds();
    await at.reconcile(name);
    expect(worlds()).toBe(before);
  });

  it('loses the collections it kept on a Qdrant that is not ours, and no others', async () => {
    clock();
    qdrant.collections.add('of-somebody-else');
    at.put(name, {
      retention: { onFinish: 'KeepBest', ttlAfterFinished: '1m' },
      target: { external: { url: qdrant.url } },
    });
    await at.until(name, 'Completed');
    expect(qdrant.collections.size).toBe(2);
    now = new Date(now.getTime() + 60_000);
    await at.reconcile(name);
    expect([...qdrant.collections]).toEqual(['of-somebody-else']);
  });

  it('is taken up again by an edit, and kept from the end of that', async () => {
    clock();
    at.put(name, { retention: { onFinish: 'Keep', ttlAfterFinished: '1h' } });
    await at.until(name, 'Completed');
    now = new Date(now.getTime() + 7_200_000);
    at.edit(name, { workload: { repeats: 2 } });
    await at.reconcile(name);
    await at.happened('status Completed', 2);
    await at.status.flush();
    expect(world.happened).not.toContain('dispose true');
    expect(await at.reconcile(name)).toEqual({ requeueAfterMs: 3_600_000 });
  });

  it('never expires while it is suspended', async () => {
    clock();
    at.put(name, { suspend: true, retention: { ttlAfterFinished: '1s' } });
    await at.until(name, 'Suspended');
    now = new Date(now.getTime() + 7_200_000);
    expect(await at.reconcile(name)).toBeUndefined();
    expect(world.happened).not.toContain('dispose true');
  });
});

describe('a sweep whose retention says to keep what it made when it is deleted', () => {
  it('leaves target and collections, and ends its jobs', async () => {
    world.hang('Finals');
    at.put(name, { retention: { onDelete: 'Keep' }, target: { external: { url: qdrant.url } } });
    await at.reconcile(name);
    await at.happened('run Finals');
    const there = [...qdrant.collections];
    expect(there.length).toBeGreaterThan(0);
    await at.remove(name);
    await at.reconcile(name);
    expect(at.look(name)).toBeUndefined();
    expect([...qdrant.collections]).toEqual(there);
    expect(world.happened).toContain('discard all');
    expect(world.happened).not.toContain('dispose true');
  });
});

describe('when there are more sweeps than places', () => {
  const limits = { sweeps: 3, perNamespace: 2 };

  it('the last waits, says why, and begins when another ends', async () => {
    at.restart({ limits });
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    world.onRun = async () => {
      await ended;
      return undefined;
    };
    for (const other of ['a', 'b']) {
      at.put(`${name}-${other}`);
      await at.reconcile(`${name}-${other}`);
    }
    at.put(name);
    expect(await at.reconcile(name)).toEqual({ requeueAfterMs: expect.any(Number) as number });
    await at.status.flush();
    expect(at.statusOf(name).phase).toBe('Pending');
    expect(at.condition(name, 'Reconciling')).toMatchObject({ reason: 'Waiting' });
    expect(at.condition(name, 'Reconciling')?.message).toContain('2 sweeps of namespace team');
    expect(worlds()).toBe(2);
    await at.reconcile(name);
    expect(world.happened.filter((line) => line === 'status Pending')).toHaveLength(1);

    end();
    await at.until(`${name}-a`, 'Completed');
    expect(at.requeued).toContainEqual({ key: `team/${name}`, afterMs: 0 });
    await at.until(name, 'Completed');
  });

  it('one that is deleted waits no more', async () => {
    at.restart({ limits: { sweeps: 1, perNamespace: 1 } });
    world.hang('Prepare');
    at.put(`${name}-a`);
    await at.reconcile(`${name}-a`);
    at.put(name);
    await at.reconcile(name);
    await at.remove(name);
    await at.reconcile(name);
    expect(at.look(name)).toBeUndefined();
    at.requeued.length = 0;
    await at.controller.stop();
    expect(at.requeued).toEqual([]);
  });
});

describe('a record that has less than the status says', () => {
  /** A sweep measured halfway, whose record then is an empty one of the same name elsewhere. */
  async function lost(): Promise<number> {
    world.hang('Finals');
    at.put(name);
    await at.reconcile(name);
    await at.happened('run Finals');
    await at.status.flush();
    const { searches } = at.statusOf(name).progress ?? {};
    expect(searches).toBeGreaterThan(3);
    world.happened.length = 0;
    world.onRun = () => Promise.resolve(undefined);
    await at.controller.stop();
    at.restart({ store: restoredFromBefore(store) });
    return searches as number;
  }

  it('stops the spending, keeps what was reported, and is looked at again', async () => {
    const searches = await lost();
    await at.reconcile(name);
    await at.requeue();
    await at.status.flush();
    expect(at.condition(name, 'Stalled')).toMatchObject({ status: 'True', reason: 'HistoryLost' });
    expect(at.condition(name, 'Stalled')?.message).toContain(`${ACCEPT_LOSS}=${searches}`);
    expect(at.condition(name, 'Reconciling')).toBeUndefined();
    expect(at.condition(name, 'Failed')).toBeUndefined();
    expect(at.statusOf(name).progress?.searches).toBe(searches);
    // Looked at again, it is as lost as before.
    await at.reconcile(name);
    await at.requeue();
    expect(world.happened).not.toContain('run Measure');
    expect(world.happened).not.toContain('run Finals');

    at.restart();
    await at.until(name, 'Completed');
    expect(at.condition(name, 'Stalled')).toBeUndefined();
  });

  it('goes on when its loss is accepted, by the number that is lost', async () => {
    const searches = await lost();
    annotate(ACCEPT_LOSS, String(searches - 1));
    await at.reconcile(name);
    await at.requeue();
    await at.status.flush();
    expect(at.condition(name, 'Stalled')?.reason).toBe('HistoryLost');
    annotate(ACCEPT_LOSS, String(searches));
    world.hang('Finals');
    await at.until(name, 'Running');
    await at.happened('run Finals');
    expect(at.condition(name, 'Stalled')).toBeUndefined();
    await at.controller.stop();
  });
});
