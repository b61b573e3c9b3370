import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedDatabase } from './embedded-database.ts';
import { ENGINE_VERSION } from './embedded-engine.ts';
import { openRunStore, withoutPassword } from './open-store.ts';
import { startChild } from './testing/child.ts';
import { newAttempt, newExperiment, newSearch, NOW } from './testing/records.ts';

/** A store with one search in it, closed in order; making one takes seconds, so tests copy it. */
let made: string;
let home: string;
let copies = 0;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'qdrant-bench-open-'));
  made = join(home, 'deep', 'made');
  const store = await openRunStore(made);
  const { id } = await store.ensureExperiment(newExperiment('key'), NOW);
  await store.beginAttempt(id, newAttempt('run-1'));
  await store.commitSearch(id, newSearch('s'));
  await store.close();
});
afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});

function copy(): string {
  copies += 1;
  const folder = join(home, `copy-${String(copies)}`);
  cpSync(made, folder, { recursive: true });
  return folder;
}

/** Every file below a folder, with its size and time of change. */
function state(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map(
      (name) => `${name} ${String(statSync(join(folder, name)).size)} ${String(statSync(join(folder, name)).mtimeMs)}`,
    )
    .toSorted();
}

async function searchesIn(folder: string): Promise<string[]> {
  const store = await openRunStore(folder);
  try {
    const [experiment] = await store.listExperiments();
    return (await store.history(experiment?.id ?? '')).searches.map((search) => search.id);
  } finally {
    await store.close();
  }
}

