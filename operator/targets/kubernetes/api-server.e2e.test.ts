import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApiServer, type TestApiServer } from '../../../dev/cluster/testing/api-server.ts';
import { KINDS } from '../../runtime/kinds.ts';
import type { KubeClient } from '../../runtime/kube-client.ts';
import type { KubeKind, KubeObject } from '../../runtime/kube.ts';
import { eventually, testKube } from '../../runtime/testing/test-kube.ts';
import { KubernetesTarget, type KubernetesTargetOptions } from './kubernetes-target.ts';
import { type SweepRef, sweepLabels } from '../../owned/sweep-ref.ts';
import { childName } from './names.ts';
import { claimName, podName } from './stateful-set.ts';

// A real API server without controllers: this test plays them, so that it can play faults, too.

const OWNER: KubeKind = KINDS.ConfigMap;
const signal = new AbortController().signal;

let server: TestApiServer;
let kube: KubeClient;
let qdrant: Server;
/** What the server that plays Qdrant has, and how it answers. */
const world = { collections: new Set<string>(), engine: 'qdrant-edge 0.9.0', up: true, keys: new Set<unknown>() };
let sweep: SweepRef;
let name: string;
let waits: string[];

beforeAll(async () => {
  server = await startApiServer();
  kube = testKube(server.kubeconfig);
  qdrant = createServer((request, response) => {
    const path = request.url ?? '';
    world.keys.add(request.headers['api-key']);
    const [, collection = '', rest] = /^\/collections\/([^/?]+)(\/exists)?/.exec(path) ?? [];
    response.setHeader('content-type', 'application/json');
    if (!world.up) response.statusCode = 503;
    if (path === '/') response.end(JSON.stringify({ title: 'qdrant', version: '1.19.0' }));
    else if (path === '/telemetry') response.end(JSON.stringify({ result: { app: { engine: world.engine } } }));
    else if (rest) response.end(JSON.stringify({ result: { exists: world.collections.has(collection) } }));
    else response.end(JSON.stringify({ result: world.collections.delete(collection) }));
  }).listen(0, '127.0.0.1');
  await once(qdrant, 'listening');
}, 900_000);
afterAll(async () => {
  qdrant?.close();
  await kube?.close();
  await server?.stop();
});

let count = 0;
beforeEach(async () => {
  const owner = await kube.create({
    apiVersion: OWNER.apiVersion,
    kind: OWNER.kind,
    metadata: { name: `sweep-${(count += 1)}`, namespace: 'default' },
  });
  const { metadata } = owner;
  sweep = { ...OWNER, namespace: 'default', name: metadata.name, uid: metadata.uid as string };
  name = childName(sweep, 'qdrant');
  waits = [];
  Object.assign(world, { collections: new Set(['kept']), engine: 'qdrant-edge 0.9.0', up: true, keys: new Set() });
});

function target(options: Partial<KubernetesTargetOptions> = {}): KubernetesTarget {
  return new KubernetesTarget({
    kube,
    sweep,
    spec: {},
    defaults: { image: 'qdrant:v{version}', version: '1.19.0', cpu: '1', memory: '2Gi', storage: '1Gi' },
    address: () => `http://127.0.0.1:${(qdrant.address() as AddressInfo).port}`,
    onWait: (message) => void waits.push(message),
    ...options,
  });
}

const at = (kind: KubeKind, called: string) => ({ ...kind, namespace: 'default', name: called });
const get = (kind: KubeKind, called = name) => kube.get(at(kind, called));

/** Plays the StatefulSet's controller and the kubelet: a pod of its template, with this status. */
async function makePod(status: object): Promise<KubeObject> {
  const set = await eventually(() => get(KINDS.StatefulSet));
  const { template } = set['spec'] as { template: { metadata: { labels: Record<string, string> }; spec: object } };
  const spec = structuredClone(template.spec) as { volumes: unknown[] };
  spec.volumes = [...spec.volumes, { name: 'storage', persistentVolumeClaim: { claimName: claimName(name) } }];
  await kube.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: podName(name), namespace: 'default', labels: template.metadata.labels },
    spec,
  });
  return setStatus(status);
}
const setStatus = (status: object) => kube.patchStatus(at(KINDS.Pod, podName(name)), status);
const READY = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
const kill = () => kube.delete(at(KINDS.Pod, podName(name)), { gracePeriodSeconds: 0 });

