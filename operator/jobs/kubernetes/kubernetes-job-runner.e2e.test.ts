import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApiServer, type TestApiServer } from '../../../dev/cluster/testing/api-server.ts';
import type { Message } from '../../../loadgen/protocol.ts';
import { KINDS } from '../../runtime/kinds.ts';
import type { KubeClient } from '../../runtime/kube-client.ts';
import type { KubeKind, KubeObject } from '../../runtime/kube.ts';
import { eventually, testKube } from '../../runtime/testing/test-kube.ts';
import { JobLost } from '../job-runner.ts';
import type { SweepRef } from '../../owned/sweep-ref.ts';
import { jobName } from './job-name.ts';
import { KubernetesJobRunner } from './kubernetes-job-runner.ts';
import { finalsJob, measureJob, prepareJob, SETTINGS } from './testing/jobs.ts';
import { MemoryBus } from './testing/memory-bus.ts';
import { TIMES } from './testing/memory-cluster.ts';
import { listener, never, PREPARED } from './testing/world.ts';

// A real API server without controllers, which refuses fields it does not know: this test plays controllers and kubelet.

const DONE: Message = { type: 'done' };
let server: TestApiServer;
let kube: KubeClient;
let bus: MemoryBus;
let sweep: SweepRef;
let count = 0;

beforeAll(async () => {
  server = await startApiServer();
  kube = testKube(server.kubeconfig);
}, 900_000);
afterAll(async () => {
  await kube?.close();
  await server?.stop();
});
beforeEach(async () => {
  bus = new MemoryBus();
  count += 1;
  // What owns a sweep's objects is of no matter here; it has to exist.
  const { metadata } = await kube.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `sweep-${count}`, namespace: 'default' },
  });
  sweep = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: metadata.name, uid: metadata.uid ?? '' };
});

const runner = (): KubernetesJobRunner =>
  new KubernetesJobRunner({
    kube,
    bus,
    sweep,
    settings: SETTINGS,
    log: pino({ level: 'silent' }),
    times: { ...TIMES, poll: 20, start: 60_000, silence: 100, gone: 10_000 },
  });
const at = (kind: KubeKind, name: string) => ({ ...kind, namespace: 'default', name });
const jobNamed = (name: string): Promise<KubeObject> => eventually(() => kube.get(at(KINDS.Job, name)));

/** The Job controller's and the scheduler's part: a pod of the Job's template. */
async function makePod(name: string, status: object): Promise<void> {
  const job = await jobNamed(name);
  const { template } = job['spec'] as { template: { metadata: { labels: Record<string, string> }; spec: object } };
  await kube.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name}-pod`,
      namespace: 'default',
      labels: { ...template.metadata.labels, 'batch.kubernetes.io/job-name': name },
    },
    spec: template.spec,
  });
  await setPod(name, status);
}
const setPod = (name: string, status: object) => kube.patchStatus(at(KINDS.Pod, `${name}-pod`), status);
const killPod = (name: string) => kube.delete(at(KINDS.Pod, `${name}-pod`), { gracePeriodSeconds: 0 });

describe('jobs on a real API server', () => {
  it.each([
    ['a preparation', prepareJob()],
    ['a measurement', measureJob()],
    ['finals', finalsJob()],
  ])(
    '%s is an object Kubernetes takes as it is, with its Secret, and goes without leaving either',
    async (_what, job) => {
      const name = jobName(sweep, job);
      const { heard, onMessage } = listener();
      const secrets = { QDRANT_BENCH_TARGET_API_KEY: 'hunter2' };
      const running = runner().run(job, { onMessage, secrets, signal: never });
      running.catch(() => undefined);
      await makePod(name, { phase: 'Running' });
      expect(JSON.stringify(await jobNamed(name))).not.toContain('hunter2');
      expect(await runner().pending(never)).toEqual(job);
      await killPod(name);
      if (job.kind === 'Prepare') bus.publish({ namespace: 'default', job: name }, PREPARED);
      bus.publish({ namespace: 'default', job: name }, DONE);
      expect(await running).toEqual(DONE);
      expect(heard.at(-1)).toBe('done');
      await runner().discardAll(never);
      expect(await kube.get(at(KINDS.Job, name))).toBeUndefined();
      expect(await kube.get(at(KINDS.Secret, name))).toBeUndefined();
      const again: string[] = [];
      if (job.kind !== 'Prepare') return;
      await runner().run(job, { onMessage: ({ type }) => Promise.resolve(void again.push(type)), signal: never });
      expect(again).toEqual(['prepared']);
      expect(await kube.get(at(KINDS.Job, name))).toBeUndefined();
    },
  );

  it('a Job is attended by whoever asks for it next', async () => {
    const job = measureJob();
    const name = jobName(sweep, job);
    const stop = new AbortController();
    const first = runner().run(job, { onMessage: listener().onMessage, signal: stop.signal });
    await makePod(name, { phase: 'Running' });
    const { metadata } = await jobNamed(name);
    stop.abort(new Error('the operator stops'));
    await expect(first).rejects.toThrow('the operator stops');

    bus.publish({ namespace: 'default', job: name }, DONE);
    expect(await runner().run(job, { onMessage: listener().onMessage, signal: never })).toEqual(DONE);
    expect((await jobNamed(name)).metadata.uid).toBe(metadata.uid);
    await killPod(name);
    await runner().discard(job, never);
  });

  it('a pod that was killed for its memory loses its job, in so many words', async () => {
    const job = measureJob({ attempt: 2 });
    const name = jobName(sweep, job);
    const running = runner().run(job, { onMessage: listener().onMessage, signal: never });
    running.catch(() => undefined);
    await makePod(name, { phase: 'Running' });
    await sleep(50);
    const container = { name: 'loadgen', image: 'x', imageID: '', ready: false, restartCount: 0 };
    const state = { terminated: { exitCode: 137, reason: 'OOMKilled' } };
    await setPod(name, { phase: 'Failed', containerStatuses: [{ ...container, state }] });
    await expect(running).rejects.toThrow('OOMKilled, exit code 137');
    await expect(running).rejects.toBeInstanceOf(JobLost);
    await killPod(name);
    await runner().discard(job, never);
  });

  it('an object of somebody else stays as it is', async () => {
    const name = jobName(sweep, measureJob());
    const theirs = await kube.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: 'default' },
      stringData: { mine: 'yes' },
    });
    const running = runner().run(measureJob(), { onMessage: listener().onMessage, signal: never });
    await expect(running).rejects.toThrow(`Secret default/${name} exists and is not of this sweep`);
    await runner().discard(measureJob(), never);
    expect(await kube.get(at(KINDS.Secret, name))).toEqual(theirs);
  });
});