describe('a folder', () => {
  it('is made with all above it, for its owner only, and kept between openings', async () => {
    expect(statSync(made).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(made, 'database', 'PG_VERSION'), 'utf8').trim()).toBe(ENGINE_VERSION);
    const folder = copy();
    chmodSync(folder, 0o755);
    expect(await searchesIn(pathToFileURL(folder).href)).toEqual(['s']);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it('belongs to one: a second opener is told, or waits until it is free', async () => {
    const folder = copy();
    const store = await openRunStore(folder);
    const pid = String(process.pid);
    await expect(openRunStore(folder)).rejects.toMatchObject({
      reason: 'StoreLocked',
      message: expect.stringContaining(`store folder ${folder} is in use by process ${pid} on`) as string,
    });
    const told: string[] = [];
    const waiting = openRunStore(folder, { onWait: (message) => told.push(message) });
    const abandoned = openRunStore(folder, { onWait: () => undefined, signal: AbortSignal.timeout(300) });
    await expect(abandoned).rejects.toThrow('aborted');
    await store.close();
    const second = await waiting;
    expect(told).toEqual([expect.stringContaining(`in use by process ${pid}`)]);
    expect(await second.listExperiments()).toHaveLength(1);
    await second.close();
    await second.close();
    await expect(second.listExperiments()).rejects.toThrow('destroyed');
  });

  it('loses nothing acknowledged when its owner is killed between any two commits', async () => {
    const folder = copy();
    const acknowledged: string[] = [];
    for (const [round, lines] of [1, 40, 9].entries()) {
      const child = startChild('committer.ts', folder, `round-${String(round)}`);
      for (let count = 0; count < lines; count += 1) acknowledged.push((await child.line()) ?? 'it ended');
      acknowledged.push(...(await child.kill()));
    }
    const store = await openRunStore(folder);
    const experiment = (await store.listExperiments()).find((one) => one.historyKey === 'killed');
    const ids = (await store.history(experiment?.id ?? '')).searches.map((search) => search.id);
    await store.close();
    expect(acknowledged.length).toBeGreaterThanOrEqual(50);
    expect(ids).toEqual(expect.arrayContaining(acknowledged));
    // At most the one commit in flight at each kill was written and not acknowledged.
    expect(ids.length - acknowledged.length).toBeLessThanOrEqual(3);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is whole when the process that first makes it is killed', async () => {
    const folder = join(home, 'killed-while-made');
    const child = startChild('committer.ts', folder, 'first');
    const unfinished = () => existsSync(folder) && readdirSync(folder).some((name) => name.startsWith('unfinished-'));
    while (!unfinished()) await sleep(5);
    await child.kill();
    expect(readdirSync(folder)).not.toContain('database');
    expect(await searchesIn(folder)).toEqual([]);
    expect(readdirSync(folder).toSorted()).toEqual(['database', 'lock']);
  });

  it('that is not a store is left as it is', async () => {
    const folder = join(home, 'documents');
    mkdirSync(folder, { mode: 0o755 });
    for (const name of ['a.txt', 'b.txt', 'c.txt', 'd.txt']) writeFileSync(join(folder, name), 'mine');
    const before = state(folder);
    await expect(openRunStore(folder)).rejects.toMatchObject({
      reason: 'StoreCorrupt',
      message: expect.stringMatching(
        /is not a store: it holds a\.txt, b\.txt, c\.txt, … and no database; nothing was/,
      ) as string,
    });
    expect(state(folder)).toEqual(before);
    expect(statSync(folder).mode & 0o777).toBe(0o755);
    await expect(openRunStore(join(folder, 'a.txt'))).rejects.toThrow('EEXIST');
  });

  it.each([
    ['the marker', 'qdrant-bench.json', '', /qdrant-bench\.json in it is missing or unreadable/, 'StoreCorrupt'],
    ['a newer marker', 'qdrant-bench.json', '{"format":2}', /has format 2, this program knows up to 1/, 'StoreTooNew'],
    ['the engine version', 'PG_VERSION', 'x', /its PG_VERSION says "x", expected 18/, 'StoreCorrupt'],
    ['a newer engine version', 'PG_VERSION', '19\n', /written by Postgres 19, this program has 18/, 'StoreTooNew'],
    ['the control file', 'global/pg_control', 'x', /is damaged: .*Restore it from a copy/, 'StoreCorrupt'],
  ])('with a changed file (%s) is refused, and says what to do', async (_, file, text, message, reason) => {
    const folder = copy();
    writeFileSync(join(folder, 'database', file), text);
    const error: unknown = await openRunStore(folder).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ name: 'StoreError', reason, message: expect.stringMatching(message) as string });
    expect((error as Error).message).toContain(folder);
    expect(existsSync(join(folder, 'database', 'base'))).toBe(true);
  });

  it('whose table is damaged says so when it is read', async () => {
    const folder = copy();
    const database = await EmbeddedDatabase.open(folder, join(folder, 'database'));
    const { rows } = await database.query<{ path: string }>(
      "select pg_relation_filepath('qdrant_bench.searches') as path",
    );
    await database.query('checkpoint');
    await database.close();
    const file = join(folder, 'database', rows[0]?.path ?? '');
    const bytes = readFileSync(file);
    truncateSync(file, 0);
    writeFileSync(file, bytes.fill(0xa5, 200, 8_000));
    await expect(searchesIn(folder)).rejects.toMatchObject({ reason: 'StoreCorrupt' });
  });

  it('of a newer version is refused, with its rows untouched', async () => {
    const folder = copy();
    const database = () => EmbeddedDatabase.open(folder, join(folder, 'database'));
    const newer = await database();
    await newer.query("insert into qdrant_bench.migrations values ('0099-later', '2030-01-01')");
    await newer.close();
    await expect(openRunStore(folder)).rejects.toMatchObject({
      reason: 'StoreTooNew',
      message: expect.stringMatching(/newer qdrant-bench \(it has 0099-later, .* nothing was changed/) as string,
    });
    const after = await database();
    expect((await after.query('select id from qdrant_bench.searches')).rows).toEqual([{ id: 's' }]);
    await after.close();
  });
});

describe('a location', () => {
  it('is a folder or a server of Postgres', () => {
    for (const location of ['', ' ', 'mysql://root:pw@host/db', 'https://example.org/']) {
      expect(() => openRunStore(location)).toThrow(/is not known, expected a folder or postgres:/);
    }
    expect(() => openRunStore('mysql://root:pw@host/db')).toThrow(/^(?!.*pw)/);
  });

  it.each([
    ['postgres://user:pw@host:5433/db?sslmode=disable&password=pw', 'postgres://user@host:5433/db'],
    ['postgresql://host/db', 'postgresql://host/db'],
    ['postgres:///db?host=/run/postgresql', 'postgres:///run/postgresql/db'],
  ])('%s is shown as %s', (location, shown) => {
    expect(withoutPassword(location)).toBe(shown);
  });

  it('that cannot be read does not give away its password', async () => {
    const error: unknown = await openRunStore('postgres://user:p#w@host:x/db').catch((failure: unknown) => failure);
    expect(error).toMatchObject({ reason: 'StoreUnreachable' });
    expect((error as Error).cause).toBeUndefined();
    expect(String(error)).toMatch(/write special characters in it as %XX/);
    expect(String(error)).not.toContain('p#w');
  });
});
