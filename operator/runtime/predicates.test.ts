import { describe, expect, it } from 'vitest';
import type { KubeObject } from './kube.ts';
import { isTheirs } from './predicates.ts';

const previous: KubeObject = {
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { name: 'a', generation: 1, resourceVersion: '1', labels: { a: 'b' }, annotations: { c: 'd' } },
};
const updated = (metadata: object, rest: object = {}) =>
  isTheirs({
    type: 'Updated',
    previous,
    object: { ...previous, metadata: { ...previous.metadata, resourceVersion: '2', ...metadata }, ...rest },
  });

describe('a change', () => {
  it.each<[string, boolean, object, object?]>([
    ['of the spec', true, { generation: 2 }],
    ['of a label', true, { labels: { a: 'c' } }],
    ['of an annotation', true, { annotations: { c: 'd', paused: 'true' } }],
    ['that asks for its deletion', true, { deletionTimestamp: 'now' }],
    ['of the status', false, {}, { status: { phase: 'Running' } }],
    ['of finalizers', false, { finalizers: ['ours'] }],
    ['of nothing we look at', false, { labels: { a: 'b' }, managedFields: [] }],
  ])('%s is theirs: %s', (_, theirs, metadata, rest) => {
    expect(updated(metadata, rest)).toBe(theirs);
  });

  it('is theirs when an object comes, goes, or is handed out again', () => {
    for (const type of ['Added', 'Deleted', 'Resync'] as const) expect(isTheirs({ type, object: previous })).toBe(true);
  });
});
