import { describe, expect, it } from 'vitest';
import type { Job, Message } from '../../../loadgen/protocol.ts';
import { BusError } from '../../bus/bus.ts';
import { KINDS } from '../../runtime/kinds.ts';
import type { KubeObject } from '../../runtime/kube.ts';
import { JobLost } from '../job-runner.ts';
import { datasetClaimName, jobName } from './job-name.ts';
import { measureJob, prepareJob, SWEEP } from './testing/jobs.ts';
import { type MemoryCluster, OOM_KILLED, SUCCEEDED } from './testing/memory-cluster.ts';
import { cluster, DONE, listener, never, PREPARED } from './testing/world.ts';

describe('a preparation', () => {
  const prepare = prepareJob();
  const run = (world: MemoryCluster, onMessage = listener().onMessage, job = prepare) =>
    world.runner().run(job, { onMessage, signal: never });
  const claim = (world: MemoryCluster): KubeObject =>
    world.kube.look('PersistentVolumeClaim', SWEEP.namespace, datasetClaimName(SWEEP)) as KubeObject;

  it('is remembered on the claim, not made again, and leaves no Job', async () => {
    const world = cluster({ says: [PREPARED, DONE], end: SUCCEEDED });
    const first = listener();
    expect(await run(world, first.onMessage)).toEqual(DONE);
    expect(first.heard).toEqual(['prepared', 'done']);
    expect([...world.kube.objects.values()].map(({ kind }) => kind)).toEqual(['PersistentVolumeClaim']);
    const seen: Message[] = [];
    expect(await run(world, (message) => Promise.resolve(void seen.push(message)))).toEqual(DONE);
    expect(seen).toEqual([PREPARED]);
    expect(world.made).toHaveLength(1);
  });

  it('of another dataset is made, on the same claim', async () => {
    const world = cluster({ says: [PREPARED, DONE], end: SUCCEEDED });
    await run(world);
    await run(world, undefined, prepareJob({ limit: 50 }));
    expect(world.made).toHaveLength(2);
    expect(world.kube.of('PersistentVolumeClaim')).toHaveLength(1);
  });

  it.each([
    ['is not readable', 'not JSON'],
    ['is nothing', 'null'],
    ['is of another version', JSON.stringify({ job: jobName(SWEEP, prepare), message: { type: 'prepared' } })],
  ])('is made again when what is remembered %s', async (_name, text) => {
    const world = cluster({ says: [PREPARED, DONE], end: SUCCEEDED });
    await run(world);
    world.kube.set(claim(world), { metadata: { annotations: { 'qdrantbench.io/prepared': text } } });
    expect(await run(world)).toEqual(DONE);
    expect(world.made).toHaveLength(2);
  });

  it('waits for a claim that is being deleted', async () => {
    const world = cluster({ says: [PREPARED, DONE], end: SUCCEEDED });
    await run(world);
    world.kube.set(claim(world), { metadata: { finalizers: ['kubernetes.io/pvc-protection'] } });
    await world.kube.delete({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      plural: '',
      namespace: SWEEP.namespace,
      name: datasetClaimName(SWEEP),
    });
    await expect(run(world)).rejects.toThrow('the claim of the dataset is being deleted');
    expect(world.made).toHaveLength(1);
  });

  it.each([
    ['gone', []],
    ['going', ['kubernetes.io/pvc-protection']],
  ])('whose claim is %s is said to be lost before a Job is made that could never start', async (_how, finalizers) => {
    const world = cluster({ says: [PREPARED, DONE], end: SUCCEEDED });
    const runner = world.runner();
    const go = (job: Job) => runner.run(job, { onMessage: listener().onMessage, signal: never });
    await go(prepare);
    expect(await go(measureJob())).toEqual(DONE);
    world.kube.set(claim(world), { metadata: { finalizers } });
    await world.kube.delete({
      ...KINDS.PersistentVolumeClaim,
      namespace: SWEEP.namespace,
      name: datasetClaimName(SWEEP),
    });
    const made = world.made.length;
    await expect(go(measureJob({ attempt: 2 }))).rejects.toThrow(
      'with the prepared dataset was deleted; it is prepared',
    );
    expect(world.made).toHaveLength(made);
    // Listening to one that runs asks for nothing.
    expect(await go(measureJob())).toEqual(DONE);
  });

  it('that failed is tried again from the beginning, and not taken for failed by what the first one said', async () => {
    const failed: Message = { type: 'failed', reason: 'DatasetUnreachable', message: 'no route to host' };
    const world = cluster({ says: [failed], end: SUCCEEDED });
    expect(await run(world)).toEqual(failed);
    expect(world.kube.of('Job')).toEqual([]);
    world.script = () => ({ says: [PREPARED, DONE], end: SUCCEEDED });
    expect(await run(world)).toEqual(DONE);
  });

  it('is not misled by an earlier Job whose messages could not be deleted', async () => {
    const failed: Message = { type: 'failed', reason: 'DatasetUnreachable', message: 'no route to host' };
    const world = cluster({ says: [failed], end: SUCCEEDED });
    let refusals = 0;
    world.bus.before = (what) => {
      // As the first Job goes, and once more before the second is made.
      if (what !== 'forget' || world.made.length === 0 || refusals === 2) return;
      refusals += 1;
      throw new BusError('BusUnreachable', 'NATS is away');
    };
    expect(await run(world)).toEqual(failed);
    expect(refusals).toBe(1);
    world.script = () => ({ says: [PREPARED, DONE], end: SUCCEEDED });
    expect(await run(world)).toEqual(DONE);
    expect(refusals).toBe(2);
  });

  it('that was lost is not found lost again', async () => {
    const world = cluster({ says: [], end: OOM_KILLED });
    await expect(run(world)).rejects.toBeInstanceOf(JobLost);
    expect(world.kube.of('Job')).toEqual([]);
    world.script = () => ({ says: [PREPARED, DONE], end: SUCCEEDED });
    expect(await run(world)).toEqual(DONE);
  });

  it('does not begin when NATS will not have us', async () => {
    const world = cluster({ says: [PREPARED, DONE], end: SUCCEEDED });
    const refused = new BusError('BusRefused', 'wrong keys');
    world.bus.before = () => {
      throw refused;
    };
    await expect(run(world)).rejects.toBe(refused);
    expect(world.made).toEqual([]);
  });
});
