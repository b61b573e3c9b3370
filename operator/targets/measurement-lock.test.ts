import fc from 'fast-check';
import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryKube } from '../jobs/kubernetes/testing/memory-kube.ts';
import { LABELS, sweepLabels, type SweepRef } from '../owned/sweep-ref.ts';
import { KINDS } from '../runtime/kinds.ts';
import { KubeError, type KubeObject } from '../runtime/kube.ts';
import { FakeClock, settle } from '../runtime/testing/fake-clock.ts';
import { lockName, MeasurementLock } from './measurement-lock.ts';

const URL = 'http://qdrant.example:6333';
const never = new AbortController().signal;
const sweep = (name: string, namespace = 'team'): SweepRef => ({
  apiVersion: 'qdrantbench.io/v1alpha1',
  kind: 'QdrantSweep',
  namespace,
  name,
  uid: `uid-of-${name}`,
});

let kube: MemoryKube;
let clock: FakeClock;
let waits: (string | undefined)[];
beforeEach(() => {
  kube = new MemoryKube();
  clock = new FakeClock();
  waits = [];
});

const lock = (ref: SweepRef, url = URL) =>
  new MeasurementLock({
    kube,
    clock,
    url,
    sweep: ref,
    namespace: 'qdrant-bench',
    log: pino({ level: 'silent' }),
    onWait: (why) => void waits.push(why),
  });
const lease = (): KubeObject | undefined => kube.look('Lease', 'qdrant-bench', lockName(URL));
const specOf = (object: KubeObject | undefined) => (object?.['spec'] ?? {}) as Record<string, unknown>;

/** Whether `taking` has come to its end when time has passed by `ms`. */
async function hasIt(taking: Promise<unknown>, ms: number): Promise<boolean> {
  let taken = false;
  taking.then(
    () => (taken = true),
    () => undefined,
  );
  await clock.advance(ms);
  return taken;
}

/** A load generator of a sweep. */
function job(ref: SweepRef): KubeObject {
  const { apiVersion, kind } = KINDS.Job;
  return kube.put({
    apiVersion,
    kind,
    metadata: { name: `job-${ref.name}`, namespace: ref.namespace, labels: sweepLabels(ref, 'loadgen') },
  });
}

