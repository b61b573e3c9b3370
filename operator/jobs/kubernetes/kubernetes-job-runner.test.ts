import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../../loadgen/protocol.ts';
import { KINDS } from '../../runtime/kinds.ts';
import { KubeError, type KubeObject } from '../../runtime/kube.ts';
import { datasetClaimName } from './job-name.ts';
import { LABELS } from '../../owned/sweep-ref.ts';
import { finalsJob, prepareJob, SWEEP } from './testing/jobs.ts';
import { OOM_KILLED, type PodScript, SUCCEEDED } from './testing/memory-cluster.ts';
import { address, cluster, DONE, listener, measure, name, never, PREPARED, search } from './testing/world.ts';

const foreign = (kind: string, called: string, fields: object = {}): KubeObject => ({
  apiVersion: kind === 'Job' ? 'batch/v1' : 'v1',
  kind,
  metadata: { name: called, namespace: SWEEP.namespace, labels: { app: 'somebody-else' } },
  ...fields,
});

describe('a job on Kubernetes', () => {
  it('is over once every message was handled, in order', async () => {
    const world = cluster({ says: [search('a'), search('b'), DONE], end: SUCCEEDED });
    const { heard, onMessage } = listener();
    const end = await world.runner().run(measure, { onMessage, signal: never });
    expect(end).toEqual(DONE);
    expect(heard).toEqual(['a', 'b', 'done']);
    expect(world.bus.state(address)).toEqual({ kept: 3, acked: 3 });
  });

  it('leaves its Job to whoever has recorded its end, and `discard` leaves nothing of it', async () => {
    const world = cluster({ says: [DONE], end: SUCCEEDED });
    const runner = world.runner();
    await runner.run(measure, { onMessage: listener().onMessage, signal: never });
    expect(world.kube.of('Job').map(({ metadata }) => metadata.name)).toEqual([name]);
    await runner.discard(measure, never);
    await runner.discard(measure, never);
    expect(world.kube.objects.size).toBe(0);
    expect(world.bus.state(address).kept).toBe(0);
  });

  it('keeps secrets in its Secret, out of its Job', async () => {
    const world = cluster({ says: [DONE], end: SUCCEEDED });
    const secrets = { QDRANT_BENCH_TARGET_API_KEY: 'hunter2' };
    await world.runner().run(measure, { onMessage: listener().onMessage, secrets, signal: never });
    const job = JSON.stringify(world.kube.look('Job', SWEEP.namespace, name));
    expect(job).not.toContain('hunter2');
    expect(job).toContain('"secretKeyRef"');
    const data = world.kube.look('Secret', SWEEP.namespace, name)?.['data'] as Record<string, string>;
    expect(Buffer.from(data['QDRANT_BENCH_TARGET_API_KEY'] ?? '', 'base64').toString()).toBe('hunter2');
    expect(Buffer.from(data['nats.creds'] ?? '', 'base64').toString()).toContain(`qb.results.team.${name}`);
  });

  it('tells how its pod fares, once a state', async () => {
    const world = cluster({ says: [search('a')] });
    const running = world.runner().run(measure, { onMessage: listener().onMessage, signal: never });
    running.catch(() => undefined);
    while (!world.news.some(({ state }) => state.kind === 'Running')) await sleep(1);
    for (const pod of world.kube.of('Pod')) world.kube.set(pod, { status: OOM_KILLED?.pod });
    await expect(running).rejects.toThrow('OOMKilled');
    const kinds = world.news.map(({ state }) => state.kind);
    expect(kinds.at(-1)).toBe('Ended');
    expect(new Set(world.news.map((news) => JSON.stringify(news))).size).toBe(world.news.length);
    const quiet = cluster({ says: [DONE], end: SUCCEEDED });
    await quiet.runner({ quiet: true }).run(measure, { onMessage: listener().onMessage, signal: never });
    expect(quiet.news).toEqual([]);
  });

  it('passes progress on; one that cannot be handled hurts nobody', async () => {
    const world = cluster({ says: [], end: undefined } as unknown as PodScript);
    const { heard, onMessage } = listener(({ type }) => (type === 'progress' ? new Error('no') : undefined));
    const running = world.runner().run(measure, { onMessage, signal: never });
    await sleep(20);
    const progress: Message = { type: 'progress', phase: 'Loading', done: 1, total: 2 };
    for (let times = 0; times < 10; times += 1) world.bus.publish(address, progress);
    world.bus.publish(address, search('a'), DONE);
    expect(await running).toEqual(DONE);
    expect(heard).toEqual(['a', 'done']);
  });
});

