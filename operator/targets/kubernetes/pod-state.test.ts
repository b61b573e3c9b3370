import { describe, expect, it } from 'vitest';
import type { KubeObject, ObjectMeta } from '../../runtime/kube.ts';
import { podState } from './pod-state.ts';

const pod = (status?: unknown, metadata: Partial<ObjectMeta> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'q-0', ...metadata },
  status,
});
const waiting = (reason?: string, message?: string, more: object = {}) =>
  pod({ containerStatuses: [{ name: 'qdrant', state: { waiting: { reason, message } }, ...more }] });

describe('the state of a pod', () => {
  it.each<[string, KubeObject | undefined, string, RegExp, number | undefined]>([
    ['none', undefined, 'NoPod', /not been made/, undefined],
    ['new', pod(), 'ContainerCreating', /being made/, undefined],
    ['ending', pod({}, { deletionTimestamp: 'now' }), 'Terminating', /still ending/, undefined],
    [
      'nowhere to go',
      pod({
        conditions: [
          {
            type: 'PodScheduled',
            status: 'False',
            reason: 'Unschedulable',
            message: '0/1 nodes are available: 1 Insufficient cpu.',
          },
        ],
      }),
      'Unschedulable',
      /no node takes its pod: 0\/1 nodes are available: 1 Insufficient cpu/,
      undefined,
    ],
    [
      'nowhere to go, no reason',
      pod({ conditions: [{ type: 'PodScheduled', status: 'False' }] }),
      'Unschedulable',
      /no reason/,
      undefined,
    ],
    [
      'evicted',
      pod({ phase: 'Failed', reason: 'Evicted', message: 'low on memory' }),
      'Evicted',
      /low on memory/,
      undefined,
    ],
    ['failed', pod({ phase: 'Failed' }), 'Failed', /no reason given/, undefined],
    ['making', waiting('ContainerCreating'), 'ContainerCreating', /being made/, undefined],
    ['making, silently', waiting(), 'ContainerCreating', /being made/, undefined],
    [
      'no image',
      waiting('ImagePullBackOff', 'Back-off pulling image "x"'),
      'ImagePullBackOff',
      /cannot be pulled .*Back-off pulling image "x"/,
      120_000,
    ],
    [
      'no such image here',
      waiting('ErrImageNeverPull', 'Container image "x" is not present'),
      'ErrImageNeverPull',
      /may not be pulled: Container image/,
      0,
    ],
    ['no such image here, silently', waiting('ErrImageNeverPull'), 'ErrImageNeverPull', /may not be pulled/, 0],
    ['a bad name', waiting('InvalidImageName'), 'InvalidImageName', /no reason given/, 0],
    [
      'no secret',
      waiting('CreateContainerConfigError', 'secret "x" not found'),
      'CreateContainerConfigError',
      /cannot be started .*secret "x" not found/,
      60_000,
    ],
    ['something new', waiting('SomethingNew'), 'SomethingNew', /cannot be started/, undefined],
    [
      'crashing',
      waiting('CrashLoopBackOff', 'back-off', {
        restartCount: 3,
        lastState: { terminated: { reason: 'Error', exitCode: 101, message: 'panicked' } },
      }),
      'CrashLoopBackOff',
      /keeps ending, 3 restarts so far, last: Error \(exit code 101\): panicked/,
      60_000,
    ],
    ['crashing, unknown why', waiting('CrashLoopBackOff'), 'CrashLoopBackOff', /0 restarts so far$/, 60_000],
    [
      'out of memory',
      waiting('CrashLoopBackOff', '', {
        restartCount: 1,
        lastState: { terminated: { reason: 'OOMKilled', exitCode: 137 } },
      }),
      'CrashLoopBackOff',
      /out of memory: raise spec\.target\.kubernetes\.resources\.memory/,
      60_000,
    ],
    [
      'ended',
      pod({ containerStatuses: [{ name: 'qdrant', state: { terminated: {} } }] }),
      'Terminated',
      /ended: Error \(exit code unknown\)/,
      undefined,
    ],
    [
      'starting',
      pod({
        conditions: [
          { type: 'PodScheduled', status: 'True' },
          { type: 'Ready', status: 'False' },
        ],
        containerStatuses: [{ name: 'qdrant', state: { running: {} } }],
      }),
      'NotReady',
      /readyz/,
      undefined,
    ],
  ])('%s', (_name, object, reason, message, patienceMs) => {
    const state = podState(object);
    expect(state).toMatchObject({ ready: false, reason });
    if (state.ready) return;
    expect(state.message).toMatch(message);
    expect(state.patienceMs).toBe(patienceMs);
  });

  it('ready', () => {
    expect(podState(pod({ conditions: [{ type: 'Ready', status: 'True' }] }))).toEqual({ ready: true });
  });
});
