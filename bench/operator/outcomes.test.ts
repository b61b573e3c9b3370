import { expect, it } from 'vitest';
import { isWork } from './new-leader.ts';
import { isAnswer, outcomeOf } from './outcomes.ts';
import { acknowledged, isOver, type SeenStatus } from './sight.ts';

const condition = (type: string, status: string, reason: string) => ({ type, status, reason, message: '' });

it.each<[SeenStatus, string, boolean]>([
  [
    { phase: 'Failed', conditions: [condition('Accepted', 'False', 'NotSupported')] },
    'not accepted: NotSupported',
    true,
  ],
  [
    {
      phase: 'Failed',
      conditions: [condition('Accepted', 'True', 'Accepted'), condition('Failed', 'True', 'DatasetInvalid')],
    },
    'failed: DatasetInvalid',
    true,
  ],
  [{ phase: 'Failed' }, 'Failed without a reason', false],
  [{ phase: 'Pending', conditions: [condition('Accepted', 'True', 'Accepted')] }, 'valid', true],
  [
    {
      phase: 'Pending',
      conditions: [condition('Accepted', 'True', 'Accepted'), condition('Reconciling', 'True', 'Internal')],
    },
    'not foreseen',
    false,
  ],
  [{ phase: 'Pending' }, 'not judged', false],
])('takes %j for %s', (status, outcome, answered) => {
  expect(outcomeOf(status)).toBe(outcome);
  expect(isAnswer(outcome)).toBe(answered);
});

it('takes neither silence nor a failing API server for an answer', () => {
  expect(isAnswer('refused: Invalid')).toBe(true);
  expect(isAnswer('refused: Forbidden')).toBe(false);
  expect(isAnswer('the status of it: not within 60 s')).toBe(false);
  expect(isAnswer('API server: 500 InternalError')).toBe(false);
});

it('takes for work what a conductor writes, if it was accepted', () => {
  expect(isWork({ resource: 'jobs', status: 201 })).toBe(true);
  expect(isWork({ resource: 'qdrantsweeps/status', status: 200 })).toBe(true);
  expect(isWork({ resource: 'qdrantsweeps/status', status: 409 })).toBe(false);
  expect(isWork({ resource: 'leases', status: 200 })).toBe(false);
  expect(isWork({ resource: 'events', status: 201 })).toBe(false);
});

it('takes a status for one of the spec as it is', () => {
  const sweep = (observedGeneration: number, phase: string) => ({
    apiVersion: 'qdrantbench.io/v1alpha1',
    kind: 'QdrantSweep',
    metadata: { name: 'one', generation: 2 },
    status: { observedGeneration, phase },
  });
  expect(acknowledged(undefined)).toBeUndefined();
  expect(acknowledged(sweep(1, 'Completed'))).toBeUndefined();
  expect(acknowledged(sweep(2, 'Running'))?.phase).toBe('Running');
  expect([sweep(1, 'Completed'), sweep(2, 'Running'), sweep(2, 'Failed')].map(isOver)).toEqual([false, false, true]);
});
