import { describe, expect, it } from 'vitest';
import type { KubeObject, ObjectMeta } from '../../../operator/runtime/kube.ts';
import { collection } from './garbage-collector.ts';

const object = (name: string, metadata: Partial<ObjectMeta> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, uid: `uid-${name}`, ...metadata },
});
const ownedBy = (name: string, blockOwnerDeletion = false) => ({
  ownerReferences: [{ apiVersion: 'v1', kind: 'Job', name, uid: `uid-${name}`, blockOwnerDeletion }],
});
const inForeground = { deletionTimestamp: '2026-11-21T10:00:00Z', finalizers: ['foregroundDeletion'] };
const names = (objects: KubeObject[]) => objects.map(({ metadata }) => metadata.name);

describe('the garbage collector', () => {
  it('takes what has lost all of its owners', () => {
    const [first] = ownedBy('gone').ownerReferences;
    const [second] = ownedBy('there').ownerReferences;
    const shared = object('shared', { ownerReferences: [first, second].flatMap((one) => one ?? []) });
    const { garbage } = collection([
      object('there'),
      object('mine', ownedBy('there')),
      object('lost', ownedBy('gone')),
      shared,
    ]);
    expect(names(garbage)).toEqual(['lost']);
  });

  it('leaves what nobody owns, and what is on its way', () => {
    const going = object('going', { ...ownedBy('gone'), deletionTimestamp: '2026-11-21T10:00:00Z' });
    expect(collection([object('free'), going])).toEqual({ garbage: [], released: [] });
  });

  it('lets an owner that is deleted in the foreground go after what blocks it', () => {
    const owner = object('owner', inForeground);
    const blocking = object('blocking', ownedBy('owner', true));
    const other = object('other', ownedBy('owner'));
    const before = collection([owner, blocking, other]);
    expect(names(before.garbage)).toEqual(['blocking', 'other']);
    expect(before.released).toEqual([]);
    expect(names(collection([owner, other]).released)).toEqual(['owner']);
  });
});
