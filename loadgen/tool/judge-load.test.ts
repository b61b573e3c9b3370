import { describe, expect, it } from 'vitest';
import { judgeLoad, type LoadFacts, type LoadLimits } from './judge-load.ts';

const GOOD: LoadFacts = {
  requests: 1000,
  completed: 1000,
  errors: 0,
  errorKinds: {},
  offeredRate: 100,
  achievedRate: 99.7,
  recall: 0.97,
  response: (percentile) => percentile / 10,
  breach: undefined,
  clientLimit: undefined,
};
const LIMITS: LoadLimits = {
  latency: [
    { percentile: 95, max: 10 },
    { percentile: 99.9, max: 10 },
  ],
  minRecall: 0.95,
  maxErrorRate: 0.01,
};
const backlog = { kind: 'Backlog' as const, message: '99 requests had arrived' };
const limited = 'the thread was busy';

describe('judgeLoad', () => {
  it.each<[string, Partial<LoadFacts>, Partial<LoadLimits>, string, RegExp]>([
    ['all is met', {}, {}, 'Passed ConstraintsMet', /^99\.7|100\/s of 100\/s answered, 0 errors/],
    [
      'a closed loop',
      { offeredRate: undefined, response: undefined },
      { latency: [] },
      'Passed ConstraintsMet',
      /^100\/s answered/,
    ],
    [
      'the client was the limit',
      { clientLimit: limited },
      {},
      'Inconclusive ClientLimited',
      /busy: these are not the server's figures/,
    ],
    [
      'that comes before everything',
      { clientLimit: limited, completed: 0, breach: backlog, errors: 999, recall: 0 },
      {},
      'Inconclusive ClientLimited',
      /busy/,
    ],
    ['nothing was asked', { requests: 0, completed: 0 }, {}, 'Error NothingMeasured', /no request was answered/],
    [
      'nobody was there',
      { completed: 0, errors: 1000, errorKinds: { connection: 1000 } },
      {},
      'Error TargetUnreachable',
      /none of 1000 requests was answered \(connection 1000\)/,
    ],
    [
      'all failed',
      { completed: 0, errors: 1000, errorKinds: { http500: 998, connection: 2 } },
      {},
      'Error ServerErrors',
      /http500 998, connection 2/,
    ],
    [
      'too many failed',
      { completed: 980, errors: 20, errorKinds: { http503: 20 } },
      {},
      'Failed ErrorRateTooHigh',
      /20 of 1000 requests failed \(http503 20\), allowed are 1 %/,
    ],
    ['some may fail', { errors: 10, errorKinds: { timeout: 10 } }, {}, 'Passed ConstraintsMet', /10 errors/],
    [
      'the server fell behind',
      { achievedRate: 50, breach: backlog },
      {},
      'Failed NoSustainableRate',
      /did not keep up with 100\/s: it answered 50\/s, 99 requests/,
    ],
    ['recall is low', { recall: 0.9 }, {}, 'Failed RecallTooLow', /0\.9000, wanted is 0\.95/],
    ['recall is not a number', { recall: undefined }, {}, 'Failed RecallTooLow', /could not be counted/],
    ['it is slow', { response: () => 10.01 }, {}, 'Failed LatencyTooHigh', /p95 was 10\.01 ms, the limit is 10 ms/],
    ['its tail is slow', { response: (p) => (p > 99 ? 11 : 1) }, {}, 'Failed LatencyTooHigh', /p999 was 11\.00 ms/],
    ['latency is NaN', { response: () => NaN }, {}, 'Failed LatencyTooHigh', /p95/],
    [
      'the latency rule of windows is no other',
      { breach: { kind: 'Latency', message: '' } },
      {},
      'Passed ConstraintsMet',
      /answered/,
    ],
  ])('%s', (_, facts, limits, verdict, message) => {
    const judged = judgeLoad({ ...GOOD, ...facts }, { ...LIMITS, ...limits });
    expect(`${judged.verdict} ${judged.reason}`).toBe(verdict);
    expect(judged.message).toMatch(message);
  });

  it('lists every constraint with what was measured', () => {
    expect(judgeLoad(GOOD, LIMITS).constraints).toEqual([
      { name: 'errorRate', bound: 0.01, value: 0, met: true },
      { name: 'recall', bound: 0.95, value: 0.97, met: true },
      { name: 'p95', bound: 10, value: 9.5, met: true },
      { name: 'p999', bound: 10, value: 9.99, met: true },
    ]);
    expect(judgeLoad({ ...GOOD, completed: 0 }, LIMITS).constraints[2]).toEqual({
      name: 'p95',
      bound: 10,
      value: null,
      met: false,
    });
  });
});
