import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../../loadgen/protocol.ts';
import type { KubeObject } from '../../runtime/kube.ts';
import { JobLost } from '../job-runner.ts';
import { SWEEP } from './testing/jobs.ts';
import { type MemoryCluster, OOM_KILLED, SUCCEEDED } from './testing/memory-cluster.ts';
import { address, cluster, DONE, listener, measure, name, never, search } from './testing/world.ts';

describe('a job whose pod dies', () => {
  it('is lost, in the words of its pod, after everything the pod had said was handled', async () => {
    const world = cluster({ says: [search('a'), search('b')], end: OOM_KILLED });
    const { heard, onMessage } = listener();
    const slow = async (message: Message): Promise<void> => sleep(30).then(() => onMessage(message));
    const lost = world.runner().run(measure, { onMessage: slow, signal: never });
    await expect(lost).rejects.toThrow(/without a last word: OOMKilled, exit code 137/);
    await expect(lost).rejects.toBeInstanceOf(JobLost);
    expect(heard).toEqual(['a', 'b']);
  });

  it('is not lost for a last word that takes its time to be recorded', async () => {
    const world = cluster({ says: [DONE], end: SUCCEEDED });
    const slow = (): Promise<void> => sleep(150);
    expect(await world.runner().run(measure, { onMessage: slow, signal: never })).toEqual(DONE);
  });

  it('is not lost while its last word is on its way to us', async () => {
    const world = cluster({ says: [search('a'), DONE], end: SUCCEEDED });
    world.bus.slow = true;
    const { heard, onMessage } = listener();
    const running = world.runner().run(measure, { onMessage, signal: never });
    running.catch(() => undefined);
    await sleep(150);
    world.bus.slow = false;
    expect(await running).toEqual(DONE);
    expect(heard).toEqual(['a', 'done']);
  });

  it('is not lost as one that never began when its pod is gone before its Job is said to be over', async () => {
    const world = cluster({ says: [search('a')] });
    const { heard, onMessage } = listener();
    const running = world.runner({ times: { start: 500 } }).run(measure, { onMessage, signal: never });
    running.catch(() => undefined);
    await sleep(700);
    for (const { metadata } of world.kube.of('Pod')) world.kube.objects.delete(`Pod/team/${metadata.name}`);
    await sleep(15);
    world.bus.publish(address, DONE);
    expect(await running).toEqual(DONE);
    expect(heard).toEqual(['a', 'done']);
  });

  it('is not lost while a result of it waits to be recorded once more', async () => {
    const world = cluster({ says: [search('a'), DONE], end: SUCCEEDED });
    world.bus.redeliverMs = 60;
    const { heard, onMessage } = listener((_message, nth) => (nth < 4 ? new Error('Postgres is away') : undefined));
    expect(await world.runner().run(measure, { onMessage, signal: never })).toEqual(DONE);
    expect(heard).toEqual(['a', 'done']);

    const dead = cluster({ says: [search('a')], end: OOM_KILLED });
    dead.bus.redeliverMs = 60;
    const again = listener((_message, nth) => (nth < 4 ? new Error('Postgres is away') : undefined));
    await expect(dead.runner().run(measure, { onMessage: again.onMessage, signal: never })).rejects.toBeInstanceOf(
      JobLost,
    );
    expect(again.heard).toEqual(['a']);
  });

  it('is known to be lost only once NATS answers', async () => {
    const world = cluster({ says: [], end: OOM_KILLED });
    world.script = () => {
      world.bus.away = true;
      return { says: [], end: OOM_KILLED };
    };
    const { onMessage, heard } = listener();
    let over = false;
    const running = world.runner().run(measure, { onMessage, signal: never });
    running.then(
      () => (over = true),
      () => (over = true),
    );
    await sleep(150);
    expect(over).toBe(false);
    // What the pod said before it died came through in the meantime.
    world.bus.publish(address, search('late'), DONE);
    world.bus.away = false;
    expect(await running).toEqual(DONE);
    expect(heard).toEqual(['late', 'done']);
  });

  it('is lost when its Job is deleted by somebody', async () => {
    const world = cluster({ says: [search('a')] });
    const { heard, onMessage } = listener();
    const running = world.runner().run(measure, { onMessage, signal: never });
    running.catch(() => undefined);
    while (heard.length === 0) await sleep(1);
    for (const { kind, metadata } of world.kube.objects.values()) {
      if (kind !== 'Secret') world.kube.objects.delete(`${kind}/${metadata.namespace}/${metadata.name}`);
    }
    await expect(running).rejects.toThrow('its Job is gone');
  });

  it('is lost by its pod’s end, not by the time it ran: a start has a limit, a run has its own', async () => {
    const world = cluster({ says: [search('a')] });
    const { onMessage } = listener();
    const running = world.runner({ times: { start: 300 } }).run(measure, { onMessage, signal: never });
    running.catch(() => undefined);
    await sleep(500);
    const [pod] = world.kube.of('Pod');
    // Its Job's controller is slow to notice, and is never asked.
    world.kube.set(pod as KubeObject, { status: OOM_KILLED?.pod });
    await expect(running).rejects.toThrow('without a last word: OOMKilled, exit code 137');
  });
});

describe('a job whose pod does not start', () => {
  it('is lost when nothing makes its pod', async () => {
    const world = cluster(undefined);
    const lost = world
      .runner({ times: { start: 30 } })
      .run(measure, { onMessage: listener().onMessage, signal: never });
    await expect(lost).rejects.toThrow(/its pod did not start in 0 s: it is not made yet/);
    await expect(lost).rejects.toBeInstanceOf(JobLost);
  });

  /** Makes a pod that waits with `reason`. */
  const waiting = (world: MemoryCluster, reason: string): KubeObject =>
    world.kube.put({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: SWEEP.namespace, labels: { 'batch.kubernetes.io/job-name': name } },
      status: { phase: 'Pending', containerStatuses: [{ state: { waiting: { reason } } }] },
    });

  it('is lost early when it is hopeless', async () => {
    const world = cluster(undefined);
    waiting(world, 'InvalidImageName');
    const began = Date.now();
    const times = { start: 60_000, hopeless: 30 };
    const lost = world.runner({ times }).run(measure, { onMessage: listener().onMessage, signal: never });
    await expect(lost).rejects.toThrow('did not start in 0 s: InvalidImageName');
    expect(Date.now() - began).toBeGreaterThanOrEqual(30);
  });

  it('is given time when it is not, or not for long', async () => {
    const world = cluster(undefined);
    const pod = waiting(world, 'CreateContainerConfigError');
    const { heard, onMessage } = listener();
    const running = world
      .runner({ times: { start: 60_000, hopeless: 600 } })
      .run(measure, { onMessage, signal: never });
    await sleep(250);
    world.kube.set(pod, { status: { containerStatuses: [{ state: { waiting: { reason: 'ImagePullBackOff' } } }] } });
    await sleep(250);
    world.kube.set(pod, {
      status: { containerStatuses: [{ state: { waiting: { reason: 'CreateContainerError' } } }] },
    });
    await sleep(250);
    world.kube.set(pod, { status: { phase: 'Running', containerStatuses: [] } });
    world.bus.publish(address, DONE);
    expect(await running).toEqual(DONE);
    expect(heard).toEqual(['done']);
  });
});
