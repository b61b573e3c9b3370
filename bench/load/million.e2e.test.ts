import { expect, it } from 'vitest';
import { benchMillion } from './million.ts';

it('tells how fast in, how large and how quick', async () => {
  const lines: string[] = [];
  const result = await benchMillion((line) => lines.push(line), {
    points: 3000,
    dimensions: 16,
    profiles: [
      { load: 'closed', concurrency: 4, seconds: 0.5 },
      { load: 'open', rate: 50, seconds: 1.5 },
    ],
  });
  expect(result.upsertsPerSecond).toBeGreaterThan(0);
  expect(result.stableSeconds).toBeGreaterThan(0);
  expect(result.residentShare).toBeGreaterThan(1);
  expect(result.peakShare).toBeGreaterThanOrEqual(result.residentShare);
  for (const load of result.loads) {
    expect(load).toMatchObject({ errors: 0, recall: 1 });
    expect(load.p99).toBeGreaterThanOrEqual(load.p50);
    expect(load.achievedRate).toBeGreaterThan(0);
  }
  expect(lines).toHaveLength(2);
});
