import { expect, it } from 'vitest';
import { benchHonesty } from './honesty.ts';

it('tells what is true, what we report and what a closed loop reports', async () => {
  const lines: string[] = [];
  const figures = await benchHonesty(
    (line) => lines.push(line),
    [
      {
        name: 'a pause',
        server: { kind: 'Pauses', pauseMs: 200, everyMs: 1000, firstMs: 400, times: 1 },
        rate: 100,
        seconds: 1,
        leadSeconds: 0.1,
      },
      {
        name: 'a queue',
        server: { kind: 'Queue', serviceMs: 5, seed: 1 },
        rate: 100,
        seconds: 1,
        leadSeconds: 0.1,
      },
    ],
  );
  expect(lines).toHaveLength(6);
  expect(figures.map(({ scenario, percentile }) => `${scenario} ${percentile}`)).toEqual([
    'a pause 50',
    'a pause 95',
    'a pause 99',
    'a queue 50',
    'a queue 95',
    'a queue 99',
  ]);
  // A busy machine makes requests slower than they should be, never faster.
  const [, , pause, , , queue] = figures;
  expect(pause?.ours).toBeGreaterThan(0.9 * (pause?.expected ?? NaN));
  expect(queue?.ours).toBeGreaterThan(0.9 * (queue?.expected ?? NaN));
  expect(pause?.expected).toBeGreaterThan(50);
  expect(queue?.theory).toBeCloseTo(46.05, 1);
  expect(queue?.closedLoop).toBeGreaterThan(0);
});
