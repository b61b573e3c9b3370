import { expect, it } from 'vitest';
import { OperatorMetrics } from '../../operator/http/operator-metrics.ts';
import { parseLoopDelay, worse } from './loop-delay.ts';

it('reads what the operator serves', async () => {
  const { registry } = new OperatorMetrics();
  await registry.metrics();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const delay = parseLoopDelay(await registry.metrics());
  expect(delay?.p99).toBeGreaterThan(0);
  expect(delay?.max).toBeGreaterThanOrEqual(delay?.p99 ?? 0);
});

it('is in milliseconds, and knows nothing where nothing is said', () => {
  const page = 'nodejs_eventloop_lag_p99_seconds 0.0125\nnodejs_eventloop_lag_max_seconds 0.25\n';
  expect(parseLoopDelay(page)).toEqual({ p99: 12.5, max: 250 });
  expect(parseLoopDelay('up 1\n')).toBeUndefined();
  expect(parseLoopDelay('nodejs_eventloop_lag_p99_seconds NaN\nnodejs_eventloop_lag_max_seconds 0\n')).toBeUndefined();
});

it('keeps the worse of two', () => {
  expect(worse({ p99: 1, max: 20 }, { p99: 2, max: 10 })).toEqual({ p99: 2, max: 20 });
});