describe('a job that is asked for again', () => {
  it('is listened to, not started twice', async () => {
    const world = cluster({ says: [search('a')] });
    const stop = new AbortController();
    const first = listener();
    const before = world.runner().run(measure, { onMessage: first.onMessage, signal: stop.signal });
    while (first.heard.length === 0) await sleep(1);
    stop.abort(new Error('the operator stops'));
    await expect(before).rejects.toThrow('the operator stops');
    expect(world.kube.of('Job')).toHaveLength(1);
    expect(world.kube.of('Pod')).toHaveLength(1);

    world.bus.publish(address, search('b'), DONE);
    const second = listener();
    expect(await world.runner().run(measure, { onMessage: second.onMessage, signal: never })).toEqual(DONE);
    expect(second.heard).toEqual(['b', 'done']);
    expect(world.made).toEqual([name]);
  });

  it('has ended when its last word was heard before', async () => {
    const world = cluster({ says: [search('a'), DONE], end: SUCCEEDED });
    await world.runner().run(measure, { onMessage: listener().onMessage, signal: never });
    const again = listener();
    expect(await world.runner().run(measure, { onMessage: again.onMessage, signal: never })).toEqual(DONE);
    expect(again.heard).toEqual([]);
    expect(world.made).toEqual([name]);
  });

  it('is found by whoever follows, with all its document', async () => {
    const world = cluster({ says: [] });
    expect(await world.runner().pending(never)).toBeUndefined();
    const stop = new AbortController();
    const running = world.runner().run(finalsJob(), { onMessage: listener().onMessage, signal: stop.signal });
    while (world.made.length === 0) await sleep(1);
    stop.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    expect(await world.runner().pending(never)).toEqual(finalsJob());
    expect(await world.runner({ sweep: { ...SWEEP, uid: 'another' } }).pending(never)).toBeUndefined();
  });

  it.each([
    ['without its Secret', undefined],
    ['with a document of another version', { kind: 'Weigh' }],
    ['with a document that is none', 'not JSON'],
  ])('is deleted when nobody can tell what it is: %s', async (_name, document) => {
    const world = cluster(undefined);
    const labels = { [LABELS.sweepUid]: SWEEP.uid, [LABELS.component]: 'loadgen' };
    const metadata = { name, namespace: SWEEP.namespace, labels };
    world.kube.put({ apiVersion: 'batch/v1', kind: 'Job', metadata });
    if (document !== undefined) {
      const text = typeof document === 'string' ? document : JSON.stringify(document);
      world.kube.put({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: { 'job.json': text } });
    }
    expect(await world.runner().pending(never)).toBeUndefined();
    expect(world.kube.objects.size).toBe(0);
  });
});

describe('a job whose results cannot be recorded', () => {
  it('stops after six times in a row, with the reason; its Job goes on', async () => {
    const world = cluster({ says: [search('a'), DONE] });
    const full = new Error('the disk of Postgres is full');
    let asked = 0;
    const running = world.runner().run(measure, {
      signal: never,
      onMessage: (message) => {
        asked += 1;
        // Progress that passes does not make the results pass.
        if (message.type === 'search')
          world.bus.publish(address, { type: 'progress', phase: 'Loading', done: 1, total: 2 });
        return message.type === 'progress' ? Promise.resolve() : Promise.reject(full);
      },
    });
    await expect(running).rejects.toBe(full);
    expect(asked).toBeGreaterThanOrEqual(6);
    expect(world.kube.of('Job')).toHaveLength(1);
    expect(world.bus.state(address)).toEqual({ kept: 2, acked: 0 });
  });

  it('goes on when it was recorded at last, and begins to count anew', async () => {
    const world = cluster({ says: [search('a'), search('b'), DONE], end: SUCCEEDED });
    const { heard, onMessage } = listener((_message, nth) => (nth % 6 === 0 ? undefined : new Error('not now')));
    expect(await world.runner().run(measure, { onMessage, signal: never })).toEqual(DONE);
    expect(heard).toEqual(['a', 'b', 'done']);
  });
});

describe('what is not ours', () => {
  it.each([
    ['Job', { spec: { mine: true } }],
    ['Secret', { data: { key: 'dmFsdWU=' } }],
  ])('a %s of the same name is left as it is, and said to be in the way', async (kind, fields) => {
    const world = cluster({ says: [DONE], end: SUCCEEDED });
    const theirs = world.kube.put(foreign(kind, name, fields));
    const running = world.runner().run(measure, { onMessage: listener().onMessage, signal: never });
    await expect(running).rejects.toThrow(`${kind} team/${name} exists and is not of this sweep; delete or rename it`);
    await world.runner().discard(measure, never);
    await world.runner().discardAll(never);
    expect(world.kube.look(kind, SWEEP.namespace, name)).toEqual(theirs);
    expect(world.made.filter((made) => made !== name)).toEqual([]);
  });

  it('a claim of the same name is left as it is, also when it comes in between', async () => {
    const world = cluster({ says: [PREPARED, DONE], end: SUCCEEDED });
    const claim = foreign('PersistentVolumeClaim', datasetClaimName(SWEEP), { spec: { theirs: true } });
    world.kube.before = (verb, kind) => {
      if (verb === 'create' && kind === 'PersistentVolumeClaim') world.kube.put(claim);
    };
    for (let times = 0; times < 2; times += 1) {
      const running = world.runner().run(prepareJob(), { onMessage: listener().onMessage, signal: never });
      await expect(running).rejects.toThrow('exists and is not of this sweep');
    }
    expect(world.kube.of('PersistentVolumeClaim')).toMatchObject([{ spec: { theirs: true } }]);
    expect(world.made).toEqual([]);
  });
});

