import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { sample } from './plan.ts';
import type { Report } from './report.ts';
import { startWorld, type World } from './world.ts';

// The short form of "npm run faults": a few scenarios of each kind, always the same ones.

const SEED = 1;
const SHARES = { outage: 6, api: 8, edit: 7, hand: 6 };

let world: World;
beforeAll(async () => {
  world = await startWorld();
}, 900_000);
afterAll(() => world?.stop());

it(
  'whatever goes wrong, a sweep comes to the end of an undisturbed one, and nothing is done twice or left behind',
  { timeout: 900_000 },
  async () => {
    const report: Report = await runCampaign(world, {
      seed: SEED,
      parallel: 3,
      choose: (steps) => sample(SEED, steps, SHARES),
    });
    expect(report.results.filter(({ violations }) => violations !== undefined)).toEqual([]);
    expect(report.results.filter(({ missed }) => missed)).toEqual([]);
    expect(world.problems).toEqual([]);
    const wanted = Object.values(SHARES).reduce((sum, share) => sum + share, 0);
    expect(report.scenarios).toBeGreaterThan(wanted);
  },
);
