import { readFile } from 'node:fs/promises';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApiServer, type TestApiServer } from '../../dev/cluster/testing/api-server.ts';
import { EventRecorder } from './events.ts';
import { ensureFinalizer, removeFinalizer } from './finalizers.ts';
import { Informer } from './informer.ts';
import type { KubeClient } from './kube-client.ts';
import { KINDS } from './kinds.ts';
import { KubeError, type KubeKind, type KubeObject, refOf } from './kube.ts';
import { LeaderElection } from './leader-election.ts';
import type { ObjectEvent } from './object-cache.ts';
import { noMetrics } from './runtime-metrics.ts';
import { StatusWriter } from './status-writer.ts';
import { RestartedApiServer } from './testing/restart-api-server.ts';
import { startTcpRelay } from './testing/tcp-relay.ts';
import { eventually, testKube } from './testing/test-kube.ts';

const THING: KubeKind = { apiVersion: 'test.example/v1', kind: 'Thing', plural: 'things' };
const log = pino({ level: 'silent' });
const never = new AbortController().signal;

let server: TestApiServer;
let restarter: RestartedApiServer;
let kube: KubeClient;
beforeAll(async () => {
  server = await startApiServer();
  restarter = new RestartedApiServer(server.dir);
  kube = testKube(server.kubeconfig, { kinds: [THING] });
  await kube.create({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.test.example' },
    spec: {
      group: 'test.example',
      scope: 'Namespaced',
      names: { plural: 'things', singular: 'thing', kind: 'Thing' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: { type: 'object', properties: { size: { type: 'integer' } } },
                status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
              },
            },
          },
        },
      ],
    },
  });
  await eventually(() => kube.list(THING).then(Boolean, () => false), 30_000);
}, 900_000);
afterAll(async () => {
  await kube?.close();
  await restarter?.stop();
  await server?.stop();
});

const configMap = (
  name: string,
  data: Record<string, string> = {},
  labels: Record<string, string> = {},
): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', labels },
  data,
});
const thing = (name: string, spec: unknown = {}): KubeObject => ({
  apiVersion: THING.apiVersion,
  kind: 'Thing',
  metadata: { name, namespace: 'default' },
  spec,
});
const ref = (kind: KubeKind, name: string) => ({ ...kind, namespace: 'default', name });
const isError = (status: number, reason: string) => (error: unknown) =>
  error instanceof KubeError && error.status === status && error.reason === reason;