describe('discarding', () => {
  /** A cluster with a Job that is let go of, whose pod takes its time to end. */
  async function lingering() {
    const world = cluster({ says: [search('a')] });
    world.kube.podsLinger = true;
    const stop = new AbortController();
    const running = world.runner().run(measure, { onMessage: listener().onMessage, signal: stop.signal });
    running.catch(() => undefined);
    while (world.kube.of('Pod').length === 0) await sleep(1);
    stop.abort(new Error('enough'));
    return world;
  }

  /** Begins to discard everything, and sees that it is not done as long as a pod is there. */
  async function discardingWaits(world: ReturnType<typeof cluster>): Promise<Promise<unknown>[]> {
    let gone = false;
    const discarding = world
      .runner()
      .discardAll(never)
      .then(() => (gone = true));
    await sleep(30);
    expect(gone).toBe(false);
    // In a list, or it would be waited for here.
    return [discarding];
  }

  it('ends once no pod is left', async () => {
    const world = await lingering();
    const [discarding] = await discardingWaits(world);
    expect(world.kube.of('Job')).toEqual([]);
    world.kube.killed();
    await discarding;
    expect(world.kube.objects.size).toBe(0);
  });

  it('says where to look when a pod does not go', async () => {
    const world = await lingering();
    await expect(world.runner({ times: { gone: 20 } }).discard(measure, never)).rejects.toThrow(
      `pods of Job team/${name} are still there; look at its node, or delete them by force`,
    );
  });

  it('of all takes away what others left of a Job they deleted: its pod is waited for, Secret and messages go', async () => {
    const world = await lingering();
    await world.kube.delete({ ...KINDS.Job, namespace: SWEEP.namespace, name });
    const other = { namespace: SWEEP.namespace, job: 'qsw-other-1' };
    world.bus.publish(other, DONE);
    const [discarding] = await discardingWaits(world);
    world.kube.killed();
    await discarding;
    expect(world.kube.objects.size).toBe(0);
    expect(world.bus.state(address)).toEqual({ kept: 0, acked: 0 });
    expect(world.bus.state(other)).toEqual({ kept: 1, acked: 0 });
  });

  it('is not held up by NATS being away', async () => {
    const world = cluster({ says: [DONE], end: SUCCEEDED });
    await world.runner().run(measure, { onMessage: listener().onMessage, signal: never });
    world.bus.away = true;
    await world.runner().discard(measure, never);
    expect(world.kube.objects.size).toBe(0);
  });
});

describe('an API server that fails', () => {
  it('is asked again how a Job fares', async () => {
    const world = cluster({ says: [search('a')], end: OOM_KILLED });
    let failures = 0;
    world.kube.before = (verb, kind) => {
      if (verb !== 'list' || kind !== 'Pod' || (failures += 1) > 5) return;
      throw new KubeError(0, 'Unreachable', 'connection refused');
    };
    const running = world.runner().run(measure, { onMessage: listener().onMessage, signal: never });
    await expect(running).rejects.toThrow('OOMKilled');
    expect(failures).toBeGreaterThan(5);
  });

  it('refuses a Job in its own words', async () => {
    const world = cluster({ says: [DONE], end: SUCCEEDED });
    const refused = new KubeError(403, 'Forbidden', 'exceeded quota');
    world.kube.before = (verb, kind) => {
      if (verb === 'create' && kind === 'Job') throw refused;
    };
    await expect(world.runner().run(measure, { onMessage: listener().onMessage, signal: never })).rejects.toBe(refused);
  });

  it('that has the Job already, made by another process of ours, is taken at its word', async () => {
    const world = cluster({ says: [DONE], end: SUCCEEDED });
    world.kube.before = (verb, kind) => {
      if (verb !== 'create' || kind !== 'Job') return;
      const labels = { [LABELS.sweepUid]: SWEEP.uid, [LABELS.component]: 'loadgen' };
      world.kube.before = () => undefined;
      world.kube.put({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace: SWEEP.namespace, labels } });
    };
    expect(await world.runner().run(measure, { onMessage: listener().onMessage, signal: never })).toEqual(DONE);
    expect(world.made).toEqual([name]);
  });

  it('hears nothing of a run that is aborted before it begins', async () => {
    const world = cluster({ says: [DONE], end: SUCCEEDED });
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(world.runner().run(measure, { onMessage: listener().onMessage, signal })).rejects.toThrow('too late');
    expect(world.made).toEqual([]);
  });
});
