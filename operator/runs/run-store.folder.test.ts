import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openRunStore } from './open-store.ts';
import { describesARunStore } from './run-store.contract.ts';
import { describesTerms } from './term.contract.ts';
import type { TermedRunStore } from './run-store.ts';
import { newExperiment, newSearch, NOW } from './testing/records.ts';

const folder = mkdtempSync(join(tmpdir(), 'qdrant-bench-store-'));
let store: TermedRunStore;

beforeAll(async () => {
  store = await openRunStore(folder);
}, 60_000);

afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

describesARunStore('a folder', () => Promise.resolve(store));
describesTerms('a folder', () => Promise.resolve(store));

it('keeps its log of writes small, however much is written', async () => {
  const log = join(folder, 'database', 'pg_wal');
  const bytes = () => readdirSync(log).reduce((sum, name) => sum + statSync(join(log, name)).size, 0);
  const { id } = await store.ensureExperiment(newExperiment('much'), NOW);
  for (let number = 0; number < 150; number += 1) {
    const search = { 'params.noise': randomBytes(100_000).toString('hex') };
    await store.commitSearch(id, newSearch(`s${String(number)}`, 'Load', { search }));
  }
  // 30 MB of bodies went through it.
  expect(bytes()).toBeLessThan(20_000_000);
});
