import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { openRunStore } from '../runs/open-store.ts';
import type { RunStore } from '../runs/run-store.ts';
import { Controlled } from './controlled.ts';
import { playQdrant, type PlayedQdrant } from './played-qdrant.ts';
import { SimulatedWorld } from './simulated-world.ts';

/** What a test of the controller plays with. */
export interface Stage {
  at: Controlled;
  world: SimulatedWorld;
  store: RunStore;
  qdrant: PlayedQdrant;
  /** A name no test before has used. */
  name: string;
}

/** Prepares a file's tests; the function it returns sets the stage anew for each of them. */
export function stage(): () => Stage {
  const folder = mkdtempSync(join(tmpdir(), 'controller-'));
  let store: RunStore;
  let qdrant: PlayedQdrant;
  let count = 0;
  beforeAll(async () => {
    store = await openRunStore(join(folder, 'record'));
    qdrant = await playQdrant();
  });
  afterAll(async () => {
    await store?.close();
    await qdrant?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return () => {
    qdrant.up = true;
    qdrant.version = '1.19.0';
    qdrant.refuses = undefined;
    qdrant.collections.clear();
    const world = new SimulatedWorld(qdrant);
    count += 1;
    return { at: new Controlled(world, store), world, store, qdrant, name: `sweep-${count}` };
  };
}