describe('a Kubernetes target', () => {
  it('makes its Qdrant, tells what it is, and is not made twice', async () => {
    const described = target().describe(signal);
    await makePod(READY);
    expect(await described).toEqual({
      identity: { kind: 'kubernetes', resources: { cpu: 1, memory: 2 * 2 ** 30, version: '1.19.0' } },
      qdrantVersion: '1.19.0',
      description: `Qdrant 1.19.0 in pod ${name}-0, 1 CPU, 2.00 GiB`,
      unsupported: expect.arrayContaining(['shard_number']) as string[],
    });
    const before = await get(KINDS.StatefulSet);
    const key = (await get(KINDS.Secret))?.['data'];
    world.engine = '';
    const again = target();
    expect(await again.describe(signal)).toMatchObject({ unsupported: [] });
    expect((await get(KINDS.StatefulSet))?.metadata.resourceVersion).toBe(before?.metadata.resourceVersion);
    expect((await get(KINDS.Secret))?.['data']).toEqual(key);
    const { apiKey } = await again.open('c', signal);
    expect(apiKey).toMatch(/^[\w-]{32}$/);
    expect(world.keys).toContain(apiKey);
    expect(again.pod).toEqual({ namespace: 'default', name: podName(name) });
  });

  it('is reached by its Service’s name unless told otherwise', async () => {
    const described = target({ address: undefined as never, readyMs: 1000 });
    await expect(described.describe(signal)).rejects.toThrow(/does not serve/);
    const unreachable = target({ address: undefined as never, clock: hurried() });
    const answer = unreachable.describe(signal);
    await makePod(READY);
    await expect(answer).rejects.toThrow(`http://${name}.default.svc:6333`);
  });

  it('asks for the version of the spec, and refuses another', async () => {
    const described = target({ spec: { version: 'v1.18.2' } }).describe(signal);
    await makePod(READY);
    await expect(described).rejects.toThrow(
      /version: Invalid value: "v1.18.2": the image qdrant:v1.18.2 is Qdrant 1.19.0/,
    );
  });

  it('does not wait for the pod of a StatefulSet that somebody deleted', async () => {
    const described = target().describe(signal);
    described.catch(() => undefined);
    await eventually(() => get(KINDS.StatefulSet));
    await kube.delete(at(KINDS.StatefulSet, name));
    await expect(described).rejects.toMatchObject({ reason: 'TargetUnreachable' });
    await expect(described).rejects.toThrow(`StatefulSet default/${name} was deleted while its pod was waited for`);
    const again = target().describe(signal);
    await makePod(READY);
    expect(await again).toMatchObject({ qdrantVersion: '1.19.0' });
  });

  it.each<[string, object, RegExp]>([
    [
      'no node',
      {
        phase: 'Pending',
        conditions: [
          { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes: Insufficient cpu' },
        ],
      },
      /no node takes its pod: 0\/1 nodes: Insufficient cpu/,
    ],
    [
      'no image',
      {
        phase: 'Pending',
        containerStatuses: [
          {
            name: 'qdrant',
            image: 'x',
            imageID: '',
            ready: false,
            restartCount: 0,
            state: { waiting: { reason: 'ErrImageNeverPull', message: 'not present' } },
          },
        ],
      },
      /may not be pulled: not present/,
    ],
  ])('says why it does not serve: %s', async (_name, status, why) => {
    const described = target({ readyMs: 3000 }).describe(signal);
    await makePod(status);
    await expect(described).rejects.toMatchObject({
      name: 'TargetError',
      reason: 'TargetUnreachable',
      message: expect.stringMatching(why) as string,
    });
    expect(waits.join()).toMatch(why);
  });

  it('says why there is no pod at all', async () => {
    const described = target({ readyMs: 9000 }).describe(signal);
    const set = await eventually(() => get(KINDS.StatefulSet));
    await kube.create({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'quota', namespace: 'default' },
      eventTime: '2026-11-21T12:00:00.000000Z',
      reportingController: 'statefulset-controller',
      reportingInstance: 'x',
      action: 'Create',
      reason: 'FailedCreate',
      type: 'Warning',
      note: 'exceeded quota: small',
      regarding: { apiVersion: 'apps/v1', kind: 'StatefulSet', name, namespace: 'default', uid: set.metadata.uid },
    });
    await expect(described).rejects.toThrow(/its pod cannot be made: exceeded quota: small/);
  });

  it('replaces a pod that is not what is to be measured', async () => {
    const first = target().describe(signal);
    const old = await makePod(READY);
    await first;
    const second = target({ spec: { resources: { cpu: '2', memory: '4Gi' } } }).describe(signal);
    await eventually(
      async () =>
        !(await get(KINDS.Pod, podName(name))) ||
        (await get(KINDS.Pod, podName(name)))?.metadata.deletionTimestamp !== undefined,
    );
    await kill();
    const pod = await makePod(READY);
    expect(pod.metadata.uid).not.toBe(old.metadata.uid);
    expect(await second).toMatchObject({ description: expect.stringContaining('2 CPUs, 4.00 GiB') as string });
    expect(waits).toContain('its pod has other resources or another image and is made again');
  });

  it('touches nothing that is not its own', async () => {
    await kube.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'default' },
      spec: { ports: [{ port: 1 }] },
    });
    const before = await get(KINDS.Service);
    await expect(target().describe(signal)).rejects.toMatchObject({
      reason: 'Refused',
      message: expect.stringContaining(`Service default/${name} exists and was not made for`) as string,
    });
    await target().dispose({ deleteData: true });
    expect(await get(KINDS.Service)).toEqual(before);
    // Our labels alone, as of a copy, do not make it ours.
    await kube.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: 'default', labels: sweepLabels(sweep, 'qdrant') },
    });
    await target().dispose({ deleteData: true });
    expect(await get(KINDS.ConfigMap)).toBeDefined();
  });

  it('knows its collections, also as a new process, and makes again what was deleted by hand', async () => {
    const first = target();
    const described = first.describe(signal);
    await makePod(READY);
    await described;
    expect(await first.existing(['kept', 'absent'], signal)).toEqual(new Set(['kept']));
    const fresh = target();
    expect(await fresh.existing(['kept'], signal)).toEqual(new Set(['kept']));
    await fresh.rest();
    await fresh.remove('kept', signal);
    expect(world.collections.size).toBe(0);
    // Away for a moment: looked for once more.
    world.up = false;
    setTimeout(() => (world.up = true), 1500);
    expect(await fresh.existing(['kept'], signal)).toEqual(new Set());
    await kube.delete(at(KINDS.StatefulSet, name));
    await kill();
    world.up = false;
    expect(await fresh.existing(['kept'], signal)).toEqual(new Set());
    await fresh.remove('kept', signal);
    world.up = true;
    const opened = target().open('c', signal);
    await makePod(READY);
    expect((await opened).url).toContain('127.0.0.1');
  });

  it('goes with its data, or stays', async () => {
    const made = target();
    const described = made.describe(signal);
    await makePod(READY);
    await described;
    await kube.create({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: claimName(name), namespace: 'default', labels: sweepLabels(sweep, 'qdrant') },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    });
    await made.dispose({ deleteData: false });
    expect(await get(KINDS.StatefulSet)).toBeDefined();
    // Nobody ends the pod here: it says what it waits for.
    await expect(target({ goneMs: 1500 }).dispose({ deleteData: true })).rejects.toThrow(
      new RegExp(`still ending after 2 s: Pod ${podName(name)}`),
    );
    const gone = made.dispose({ deleteData: true });
    await kill();
    // The API server holds a claim for a controller that does not run here.
    await eventually(async () => (await get(KINDS.PersistentVolumeClaim, claimName(name)))?.metadata.deletionTimestamp);
    await kube.mergePatch(at(KINDS.PersistentVolumeClaim, claimName(name)), { metadata: { finalizers: null } });
    await gone;
    for (const kind of [KINDS.StatefulSet, KINDS.Service, KINDS.Secret]) expect(await get(kind)).toBeUndefined();
    await made.dispose({ deleteData: true });
  });

  it('tells refusals of the API server as the target’s, and stops when told to', async () => {
    const nowhere = target({ sweep: { ...sweep, namespace: 'no-such-namespace' } });
    await expect(nowhere.describe(signal)).rejects.toMatchObject({
      reason: 'Refused',
      message: expect.stringContaining('namespaces "no-such-namespace" not found') as string,
    });
    await expect(target().describe(AbortSignal.timeout(1500))).rejects.toThrow(/aborted due to timeout/);
    const bad = target({
      defaults: {
        image: 'q',
        version: '1.19.0',
        imagePullPolicy: 'Sometimes' as never,
        cpu: '1',
        memory: '1Gi',
        storage: '1Gi',
      },
    });
    await expect(bad.describe(signal)).rejects.toMatchObject({ reason: 'Refused' });
  });
});

/** A clock on which waiting takes no time. */
function hurried() {
  let skipped = 0;
  return {
    now: () => Date.now() + skipped,
    after(ms: number, callback: () => void) {
      skipped += ms;
      const timer = setTimeout(callback, 20);
      return () => clearTimeout(timer);
    },
  };
}
