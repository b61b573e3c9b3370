import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { EmbeddedDatabase } from './embedded-database.ts';
import { openRunStore } from './open-store.ts';
import { mountSmallDisk, type SmallDisk } from './testing/full-disk.ts';
import { newExperiment, newSearch, NOW } from './testing/records.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

function smallDisk(megabytes: number, skip: (why: string) => never): SmallDisk {
  const disk = mountSmallDisk(megabytes) ?? skip('only root may mount a tmpfs');
  undo.push(() => {
    disk.unmount();
  });
  return disk;
}

const full = (path: string) => ({
  name: 'StoreError',
  reason: 'StoreFull',
  message: expect.stringContaining(`store folder ${path} has no space`) as string,
});

describe('a store on a full disk', () => {
  it('says so, keeps what it acknowledged, and works again once there is space', async ({ skip }) => {
    const disk = smallDisk(80, skip);
    const store = await openRunStore(disk.path);
    undo.push(() => store.close());
    const { id } = await store.ensureExperiment(newExperiment('full'), NOW);
    await store.commitSearch(id, newSearch('before'));

    disk.fill();
    await expect(store.commitSearch(id, newSearch('during'))).rejects.toMatchObject(full(disk.path));
    await expect(store.ensureExperiment(newExperiment('other'), NOW)).rejects.toMatchObject(full(disk.path));
    expect((await store.history(id)).searches).toEqual([newSearch('before')]);
    expect(await store.listExperiments()).toHaveLength(1);

    disk.free();
    expect(await store.commitSearch(id, newSearch('during'))).toBe(true);
    expect((await store.history(id)).searches.map((search) => search.id)).toEqual(['before', 'during']);
  });

  it('that another program fills while it writes: the engine ends, and is started anew', async ({ skip }) => {
    const disk = smallDisk(80, skip);
    // It believes there is space, so the engine itself meets the end of the disk in its log of writes: a PANIC.
    const database = await EmbeddedDatabase.open(disk.path, join(disk.path, 'database'), () => 1e12);
    undo.push(() => database.close());
    await database.query('create table kept (id int primary key)');
    for (let id = 0; id < 10; id += 1) await database.query('insert into kept values ($1)', [id]);
    const count = async () => (await database.query<{ n: number }>('select count(*) as n from kept')).rows[0]?.n;

    disk.fill();
    const log = "select pg_logical_emit_message(true, 'test', repeat('x', 100000))";
    const writeOn = async () => {
      for (let time = 0; time < 1_000; time += 1) await database.query(log);
    };
    await expect(writeOn()).rejects.toMatchObject(full(disk.path));
    await expect(count()).rejects.toMatchObject(full(disk.path));
    await expect(database.transaction((t) => t.query('insert into kept values (11)', []))).rejects.toMatchObject(
      full(disk.path),
    );

    disk.free();
    expect(await Promise.all([count(), count()])).toEqual([10, 10]);
    await database.transaction((t) => t.query('insert into kept values ($1)', [11]));
    expect(await count()).toBe(11);
  });

  it('is not begun where it would not fit', async ({ skip }) => {
    const disk = smallDisk(24, skip);
    await expect(openRunStore(disk.path)).rejects.toMatchObject(full(disk.path));
    expect(readdirSync(disk.path)).toEqual(['lock']);
  });

  it('is not left half made when the space ends while making it', async ({ skip }) => {
    const disk = smallDisk(24, skip);
    const { ensureDatabase } = await import('./store-folder.ts');
    await expect(ensureDatabase(disk.path, () => 1e12)).rejects.toMatchObject({ name: 'StoreError' });
    expect(readdirSync(disk.path)).toEqual([]);
  });
});