describe('the lock on a target', () => {
  it('is one for all ways to write an address, and another for another server', () => {
    expect(lockName('http://Qdrant.example:6333/')).toBe(lockName(URL));
    expect(lockName('https://qdrant.example:443')).toBe(lockName('https://qdrant.example'));
    expect(lockName('http://qdrant.example:6334')).not.toBe(lockName(URL));
    expect(lockName(URL)).toMatch(/^[a-z0-9-]{1,63}$/);
  });

  it('keeps a second sweep waiting, of whatever namespace, until the first lets go', async () => {
    const release = await lock(sweep('a')).take(never);
    const second = lock(sweep('b', 'others')).take(never);
    expect(await hasIt(second, 30_000)).toBe(false);
    expect(waits.at(-1)).toContain('another sweep measures on this Qdrant');
    // Whose it is, is nothing another tenant should read.
    expect(waits.at(-1)).not.toContain('team');
    await release();
    expect(await hasIt(second, 3000)).toBe(true);
    expect(waits.at(-1)).toBeUndefined();
    await (
      await second
    )();
  });

  it('does not keep sweeps of other servers waiting', async () => {
    await lock(sweep('a')).take(never);
    expect(await hasIt(lock(sweep('b'), 'http://other.example:6333').take(never), 1)).toBe(true);
  });

  it('is the sweep’s still when its operator is another', async () => {
    await lock(sweep('a')).take(never);
    expect(await hasIt(lock(sweep('a')).take(never), 1)).toBe(true);
    expect(specOf(lease())['leaseTransitions']).toBe(0);
  });

  it('of a sweep at work is never taken, however long that lasts', async () => {
    await lock(sweep('a')).take(never);
    expect(await hasIt(lock(sweep('b')).take(never), 3_600_000)).toBe(false);
  });

  it('of a holder that died is taken over, but not while one of its load generators runs', async () => {
    const dead = { holderIdentity: 'team/a/uid-of-a', renewTime: '2026-01-01T00:00:00.000000Z', leaseTransitions: 4 };
    const { apiVersion, kind } = KINDS.Lease;
    kube.put({ apiVersion, kind, metadata: { name: lockName(URL), namespace: 'qdrant-bench' }, spec: dead });
    const running = job(sweep('a'));
    const second = lock(sweep('b')).take(never);
    expect(await hasIt(second, 300_000)).toBe(false);
    kube.set(running, { status: { conditions: [{ type: 'Failed', status: 'True' }] } });
    expect(await hasIt(second, 3000)).toBe(true);
    expect(specOf(lease())).toMatchObject({ holderIdentity: 'team/b/uid-of-b', leaseTransitions: 5 });
  });

  it('is given up while it is waited for', async () => {
    await lock(sweep('a')).take(never);
    const stop = new AbortController();
    const second = lock(sweep('b')).take(stop.signal);
    await clock.advance(1000);
    stop.abort(new Error('the spec has changed'));
    await expect(second).rejects.toThrow('the spec has changed');
  });

  it('is shown to be held, through failures, and let go of without a word when the API server is away', async () => {
    const release = await lock(sweep('a')).take(never);
    const first = specOf(lease())['renewTime'];
    let away = true;
    kube.before = () => {
      if (away) throw new KubeError(503, 'Unavailable', 'away');
    };
    await clock.advance(20_000);
    expect(specOf(lease())['renewTime']).toBe(first);
    away = false;
    await clock.advance(20_000);
    expect(specOf(lease())['renewTime']).not.toBe(first);
    away = true;
    await release();
    expect(specOf(lease())['holderIdentity']).toBe('team/a/uid-of-a');
  });

  it('that another has taken meanwhile is not released for that one', async () => {
    const release = await lock(sweep('a')).take(never);
    kube.set(lease() as KubeObject, { spec: { holderIdentity: 'team/b/uid-of-b' } });
    await clock.advance(20_000);
    await release();
    expect(specOf(lease())['holderIdentity']).toBe('team/b/uid-of-b');
  });

  it.each<[string, object]>([
    ['says nothing at all', {}],
    ['was let go of', { spec: { leaseTransitions: 7 } }],
    ['never changed hands', { spec: { holderIdentity: 'team/b/uid-of-b' } }],
  ])('that %s is taken', async (_, content) => {
    const { apiVersion, kind } = KINDS.Lease;
    kube.put({ apiVersion, kind, metadata: { name: lockName(URL), namespace: 'qdrant-bench' }, ...content });
    expect(await hasIt(lock(sweep('a')).take(never), 90_000)).toBe(true);
    expect(specOf(lease())['holderIdentity']).toBe('team/a/uid-of-a');
  });

  it('is not taken for somebody else’s when the API server refuses it', async () => {
    kube.before = (verb) => {
      if (verb === 'create') throw new KubeError(403, 'Forbidden', 'no leases for you');
    };
    await expect(lock(sweep('a')).take(never)).rejects.toThrow('no leases for you');
  });

  it('that two want to make at once is one’s', async () => {
    let first = true;
    kube.before = (verb, kind, name) => {
      if (verb !== 'create' || !first) return;
      first = false;
      const { apiVersion } = KINDS.Lease;
      const spec = { holderIdentity: 'team/b/uid-of-b', renewTime: '2026-01-01T00:00:00.000000Z' };
      kube.put({ apiVersion, kind, metadata: { name, namespace: 'qdrant-bench' }, spec });
    };
    const waiting = lock(sweep('a')).take(never);
    expect(await hasIt(waiting, 10_000)).toBe(false);
    expect(await hasIt(waiting, 90_000)).toBe(true);
  });

  it('that somebody deleted while it was held is none, and that is no failure', async () => {
    const release = await lock(sweep('a')).take(never);
    kube.objects.clear();
    await clock.advance(20_000);
    await release();
    expect(lease()).toBeUndefined();
  });

  it('works by the machine’s clock, told to nobody', async () => {
    const options = { kube, url: URL, sweep: sweep('a'), namespace: 'qdrant-bench', log: pino({ level: 'silent' }) };
    const release = await new MeasurementLock(options).take(never);
    await release();
    expect(specOf(lease())).not.toHaveProperty('holderIdentity');
  });

  it('carries our label', async () => {
    await lock(sweep('a')).take(never);
    expect(lease()?.metadata.labels).toEqual({ [LABELS.managedBy]: 'qdrant-bench' });
  });

  it('has one holder at a time, whoever comes and goes when', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ begins: fc.nat(20), works: fc.nat(20) }), { maxLength: 6 }),
        async (all) => {
          kube = new MemoryKube();
          clock = new FakeClock();
          let holders = 0;
          let most = 0;
          const working = all.map(async ({ begins, works }, index) => {
            await new Promise<void>((resolve) => void clock.after(begins * 1000, resolve));
            const release = await lock(sweep(`s${index}`)).take(never);
            most = Math.max(most, (holders += 1));
            await new Promise<void>((resolve) => void clock.after(works * 1000, resolve));
            holders -= 1;
            await release();
          });
          await clock.advance(600_000);
          await Promise.all(working);
          await settle();
          expect(most).toBe(Math.min(1, all.length));
        },
      ),
      { numRuns: 30 },
    );
  });
});