describe('the client on a real API server', () => {
  it('creates, reads, lists page by page, and deletes', async () => {
    expect(await kube.get(ref(KINDS.ConfigMap, 'absent'))).toBeUndefined();
    const made = await kube.create(configMap('a', { x: '1' }));
    expect(made.metadata.uid).toBeTruthy();
    await expect(kube.create(configMap('a'))).rejects.toSatisfy(isError(409, 'AlreadyExists'));
    expect(await kube.get(refOf(KINDS.ConfigMap, made))).toEqual(made);
    const many = Array.from({ length: 520 }, (_, index) => configMap(`many-${index}`, {}, { many: 'yes' }));
    while (many.length > 0) await Promise.all(many.splice(0, 40).map((object) => kube.create(object)));
    const listed = await kube.list(KINDS.ConfigMap, { namespace: 'default', labelSelector: 'many=yes' });
    expect(new Set(listed.map(({ metadata }) => metadata.name)).size).toBe(520);
    expect(listed[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
    expect(await kube.list(KINDS.ConfigMap, { fieldSelector: 'metadata.name=a' })).toHaveLength(1);
    expect(await kube.delete(refOf(KINDS.ConfigMap, made), { uid: 'another-uid' })).toBe(false);
    expect(await kube.delete(refOf(KINDS.ConfigMap, made), { uid: made.metadata.uid as string })).toBe(true);
    expect(await kube.delete(refOf(KINDS.ConfigMap, made))).toBe(false);
  });

  it('says in the server’s words what was refused, and what it cannot do', async () => {
    await expect(kube.create(configMap('Not_A_Name'))).rejects.toThrow(/metadata.name: Invalid value/);
    await expect(kube.create({ ...configMap('b'), nonsense: 1 })).rejects.toThrow(/unknown field "nonsense"/);
    await expect(kube.list({ ...THING, plural: 'nothings' })).rejects.toSatisfy(isError(404, 'NoSuchPath'));
    await expect(kube.raw('/readyz?verbose', { timeoutMs: 5000, maxBytes: 10 })).rejects.toThrow(
      /longer than 10 bytes/,
    );
    expect(await kube.raw('/readyz', { timeoutMs: 5000, maxBytes: 1000 })).toBe('ok');
    expect(() => kube.create({ ...thing('x'), kind: 'Unknown' })).toThrow(/no kind this client was told of/);
    expect(() => kube.create({ ...thing('x'), metadata: { name: 'x' } })).toThrow(/metadata.namespace/);
  });

  it('applies idempotently, drops fields we no longer want, and takes others’ fields only by force', async () => {
    const first = await kube.apply(configMap('applied', { ours: '1', also: '2' }), { force: true });
    const again = await kube.apply(configMap('applied', { ours: '1', also: '2' }), { force: true });
    expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    await kube.mergePatch(refOf(KINDS.ConfigMap, first), { data: { theirs: '3' } });
    const less = await kube.apply(configMap('applied', { ours: '1' }), { force: true });
    expect(less['data']).toEqual({ ours: '1', theirs: '3' });
    const stranger = await strangerApplies('applied', { ours: 'taken' });
    expect(stranger['data']).toMatchObject({ ours: 'taken' });
    await expect(kube.apply(configMap('applied', { ours: '1' }), { force: false })).rejects.toSatisfy(
      isError(409, 'Conflict'),
    );
    const forced = await kube.apply(configMap('applied', { ours: '1' }), { force: true });
    expect(forced['data']).toMatchObject({ ours: '1' });
  });

  it('does not wait longer than its time limit, nor when it is told to stop', async () => {
    const relay = await startTcpRelay(server.url);
    const client = testKube(server.kubeconfig, { url: relay.url, timeoutMs: 300 });
    try {
      expect(await client.list(KINDS.Namespace)).not.toEqual([]);
      for (let times = 0; times < 5; times += 1) await client.list(KINDS.Namespace);
      // One TLS handshake for all of them.
      expect(relay.connections()).toBe(1);
      relay.mode('hang');
      await expect(client.list(KINDS.Namespace)).rejects.toSatisfy(isError(0, 'Timeout'));
      const abort = AbortSignal.abort(new Error('enough'));
      await expect(client.get(ref(KINDS.ConfigMap, 'a'), abort)).rejects.toThrow('enough');
      relay.mode('refuse');
      relay.cut();
      await expect(client.list(KINDS.Namespace)).rejects.toSatisfy(isError(0, 'Unreachable'));
      relay.mode('pass');
      expect(await client.list(KINDS.Namespace)).not.toEqual([]);
    } finally {
      await client.close();
      await relay.stop();
    }
    await expect(client.list(KINDS.Namespace)).rejects.toThrow(/closed/);
  });
});

/** Another field manager takes a field. */
async function strangerApplies(name: string, data: Record<string, string>): Promise<KubeObject> {
  const { KubeClient, loadKubeConfig } = await import('./kube-client.ts');
  const stranger = new KubeClient({
    config: loadKubeConfig(server.kubeconfig),
    userAgent: 'stranger',
    fieldManager: 'stranger',
  });
  const applied = await stranger.apply(configMap(name, data), { force: true });
  await stranger.close();
  return applied;
}

describe('status', () => {
  it('is patched under optimistic concurrency, and by the writer at most every so often', async () => {
    const made = await kube.create(thing('with-status', { size: 1 }));
    const at = refOf(THING, made);
    const stale = made.metadata.resourceVersion as string;
    const patched = await kube.patchStatus(at, { phase: 'Pending', best: 1 }, { resourceVersion: stale });
    expect(patched).toMatchObject({ spec: { size: 1 }, status: { phase: 'Pending', best: 1 } });
    await expect(kube.patchStatus(at, { phase: 'Other' }, { resourceVersion: stale })).rejects.toSatisfy(
      isError(409, 'Conflict'),
    );
    const writer = new StatusWriter({ kube, log, intervalMs: 500, isFinal: ({ phase }) => phase === 'Completed' });
    const about = { ...at, uid: made.metadata.uid as string };
    for (let step = 0; step < 20; step += 1) {
      writer.write(about, { phase: 'Running', step });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    writer.write(about, { phase: 'Completed', step: 20 });
    await writer.flush();
    expect((await kube.get(at))?.['status']).toEqual({ phase: 'Completed', step: 20 });
    const writes = (await audited()).filter(
      (event) =>
        event.verb === 'patch' && event.objectRef?.subresource === 'status' && event.objectRef.name === 'with-status',
    );
    // Two by hand, then the first, at most three in a second of 0.5 s steps, and the end.
    const ours = writes.filter((event) => event.stage === 'ResponseComplete').length - 2;
    expect(ours).toBeGreaterThanOrEqual(3);
    expect(ours).toBeLessThanOrEqual(5);
  });
});

async function audited() {
  const lines = (await readFile(server.auditLog, 'utf8')).split('\n').filter(Boolean);
  type Audit = { verb: string; stage: string; objectRef?: { name?: string; subresource?: string } };
  return lines.map((line) => JSON.parse(line) as Audit);
}

describe('finalizers', () => {
  it('hold an object until they are taken off', async () => {
    const made = await kube.create(thing('held'));
    const held = await ensureFinalizer(kube, THING, made, 'test.example/cleanup');
    expect(held?.metadata.finalizers).toEqual(['test.example/cleanup']);
    expect(await kube.delete(refOf(THING, made))).toBe(true);
    const deleting = (await kube.get(refOf(THING, made))) as KubeObject;
    expect(deleting.metadata.deletionTimestamp).toBeTruthy();
    expect(await ensureFinalizer(kube, THING, deleting, 'test.example/another')).toBeUndefined();
    // From a stale copy, as an informer may have it.
    await removeFinalizer(kube, THING, held as KubeObject, 'test.example/cleanup');
    expect(await kube.get(refOf(THING, made))).toBeUndefined();
    await removeFinalizer(kube, THING, deleting, 'test.example/cleanup');
  });

  it('make a deletion wait when what the object owns goes first', async () => {
    const made = await kube.create(thing('owner'));
    await kube.delete(refOf(THING, made), { propagationPolicy: 'Foreground' });
    // No garbage collector runs here; its finalizer is the API server's own.
    const waiting = (await kube.get(refOf(THING, made))) as KubeObject;
    expect(waiting.metadata.finalizers).toEqual(['foregroundDeletion']);
    await removeFinalizer(kube, THING, waiting, 'foregroundDeletion');
    expect(await kube.get(refOf(THING, made))).toBeUndefined();
  });
});

describe('a lease', () => {
  it('makes one leader at a time, each of a later term', async () => {
    const settings = { durationMs: 3000, renewDeadlineMs: 2000, retryPeriodMs: 300 };
    const about = { kube, namespace: 'default', name: 'leader', log, settings };
    const [a, b] = ['a', 'b'].map((identity) => new LeaderElection({ ...about, identity })) as [
      LeaderElection,
      LeaderElection,
    ];
    const held = async () => (await kube.get(ref(KINDS.Lease, 'leader')))?.['spec'] as Record<string, string>;
    expect((await a.acquire(never)).term).toBe(0);
    expect(await held()).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 3, leaseTransitions: 0 });
    for (const time of ['acquireTime', 'renewTime']) expect((await held())[time]).toMatch(/\.\d{6}Z$/);
    let second: number | undefined;
    void b.acquire(never).then(({ term }) => (second = term));
    // Renewed for longer than it would last.
    const first = (await held())['renewTime'] as string;
    await eventually(async () => Date.parse((await held())['renewTime'] as string) - Date.parse(first) > 3500);
    expect([a.leads, b.leads, second]).toEqual([true, false, undefined]);
    await a.release();
    await eventually(() => second !== undefined);
    expect([a.leads, b.leads, second]).toEqual([false, true, 1]);
    await b.release();
    expect(await held()).toMatchObject({ holderIdentity: '', leaseTransitions: 1 });
  });
});

describe('events', () => {
  it('are written once, and counted when they come again', async () => {
    const made = await kube.create(thing('eventful'));
    let lost = 0;
    const recorder = new EventRecorder({
      kube,
      log,
      controller: 'test.example/controller',
      instance: 'pod-0',
      metrics: { ...noMetrics, eventLost: () => void (lost += 1) },
    });
    for (let times = 0; times < 3; times += 1) {
      recorder.record(made, { type: 'Normal', reason: 'RunStarted', note: 'a run began' });
    }
    recorder.record(made, { type: 'Warning', reason: 'TargetUnreachable', note: 'ä'.repeat(5000) });
    recorder.record(
      { ...made, metadata: { ...made.metadata, namespace: 'absent' } },
      { type: 'Normal', reason: 'Lost', note: '' },
    );
    await recorder.flush();
    const events = await kube.list(KINDS.Event, { namespace: 'default' });
    expect(events).toHaveLength(2);
    const started = events.find((event) => event['reason'] === 'RunStarted');
    expect(started).toMatchObject({
      note: 'a run began',
      action: 'RunStarted',
      regarding: { kind: 'Thing', name: 'eventful', uid: made.metadata.uid },
      series: { count: 3 },
    });
    expect(started?.['eventTime']).toMatch(/\.\d{6}Z$/);
    expect(lost).toBe(1);
  });
});

/** An informer of config maps with a label, and what it told. */
function watching(client: KubeClient, label: string) {
  const events: ObjectEvent[] = [];
  const restarts: string[] = [];
  const informer = new Informer({
    kube: client,
    kind: KINDS.ConfigMap,
    namespace: 'default',
    labelSelector: `test=${label}`,
    log,
    metrics: { ...noMetrics, watchRestarted: (_kind, why) => void restarts.push(why) },
    onEvent: (event) => void events.push(event),
    idleMs: 100_000,
  });
  const told = () => events.map(({ type, object }) => `${type} ${object.metadata.name}`);
  return { informer, events, told, restarts };
}

describe('an informer', () => {
  it('sees creations, updates and deletions, over cut connections and while the server is away', async () => {
    const relay = await startTcpRelay(server.url);
    const client = testKube(server.kubeconfig, { url: relay.url });
    const { informer, told, restarts } = watching(client, 'cut');
    const labels = { test: 'cut' };
    await kube.create(configMap('first', {}, labels));
    try {
      expect(informer.hasSynced).toBe(false);
      informer.start();
      informer.start();
      await informer.synced(never);
      expect(told()).toEqual(['Added first']);
      await kube.create(configMap('second', {}, labels));
      await kube.create(configMap('not-selected'));
      await eventually(() => told().includes('Added second'));
      relay.cut();
      await kube.mergePatch(ref(KINDS.ConfigMap, 'second'), { data: { x: '1' } });
      await eventually(() => told().includes('Updated second'));
      relay.mode('refuse');
      relay.cut();
      await kube.delete(ref(KINDS.ConfigMap, 'first'));
      await kube.create(configMap('third', {}, labels));
      await new Promise((resolve) => setTimeout(resolve, 1500));
      expect(told()).toHaveLength(3);
      relay.mode('pass');
      await eventually(() => told().length === 5);
      expect(told().slice(3)).toEqual(['Deleted first', 'Added third']);
      expect(
        informer
          .list()
          .map(({ metadata }) => metadata.name)
          .toSorted(),
      ).toEqual(['second', 'third']);
      expect(informer.get('second', 'default')?.['data']).toEqual({ x: '1' });
      expect(restarts).toContain('error');
      expect(informer.staleSeconds).toBeLessThan(30);
      await informer.stop();
      await kube.create(configMap('after-stop', {}, labels));
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(told()).toHaveLength(5);
    } finally {
      await informer.stop();
      await client.close();
      await relay.stop();
    }
  });

  it('takes a connection that has gone silent for dead', async () => {
    const relay = await startTcpRelay(server.url);
    const client = testKube(server.kubeconfig, { url: relay.url, timeoutMs: 1000 });
    const { told, ...rest } = watching(client, 'silent');
    const informer = new Informer({
      kube: client,
      kind: KINDS.ConfigMap,
      labelSelector: 'test=silent',
      log,
      onEvent: (event) => void rest.events.push(event),
      idleMs: 1500,
    });
    try {
      informer.start();
      await informer.synced(never);
      relay.mode('hang');
      await kube.create(configMap('unheard', {}, { test: 'silent' }));
      await new Promise((resolve) => setTimeout(resolve, 2500));
      expect(told()).toEqual([]);
      relay.mode('pass');
      await eventually(() => told().includes('Added unheard'), 20_000);
    } finally {
      await informer.stop();
      await client.close();
      await relay.stop();
    }
  });

  it('goes on after a restart of the API server', async () => {
    const { informer, told } = watching(kube, 'restart');
    const labels = { test: 'restart' };
    await kube.create(configMap('before', {}, labels));
    informer.start();
    await informer.synced(never);
    await restarter.restart(500);
    const again = testKube(server.kubeconfig);
    await eventually(() => again.create(configMap('during', {}, labels)).then(Boolean, () => false), 60_000);
    await again.delete(ref(KINDS.ConfigMap, 'before'));
    await eventually(() => told().length === 3, 45_000);
    expect(told()).toEqual(['Added before', 'Added during', 'Deleted before']);
    await informer.stop();
    await again.close();
  }, 120_000);

  // After the restart: the new server's memory begins later than our old version.
  it('lists anew when the server has forgotten its version, and tells what went meanwhile', async () => {
    const labels = { test: 'expired' };
    await kube.create(configMap('stays', {}, labels));
    await kube.create(configMap('goes', {}, labels));
    let forget = false;
    const forgetful = Object.assign(Object.create(kube) as KubeClient, {
      listWithVersion: kube.listWithVersion.bind(kube),
      watch: (kind: KubeKind, options: Parameters<KubeClient['watch']>[1], signal: AbortSignal) => {
        const resourceVersion = forget ? '1' : options.resourceVersion;
        return kube.watch(kind, { ...options, resourceVersion, timeoutSeconds: 2 }, signal);
      },
    });
    const { informer, told, restarts } = watching(forgetful, 'expired');
    informer.start();
    await informer.synced(never);
    forget = true;
    await eventually(() => restarts.includes('closed'));
    await kube.delete(ref(KINDS.ConfigMap, 'goes'));
    await eventually(() => restarts.includes('expired'), 20_000);
    forget = false;
    await eventually(() => told().includes('Deleted goes'));
    expect(told()).toEqual(['Added goes', 'Added stays', 'Deleted goes']);
    await informer.stop();
  });
});
