import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from './histogram.ts';
import type { WindowMeasurement } from './open-loop.ts';
import { judgeWindow, windowSeconds } from './window-rules.ts';

/** 100 requests in a second, answered after 1 … 100 ms. */
function measurement(overrides: Partial<WindowMeasurement> = {}): WindowMeasurement {
  const response = new LatencyHistogram();
  for (let ms = 1; ms <= 100; ms += 1) response.record(ms);
  const empty = new LatencyHistogram();
  return {
    rate: 100,
    seconds: 1,
    scheduled: 100,
    sent: 100,
    sentInAll: 100,
    completed: 100,
    achievedRate: 100,
    errors: {},
    errorCount: 0,
    backlogStart: 0,
    backlogEnd: 0,
    response,
    service: response,
    lateness: empty,
    ownLateness: empty,
    cappedShare: 0,
    startedAt: 0,
    meanInFlight: 0.2,
    parts: [],
    own: {
      wallSeconds: 1,
      idleSeconds: 1,
      workCpuSeconds: 0,
      cpuSeconds: 0,
      waitedSeconds: undefined,
      loopP99: 0,
      loopMax: 0,
    },
    series: [],
    ...overrides,
  };
}

const rules = { latency: [], errorRateMax: 0 };

describe('judgeWindow', () => {
  it('checks latency by percentile', () => {
    expect(judgeWindow(measurement(), { ...rules, latency: [{ percentile: 50, max: 60 }] })).toBeUndefined();
    expect(judgeWindow(measurement(), { ...rules, latency: [{ percentile: 95, max: 60 }] })).toMatchObject({
      kind: 'Latency',
      message: expect.stringMatching(/^p95 was 9\d\.\d\d ms, the limit is 60 ms$/) as string,
    });
  });

  it('names the limit broken most clearly when a window was given up', () => {
    const latency = [
      { percentile: 50, max: 45 },
      { percentile: 99, max: 10 },
    ];
    expect(judgeWindow(measurement({ aborted: 'Latency' }), { ...rules, latency })).toMatchObject({
      kind: 'Latency',
      message: 'more requests took over 10 ms than p99 allows: given up',
    });
  });

  it.each<[string, Partial<WindowMeasurement>, ReturnType<typeof judgeWindow>]>([
    ['a window without requests never passes', { scheduled: 0 }, { kind: 'Errors', message: '0 of 0 requests failed' }],
    ['an error is one too many', { errorCount: 1 }, { kind: 'Errors', message: '1 of 100 requests failed' }],
    [
      'a backlog given up is named before errors',
      { aborted: 'Backlog', backlogEnd: 70, errorCount: 5 },
      { kind: 'Backlog', message: '70 requests had arrived and were not answered: given up' },
    ],
    ['a handful unanswered is allowed', { backlogEnd: 4 }, undefined],
    ['what was unanswered before is not growth', { backlogStart: 30, backlogEnd: 34 }, undefined],
    [
      'more is falling behind',
      { backlogEnd: 5 },
      { kind: 'Achieved', message: 'unanswered requests grew by 5 while 100 arrived' },
    ],
    ['a share is allowed in a large window', { scheduled: 1000, backlogEnd: 20 }, undefined],
  ])('%s', (_name, overrides, breach) => {
    expect(judgeWindow(measurement(overrides), rules)).toEqual(breach);
  });

  it('allows as many errors as the rules say', () => {
    expect(judgeWindow(measurement({ errorCount: 5 }), { ...rules, errorRateMax: 0.05 })).toBeUndefined();
    expect(judgeWindow(measurement({ errorCount: 6 }), { ...rules, errorRateMax: 0.05 })?.kind).toBe('Errors');
  });
});

describe('windowSeconds', () => {
  it('makes windows long enough in time and requests', () => {
    expect(windowSeconds({ windowSeconds: 1, windowRequests: 1000 }, 5000)).toBe(1);
    expect(windowSeconds({ windowSeconds: 1, windowRequests: 1000 }, 100)).toBe(10);
  });
});
