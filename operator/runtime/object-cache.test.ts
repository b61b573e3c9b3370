import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from './kube.ts';
import { type Index, ObjectCache } from './object-cache.ts';

const object = (name: string, version: number, owners: string[] = [], uid = `uid-${name}`): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { name, namespace: 'n', uid, resourceVersion: String(version), labels: { owners: owners.join(',') } },
  spec: { deep: { list: [1] } },
});
const owner: Index = ({ metadata }) => (metadata.labels?.['owners'] ?? '').split(',').filter(Boolean);
const names = (objects: KubeObject[]) => objects.map(({ metadata }) => metadata.name).toSorted();

describe('a cache', () => {
  it('freezes what it hands out, all the way down', () => {
    const cache = new ObjectCache();
    cache.set(object('a', 1));
    const { deep } = (cache.get('a', 'n') as KubeObject)['spec'] as { deep: { list: number[] } };
    expect(() => deep.list.push(2)).toThrow(TypeError);
    const [deleted] = cache.delete(object('a', 2));
    expect(Object.isFrozen(deleted?.object.metadata)).toBe(true);
  });

  it('tells what happened, and nothing for the same version', () => {
    const cache = new ObjectCache();
    const told = (events: { type: string; object: KubeObject }[]) =>
      events.map(({ type, object: { metadata } }) => `${type} ${metadata.name} ${metadata.resourceVersion}`);
    expect(told(cache.set(object('a', 1)))).toEqual(['Added a 1']);
    expect(told(cache.set(object('a', 1)))).toEqual([]);
    expect(told(cache.set(object('a', 2)))).toEqual(['Updated a 2']);
    expect(told(cache.set(object('a', 3, [], 'another')))).toEqual(['Deleted a 2', 'Added a 3']);
    expect(told(cache.replace([object('b', 4)]))).toEqual(['Deleted a 3', 'Added b 4']);
    expect(told(cache.delete(object('a', 5)))).toEqual([]);
  });

  it('finds by an index what has a value now', () => {
    const cache = new ObjectCache({ owner });
    cache.set(object('a', 1, ['x', 'y']));
    cache.set(object('b', 2, ['x']));
    expect(names(cache.byIndex('owner', 'x'))).toEqual(['a', 'b']);
    cache.set(object('a', 3, ['y']));
    expect(names(cache.byIndex('owner', 'x'))).toEqual(['b']);
    cache.delete(object('b', 4, []));
    expect(cache.byIndex('owner', 'x')).toEqual([]);
    expect(() => cache.byIndex('colour', 'red')).toThrow('there is no index colour; there are: owner');
  });

  it('has in its indexes what a look at every object would find, whatever happened', () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      owners: fc.uniqueArray(fc.constantFrom('x', 'y', 'z')),
      what: fc.constantFrom('set', 'delete', 'replace', 'recreate'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const cache = new ObjectCache({ owner });
        steps.forEach(({ name, owners, what }, version) => {
          const next = object(name, version, owners, what === 'recreate' ? `uid-${version}` : `uid-${name}`);
          if (what === 'delete') cache.delete(next);
          else if (what === 'replace') cache.replace([next]);
          else cache.set(next);
          for (const value of ['x', 'y', 'z']) {
            const there = cache.list().filter((one) => owner(one).includes(value));
            expect(names(cache.byIndex('owner', value))).toEqual(names(there));
          }
        });
      }),
      { numRuns: 200 },
    );
  });
});
