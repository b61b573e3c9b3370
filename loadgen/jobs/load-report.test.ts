import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from '../load/histogram.ts';
import type { LoadResult, MeasuredOutcome, WindowReport } from '../load/load-search.ts';
import type { WindowMeasurement } from '../load/open-loop.ts';
import { searchMessageSchema, seriesMessageSchema } from '../protocol.ts';
import { loadReport, secondText, seriesMessages } from './load-report.ts';

const histogram = (): LatencyHistogram => {
  const made = new LatencyHistogram();
  [1, 2, 3].forEach((value) => made.record(value));
  return made;
};

const measured: WindowMeasurement = {
  rate: 100,
  seconds: 1,
  scheduled: 100,
  sent: 100,
  sentInAll: 110,
  completed: 99,
  achievedRate: 99,
  errors: {},
  errorCount: 0,
  backlogStart: 0,
  backlogEnd: 1,
  response: histogram(),
  service: histogram(),
  lateness: histogram(),
  ownLateness: histogram(),
  cappedShare: 0,
  startedAt: 0,
  meanInFlight: 0.2,
  parts: [],
  own: {
    wallSeconds: 1,
    idleSeconds: 0.9,
    workCpuSeconds: 0.0055,
    cpuSeconds: 0.1,
    waitedSeconds: 0,
    loopP99: 0.1,
    loopMax: 1,
  },
  series: [{ second: 0, offeredRate: 100, achievedRate: 99, latencyP50: 2, latencyP95: 3, latencyP99: 3, errors: 0 }],
};

const result: LoadResult = {
  outcome: { kind: 'Found', low: 100, high: 104, converged: true },
  window: {
    measured,
    recall: { value: 0.97, standardError: 0.01, low: 0.95, high: 0.99, queries: 50 },
    serverCpu: 0.0004,
  },
  requests: 500,
  errors: {},
  peakMemory: 1e8,
  seconds: 3,
};

const fallback = [{ name: 'recall' as const, value: 0.9 }];

function checked(report: ReturnType<typeof loadReport>) {
  return searchMessageSchema.parse({
    type: 'search',
    id: 'x',
    run: 'r',
    repeat: 0,
    stage: 'Load',
    seconds: 1,
    ...report,
  });
}

