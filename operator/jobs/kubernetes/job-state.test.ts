import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../runtime/kube.ts';
import { jobState, type JobState } from './job-state.ts';

const job = (...conditions: object[]): KubeObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'j' },
  ...(conditions.length > 0 ? { status: { conditions } } : {}),
});
const COMPLETE = { type: 'Complete', status: 'True' };
const FAILED = { type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded', message: 'too many failures' };
const pod = (status?: object, spec?: object): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'j-abc' },
  ...(status ? { status } : {}),
  ...(spec ? { spec } : {}),
});
const waiting = (reason?: string, message?: string) => ({
  phase: 'Pending',
  containerStatuses: [{ state: { waiting: { reason, message } } }],
});
const terminated = (state: object, phase = 'Failed') => ({
  phase,
  containerStatuses: [{ state: { terminated: state } }],
});
const passing = (why: string): JobState => ({ kind: 'Starting', why, passing: true, hopeless: false });
const starting = (why: string, hopeless = false): JobState => ({ kind: 'Starting', why, passing: false, hopeless });
const ended = (how: string): JobState => ({ kind: 'Ended', how });

describe('how far a Job is', () => {
  it.each<[string, KubeObject | undefined, KubeObject[], JobState]>([
    ['no pod yet', job(), [], passing('it is not made yet')],
    [
      'several, of which one has no node yet',
      job(),
      [pod({ phase: 'Running' }, { nodeName: 'n' }), pod({ phase: 'Pending' })],
      passing('Pending'),
    ],
    [
      'several, all running',
      job(),
      [pod({ phase: 'Running' }, { nodeName: 'n' }), pod({ phase: 'Running' }, { nodeName: 'm' })],
      { kind: 'Running', node: 'n', pod: 'j-abc' },
    ],
    [
      'several, of which one was killed and took the others with it',
      job(FAILED),
      [
        pod(terminated({ reason: 'Error', exitCode: 143 })),
        pod(terminated({ reason: 'OOMKilled', exitCode: 137 })),
        pod(terminated({ reason: 'Completed', exitCode: 0 }, 'Succeeded')),
      ],
      ended('OOMKilled, exit code 137 (BackoffLimitExceeded: too many failures)'),
    ],
    [
      'several that were all told to end',
      job(FAILED),
      [pod(terminated({ reason: 'Error', exitCode: 143 })), pod(terminated({ reason: 'Error', exitCode: 143 }))],
      ended('Error, exit code 143 (BackoffLimitExceeded: too many failures)'),
    ],
    ['a pod nobody has looked at', job(), [pod()], passing('Pending')],
    [
      'unschedulable',
      job(),
      [
        pod({
          phase: 'Pending',
          conditions: [
            { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes: too little cpu' },
          ],
        }),
      ],
      starting('Unschedulable: 0/1 nodes: too little cpu'),
    ],
    [
      'unschedulable, without a word why',
      job(),
      [pod({ phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False' }] })],
      starting('Unschedulable'),
    ],
    ['pulling', job(), [pod(waiting('ContainerCreating'))], passing('ContainerCreating')],
    [
      'an image that may yet come',
      job(),
      [pod(waiting('ImagePullBackOff', 'Back-off pulling image "x"'))],
      starting('ImagePullBackOff: Back-off pulling image "x"'),
    ],
    ...['InvalidImageName', 'ErrImageNeverPull', 'CreateContainerConfigError', 'CreateContainerError'].map(
      (reason): [string, KubeObject, KubeObject[], JobState] => [
        `hopeless: ${reason}`,
        job(),
        [pod(waiting(reason))],
        starting(reason, true),
      ],
    ),
    [
      'running on a node',
      job(),
      [pod({ phase: 'Running' }, { nodeName: 'n1' })],
      { kind: 'Running', node: 'n1', pod: 'j-abc' },
    ],
    ['running somewhere', job(), [pod({ phase: 'Running' })], { kind: 'Running', node: undefined, pod: 'j-abc' }],
    ['complete', job(COMPLETE), [pod(terminated({ exitCode: 0 }, 'Succeeded'))], ended('its pod is complete')],
    ['complete, and its pod is deleted', job(COMPLETE), [], ended('its pod is complete')],
    [
      'complete, while a pod still terminates',
      job(COMPLETE),
      [pod({ phase: 'Running' }, { nodeName: 'n1' })],
      { kind: 'Running', node: 'n1', pod: 'j-abc' },
    ],
    [
      'its pod is over, and the Job controller has not said so yet',
      job(),
      [pod(terminated({ exitCode: 1, reason: 'Error' }))],
      ended('Error, exit code 1'),
    ],
    ['its pod did its work, unsaid yet', job(), [pod({ phase: 'Succeeded' })], ended('its pod is complete')],
    [
      'out of memory',
      job(FAILED),
      [pod(terminated({ exitCode: 137, reason: 'OOMKilled' }))],
      ended('OOMKilled, exit code 137 (BackoffLimitExceeded: too many failures)'),
    ],
    [
      'ended, nobody knows how',
      job(FAILED),
      [pod(terminated({}))],
      ended('Error, exit code ? (BackoffLimitExceeded: too many failures)'),
    ],
    [
      'evicted',
      job(FAILED),
      [pod({ phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' })],
      ended('Evicted: The node was low on resource: memory. (BackoffLimitExceeded: too many failures)'),
    ],
    [
      'drained',
      job(FAILED),
      [
        pod({
          phase: 'Failed',
          conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' }],
          containerStatuses: [{ state: { terminated: { exitCode: 143 } } }],
        }),
      ],
      ended('EvictionByEvictionAPI (BackoffLimitExceeded: too many failures)'),
    ],
    [
      'disrupted, nobody says by whom',
      job(FAILED),
      [pod({ phase: 'Failed', conditions: [{ type: 'DisruptionTarget', status: 'True' }] })],
      ended('DisruptionTarget (BackoffLimitExceeded: too many failures)'),
    ],
    [
      'past its deadline, without a pod',
      job({ ...FAILED, reason: 'DeadlineExceeded' }),
      [],
      ended('DeadlineExceeded: too many failures'),
    ],
    ['failed without a word', job({ type: 'Failed', status: 'True' }), [], ended('Failed: no message')],
    ['failed no more', job({ ...FAILED, status: 'False' }), [], passing('it is not made yet')],
    ['gone', undefined, [], ended('its Job is gone')],
    [
      'gone, its pod known',
      undefined,
      [pod(terminated({ exitCode: 143, reason: 'Error' }))],
      ended('Error, exit code 143'),
    ],
    [
      'gone, while its pod runs on',
      undefined,
      [pod({ phase: 'Running' }, { nodeName: 'n1' })],
      { kind: 'Running', node: 'n1', pod: 'j-abc' },
    ],
  ])('%s', (_name, of, pods, expected) => expect(jobState(of, pods)).toEqual(expected));
});
