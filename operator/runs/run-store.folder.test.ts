import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { openRunStore } from './open-store.ts';
import { describesARunStore } from './run-store.contract.ts';
import type { ReadableRunStore } from './run-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'qdrant-bench-store-'));
let store: ReadableRunStore;

beforeAll(async () => {
  store = await openRunStore(folder);
}, 60_000);

afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

describesARunStore('a folder', () => Promise.resolve(store));