describe('loadReport', () => {
  it('publishes the bracket and the window at its lower end', () => {
    const { metrics, load, limited } = checked(loadReport(result, fallback));
    const by = Object.fromEntries(metrics.map((metric) => [metric.name, metric]));
    expect(by.throughput).toEqual({ name: 'throughput', value: 100, low: 100, high: 104, unit: '1/s' });
    expect(by.recall).toEqual({ name: 'recall', value: 0.97, low: 0.95, high: 0.99 });
    expect(by.latencyP95?.value).toBeCloseTo(3, 2);
    expect(by.serverCpuPerQuery?.value).toBeCloseTo(400);
    expect(by.clientCpuPerQuery?.value).toBeCloseTo(50);
    expect(by.memory).toEqual({ name: 'memory', value: 1e8, unit: 'bytes', source: 'process' });
    expect(by.errorRate?.value).toBe(0);
    expect(limited).toBeUndefined();
    expect(load).toMatchObject({ bracket: [100, 104], offeredRate: 100, achievedRate: 99, requests: 500 });
    expect(LatencyHistogram.decode(load?.histograms?.response as string).count).toBe(3);
  });

  it('leaves out what could not be read', () => {
    const names = loadReport({ ...result, window: { measured }, peakMemory: undefined }, fallback).metrics.map(
      ({ name }) => name,
    );
    for (const name of ['recall', 'serverCpuPerQuery', 'memory']) expect(names).not.toContain(name);
  });

  it.each<[string, Partial<LoadResult>, string, RegExp, [number, number]]>([
    [
      'a limited client',
      { outcome: { kind: 'ClientLimited', rate: 500 }, lastLimit: 'it was busy' },
      'ClientLimited',
      /^at 500\/s it was busy; give it a core/,
      [0, 500],
    ],
    [
      'a limited client without words',
      { outcome: { kind: 'ClientLimited', rate: 5 } },
      'ClientLimited',
      /^at 5\.00\/s the load generator was the limit/,
      [0, 5],
    ],
    [
      'no rate',
      { outcome: { kind: 'NoSustainableRate', lowest: 2 }, lastBreach: { kind: 'Latency', message: 'p95 was 9 ms' } },
      'NoSustainableRate',
      /^even 2\.00\/s broke a rule: p95 was 9 ms/,
      [0, 2],
    ],
    [
      'no rate for no known reason',
      { outcome: { kind: 'NoSustainableRate', lowest: 2 } },
      'NoSustainableRate',
      /no window met the rules/,
      [0, 2],
    ],
    [
      'errors',
      {
        outcome: { kind: 'NoSustainableRate', lowest: 2 },
        lastBreach: { kind: 'Errors', message: '5 of 5 requests failed' },
        errors: { http500: 5 },
      },
      'ServerErrors',
      /5 of 5 requests failed \(http500 5\) even at 2\.00\/s/,
      [0, 2],
    ],
    [
      'instability',
      { outcome: { kind: 'Unstable', low: 10, high: 20 } },
      'Unstable',
      /between 10\/s and 20\/s/,
      [10, 20],
    ],
    [
      'instability without end',
      { outcome: { kind: 'Unstable', low: undefined, high: undefined } },
      'Unstable',
      /and above/,
      [0, 0],
    ],
  ])('publishes no load numbers for %s', (_, changes, reason, message, bracket) => {
    const report = checked(loadReport({ ...result, window: undefined, ...changes }, fallback));
    expect(report.metrics).toEqual(fallback);
    expect(report.limited).toMatchObject({ reason, message });
    expect(report.load?.bracket).toEqual(bracket);
  });

  const given = (
    load: MeasuredOutcome['load'],
    changes: Partial<LoadResult> = {},
    breach?: MeasuredOutcome['breach'],
  ) =>
    checked(
      loadReport(
        { ...result, outcome: { kind: 'Measured', load, ...(breach ? { breach } : {}) }, ...changes },
        fallback,
      ),
    );
  const open = { kind: 'Open', arrivals: 'Poisson', rate: 100, profile: 'Constant' } as const;

  it('publishes what a given load achieved, labelled', () => {
    const { metrics, load, limited } = given({ kind: 'Closed', concurrency: 1 });
    const by = Object.fromEntries(metrics.map((metric) => [metric.name, metric]));
    expect(by.throughput).toEqual({ name: 'throughput', value: 99, unit: '1/s', source: 'closed loop, 1 client' });
    expect(by.serviceP50?.source).toBe('closed loop, 1 client');
    expect(load).toMatchObject({ kind: 'Closed', achievedRate: 99 });
    expect(limited).toBeUndefined();
  });

  it('leaves latency to the judge, and says that a rate could not be sustained', () => {
    expect(given(open, {}, { kind: 'Latency', message: 'slow' }).limited).toBeUndefined();
    const behind = given(open, {}, { kind: 'Achieved', message: 'unanswered requests grew by 9 while 100 arrived' });
    expect(behind.limited).toMatchObject({
      reason: 'NoSustainableRate',
      message:
        '100/s (open loop, 100/s) could not be sustained: unanswered requests grew by 9 while 100 arrived, 99/s were answered',
    });
    expect(behind.metrics.map(({ name }) => name)).toContain('throughput');
    expect(given({ kind: 'Closed', concurrency: 4 }, {}, { kind: 'Achieved', message: 'x' }).limited).toBeUndefined();
  });

  it('says that what it would publish did not stand still, with what was measured of the load generator', () => {
    for (const outcome of [result.outcome, { kind: 'Measured', load: open } as const]) {
      const report = checked(
        loadReport({ ...result, outcome, last: measured, unsteady: 'p50 rose from 4 to 12 ms' }, fallback),
      );
      expect(report.limited).toEqual({
        reason: 'Unstable',
        message: 'the window at 99/s did not stand still: p50 rose from 4 to 12 ms',
      });
      expect(report.metrics).toEqual(fallback);
      expect(report.load?.client).toMatchObject({ waited: 0, loopP99: 0.1, loopMax: 1, capped: 0 });
      expect(report.load?.client?.busy).toBeCloseTo(0.1, 9);
      expect(report.load?.little?.inFlight).toBe(0.2);
      expect(report.load?.little?.expected).toBeCloseTo(0.2, 2);
    }
  });

  it('says that the generators did not start together', () => {
    const skewed = { skewed: true as const, lastLimit: 'the load generators started 90 ms apart' };
    expect(given(open, skewed).limited).toEqual({
      reason: 'StartSkew',
      message: 'the load generators started 90 ms apart',
    });
    const searched = checked(
      loadReport({ ...result, ...skewed, outcome: { kind: 'ClientLimited', rate: 50 } }, fallback),
    );
    expect(searched.limited).toEqual({
      reason: 'StartSkew',
      message: 'the load generators started 90 ms apart, at 50/s',
    });
  });

  it('names the errors of a given load, and has no figures of a limited client', () => {
    expect(
      given(open, { errors: { http503: 5 } }, { kind: 'Errors', message: '5 of 100 requests failed' }).limited,
    ).toEqual({
      reason: 'ServerErrors',
      message: '5 of 100 requests failed (http503 5)',
    });
    const limited = given(open, { lastLimit: 'it was busy' });
    expect(limited.limited).toMatchObject({
      reason: 'ClientLimited',
      message: expect.stringMatching(/^with open loop, 100\/s, it was busy/),
    });
    expect(limited.metrics).toEqual(fallback);
  });

  it("places a window's seconds in the whole load", () => {
    const report: WindowReport = { number: 2, kind: 'Full', measured, startedAt: 4.26 };
    const messages = seriesMessages(report, 'x', 1);
    expect(messages.map((message) => seriesMessageSchema.parse(message))).toEqual([
      {
        type: 'series',
        search: 'x',
        repeat: 1,
        second: 4.3,
        offeredRate: 100,
        achievedRate: 99,
        latencyP50: 2,
        latencyP95: 3,
        latencyP99: 3,
        errors: 0,
      },
    ]);
  });
});

describe('secondText', () => {
  it('says how a window goes while it lasts', () => {
    const point = { second: 12, offeredRate: 500, achievedRate: 480, latencyP50: 1, latencyP95: 3.21, latencyP99: 4 };
    expect(secondText({ ...point, errors: 0 })).toBe('second 12: 480/s, p95 3.2 ms');
    expect(secondText({ ...point, errors: 2 })).toBe('second 12: 480/s, p95 3.2 ms, 2 failed');
  });
});
