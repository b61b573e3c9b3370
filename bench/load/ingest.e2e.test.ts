import { expect, it } from 'vitest';
import { benchIngest } from './ingest.ts';

it('uploads with every client it has, and finds exact answers to the last hit', async () => {
  const lines: string[] = [];
  const { upload, exact, missing } = await benchIngest((line) => lines.push(line), {
    points: 2000,
    dimensions: 16,
    rounds: 1,
    peers: false,
  });
  expect(upload.map(({ points }) => points)).toEqual([2000, 2000]);
  for (const { seconds, pointsPerSecond } of upload) {
    expect(seconds).toBeGreaterThan(0);
    expect(pointsPerSecond).toBeGreaterThan(0);
  }
  expect(exact).toEqual({ queries: 200, hits: 2000, wrong: 0 });
  expect(missing).toEqual(['qdrant-client: not asked for']);
  expect(lines).toHaveLength(3);
});
