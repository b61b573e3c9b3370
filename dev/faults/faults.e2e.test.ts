import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { sample } from './plan.ts';
import { ApiProxy } from './proxy/api-proxy.ts';
import type { Report } from './report.ts';
import { startWorld, type World } from './world.ts';

// The short form of "npm run faults": a few scenarios of each kind, always the same ones.

const SEED = 1;
const SHARES = { kill: 12, outage: 5, api: 7, edit: 6, hand: 5, own: 2, leader: 3 };

let world: World;
beforeAll(async () => {
  world = await startWorld();
}, 900_000);
afterAll(() => world?.stop());

it('an operator has the rights the chart gives it, and no others', async () => {
  const { kube, rights, upstream } = world;
  await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'rights' } });
  const take = await rights.give(kube, 'rights');
  const api = await ApiProxy.start(upstream, rights.userOf('rights'));
  try {
    const status = async (path: string): Promise<number> => (await fetch(`${api.url}${path}`)).status;
    expect(await status('/apis/qdrantbench.io/v1alpha1/qdrantsweeps')).toBe(200);
    expect(await status('/api/v1/namespaces/rights/secrets/any')).toBe(404);
    expect(await status('/api/v1/namespaces/rights/secrets')).toBe(403);
  } finally {
    await api.stop();
    await take();
  }
});

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
    expect(report.steps.seen).toBeGreaterThan(50);
    expect(report.steps.killed).toBe(SHARES.kill);
    expect(world.problems).toEqual([]);
    const wanted = Object.values(SHARES).reduce((sum, share) => sum + share, 0);
    expect(report.scenarios).toBeGreaterThan(wanted);
  },
);
