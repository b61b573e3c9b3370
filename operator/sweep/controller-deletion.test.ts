import { beforeEach, describe, expect, it } from 'vitest';
import { FINALIZER } from './controller.ts';
import { stage, type Stage } from '../testing/stage.ts';

const set = stage();
let at: Stage['at'];
let world: Stage['world'];
let qdrant: Stage['qdrant'];
let name: Stage['name'];
beforeEach(() => {
  ({ at, world, qdrant, name } = set());
});

describe('a deleted sweep', () => {
  const ORDER = ['let go of', 'world', 'discard all', 'dispose true', 'forget dataset'];

  it.each(['Prepare', 'Measure', 'Finals'] as const)(
    'goes with all that was made for it, in order: during %s',
    async (kind) => {
      world.hang(kind);
      at.put(name);
      await at.reconcile(name);
      await at.happened(`run ${kind}`);
      await at.remove(name);
      expect(at.look(name)).toBeDefined();
      const before = world.happened.length;
      let there: boolean | undefined;
      world.onCleanUp = (part) => {
        if (part === 'target') there = at.finalized(name);
        return Promise.resolve();
      };
      await at.reconcile(name);
      expect(world.happened.slice(before)).toEqual(ORDER);
      expect(there).toBe(true);
      expect(at.look(name)).toBeUndefined();
      await at.reconcile(name);
      expect(world.happened.slice(before)).toEqual(ORDER);
    },
  );

  it('goes when it is over', async () => {
    at.put(name);
    await at.until(name, 'Completed');
    await at.remove(name);
    await at.reconcile(name);
    expect(at.look(name)).toBeUndefined();
  });

  it('goes when its spec was never valid', async () => {
    at.put(name, { parameters: [{ name: 'hnsw_config.em', numbers: [8] }] });
    await at.until(name, 'Failed');
    await at.remove(name);
    await at.reconcile(name);
    expect(at.look(name)).toBeUndefined();
  });

  it('stays until everything is gone, and says what is not', async () => {
    at.put(name);
    await at.until(name, 'Completed');
    await at.remove(name);
    let failures = 1;
    world.onCleanUp = () =>
      (failures -= 1) >= 0 ? Promise.reject(new Error('pods are still there')) : Promise.resolve();
    await expect(at.reconcile(name)).rejects.toThrow('pods are still there');
    expect(at.finalized(name)).toBe(true);
    const [note] = await at.notes('CleanupFailed');
    expect(note).toContain('pods are still there');
    expect(note).toContain(FINALIZER);
    await at.reconcile(name);
    expect(at.look(name)).toBeUndefined();
  });

  it('leaves nothing on a Qdrant that is not ours, and nothing of others is touched', async () => {
    world.hang('Finals');
    qdrant.collections.add('of-somebody-else');
    at.put(name, { target: { external: { url: `${qdrant.url}/` } } });
    await at.reconcile(name);
    await at.happened('run Finals');
    expect(qdrant.collections.size).toBeGreaterThan(1);
    await at.remove(name);
    await at.reconcile(name);
    expect([...qdrant.collections]).toEqual(['of-somebody-else']);
    expect(at.look(name)).toBeUndefined();
  });

  it.each([
    ['names another server', { target: { external: { url: 'http://another.example:6333' } } }],
    ['is not valid any more', { parameters: [{ name: 'hnsw_config.em', numbers: [8] }] }],
    ['would not pass its schema', { target: 7 }],
  ])('whose spec %s by now leaves nothing where it measured', async (_, edit) => {
    world.hang('Finals');
    at.put(name, { target: { external: { url: qdrant.url } } });
    await at.reconcile(name);
    await at.happened('run Finals');
    expect(qdrant.collections.size).toBeGreaterThan(0);
    const asked: unknown[] = [];
    at.restart({ worldOf: (spec) => (asked.push(spec.target), Promise.resolve(world.make())) });
    at.edit(name, edit);
    await at.remove(name);
    await at.reconcile(name);
    expect(asked).toContainEqual({ external: { url: qdrant.url } });
    expect(qdrant.collections.size).toBe(0);
    expect(at.look(name)).toBeUndefined();
  });

  it('of the same name as a new one is not mistaken for it', async () => {
    world.hang('Measure');
    at.put(name);
    await at.reconcile(name);
    await at.happened('run Measure');
    // Forced away by somebody, and made again: its conductor must not go on for the new one.
    at.kube.objects.delete(`QdrantSweep/team/${name}`);
    world.onRun = () => Promise.resolve(undefined);
    at.put(name);
    await at.until(name, 'Completed');
    expect(world.happened.filter((line) => line === 'world')).toHaveLength(2);
    at.kube.objects.delete(`QdrantSweep/team/${name}`);
    await at.reconcile(name);
  });
});
