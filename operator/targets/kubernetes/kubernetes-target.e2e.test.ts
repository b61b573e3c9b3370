import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClusterStatus, clusterSupport, down, load, status, up } from '../../../dev/cluster/cluster.ts';
import { buildImages } from '../../../dev/images/images.ts';
import { readNodeState, readPodUsage } from '../../nodes/node-record.ts';
import { type PodUsage, usageBetween } from '../../nodes/pod-usage.ts';
import { KINDS } from '../../runtime/kinds.ts';
import type { KubeClient } from '../../runtime/kube-client.ts';
import type { KubeKind, KubeObject } from '../../runtime/kube.ts';
import { eventually, testKube } from '../../runtime/testing/test-kube.ts';
import { KubernetesTarget, type KubernetesTargetOptions } from './kubernetes-target.ts';
import type { SweepRef } from '../../owned/sweep-ref.ts';
import { childName } from './names.ts';
import { claimName, CONTAINER, podName, PORT } from './stateful-set.ts';

const support = await clusterSupport();
const onProgress = (line: string): void => void process.stderr.write(`  ${line}\n`);
const signal = new AbortController().signal;

describe.skipIf(!support.supported)('a Kubernetes target on a cluster', { timeout: 300_000 }, () => {
  const namespace = `target-${process.pid}`;
  let before: ClusterStatus;
  let kube: KubeClient;
  let image: string;
  let sweep: SweepRef;
  let name: string;
  let waits: string[];

  beforeAll(async () => {
    before = await status();
    const cluster = await up({ onProgress });
    const images = await buildImages(['qdrant-dev'], { onProgress });
    await load(images['qdrant-dev'].tar, { onProgress });
    image = images['qdrant-dev'].ref;
    kube = testKube(cluster.kubeconfig);
    await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    sweep = await owner('quick');
    name = childName(sweep, 'qdrant');
  }, 1_800_000);

  afterAll(async () => {
    await kube?.delete({ ...KINDS.Namespace, name: namespace });
    await kube?.close();
    // Whoever had a cluster up keeps it.
    if (before?.state === 'absent') await down({ onProgress });
  }, 120_000);

  /** Something that plays the sweep: whatever has a UID can own. */
  async function owner(called: string): Promise<SweepRef> {
    const made = await kube.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: called, namespace } });
    return { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: called, uid: made.metadata.uid as string };
  }

  function target(options: Partial<KubernetesTargetOptions> = {}): KubernetesTarget {
    waits = [];
    return new KubernetesTarget({
      kube,
      sweep,
      spec: {},
      defaults: { image, imagePullPolicy: 'Never', version: '1.19.0', cpu: '1', memory: '1Gi', storage: '1Gi' },
      address: (service) => `http://${(service['spec'] as { clusterIP: string }).clusterIP}:${PORT}`,
      onWait: (message) => void waits.push(message),
      ...options,
    });
  }

  const at = (kind: KubeKind, called: string) => ({ ...kind, namespace, name: called });
  const everything = async () => {
    const kinds: [KubeKind, string][] = [
      [KINDS.StatefulSet, name],
      [KINDS.Service, name],
      [KINDS.Secret, name],
      [KINDS.Pod, podName(name)],
      [KINDS.PersistentVolumeClaim, claimName(name)],
    ];
    const found: KubeObject[] = [];
    for (const [kind, called] of kinds)
      found.push(...[await kube.get(at(kind, called))].filter((one) => one !== undefined));
    return found;
  };

  it('runs Qdrant in a guaranteed pod behind a key of its own', async () => {
    const info = await target().describe(signal);
    expect(info).toMatchObject({
      identity: { kind: 'kubernetes', resources: { cpu: 1, memory: 2 ** 30, version: '1.19.0' } },
      qdrantVersion: '1.19.0',
      unsupported: expect.arrayContaining(['shard_number']) as string[],
    });
    const pod = (await kube.get(at(KINDS.Pod, podName(name)))) as KubeObject;
    expect(pod['status']).toMatchObject({ qosClass: 'Guaranteed', phase: 'Running' });
    const { url, apiKey } = await target().open('c', signal);
    expect((await fetch(`${url}/collections`)).status).toBe(401);
    expect((await fetch(`${url}/collections`, { headers: { 'api-key': apiKey as string } })).status).toBe(200);
  });

  it('keeps its collections when the pod is lost, and loses them with the StatefulSet', async () => {
    const running = target();
    const { collections } = await running.open('c', signal);
    await collections.create('c', { vectors: { size: 4, distance: 'Cosine' } });
    expect(await running.existing(['c', 'd'], signal)).toEqual(new Set(['c']));
    await kube.delete(at(KINDS.Pod, podName(name)));
    expect(await running.existing(['c', 'd'], signal)).toEqual(new Set(['c']));
    await running.remove('c', signal);
    expect(await running.existing(['c'], signal)).toEqual(new Set());
    await collections.create('c', { vectors: { size: 4, distance: 'Cosine' } });
    await kube.delete(at(KINDS.StatefulSet, name));
    await eventually(async () => !(await kube.get(at(KINDS.PersistentVolumeClaim, claimName(name)))), 90_000);
    expect(await target().existing(['c'], signal)).toEqual(new Set());
    await running.describe(signal);
    expect(await running.existing(['c'], signal)).toEqual(new Set());
  });

  it('has in its record what the pod used and how its node was', async () => {
    const where = { namespace, pod: podName(name), container: CONTAINER };
    const read = async (): Promise<PodUsage | undefined> => {
      const reading = await readPodUsage(kube, where);
      return 'value' in reading ? reading.value : undefined;
    };
    // The kubelet looks about every ten seconds.
    const first = await eventually(read, 60_000);
    const { url, apiKey } = await target().open('c', signal);
    const headers = { 'api-key': apiKey as string };
    const until = Date.now() + 5000;
    while (Date.now() < until) await (await fetch(`${url}/telemetry?details_level=3`, { headers })).text();
    const later = await eventually(async () => {
      const usage = await read();
      return usage && Date.parse(usage.at) > Date.parse(first.at) + 5000 ? usage : undefined;
    }, 60_000);
    const used = usageBetween(first, later);
    expect(used?.cpuSeconds).toBeGreaterThan(0.05);
    expect(used?.cpuSeconds).toBeLessThan((used?.seconds ?? 0) * 1.1);
    expect(used?.peakBytes).toBeGreaterThan(2 ** 20);
    expect(used?.peakBytes).toBeLessThan(2 ** 30);
    expect(await readNodeState(kube, { namespace, name: podName(name) })).toMatchObject({
      value: { ready: true, pressure: [] },
    });
  });

  it('goes with all it made, by our hand or by its owner’s end', async () => {
    expect(await everything()).toHaveLength(5);
    await target().dispose({ deleteData: true });
    expect(await everything()).toEqual([]);
    const mine = sweep;
    sweep = await owner('brief');
    name = childName(sweep, 'qdrant');
    await target().describe(signal);
    expect(await everything()).toHaveLength(5);
    await kube.delete(at(KINDS.ConfigMap, sweep.name));
    await eventually(async () => (await everything()).length === 0, 120_000);
    sweep = mine;
    name = childName(sweep, 'qdrant');
  });

  it.each<[string, Partial<KubernetesTargetOptions>, RegExp]>([
    ['more than there is', { spec: { resources: { cpu: '64' } } }, /no node takes its pod: .*Insufficient cpu/],
    [
      'an image nobody has',
      {
        defaults: {
          image: 'qdrant-bench.local/absent:1',
          imagePullPolicy: 'Never',
          version: '1.19.0',
          cpu: '1',
          memory: '1Gi',
          storage: '1Gi',
        },
      },
      /may not be pulled/,
    ],
  ])('says within seconds what is wrong: %s', async (_name, options, why) => {
    const failing = target({ readyMs: 8000, ...options });
    await expect(failing.describe(signal)).rejects.toThrow(why);
    expect(waits.join('\n')).toMatch(why);
    await failing.dispose({ deleteData: true });
    expect(await everything()).toEqual([]);
  });
});
