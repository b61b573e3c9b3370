import { describe, expect, it } from 'vitest';
import type { LoadModel } from '../protocol.ts';
import { AnswerCounter } from './answers.ts';
import { LatencyHistogram } from './histogram.ts';
import { loadSearch, skewLimit, type LoadPlan, type WindowReport } from './load-search.ts';
import type { WindowMeasurement } from './open-loop.ts';
import type { PlayedWindow, WindowOrder } from './window-order.ts';

/** A server that sustains 100/s; `response` (ms) by the tenth of a window and its length in usual ones. */
function played(order: WindowOrder, response: (part: number, length: number) => number): WindowMeasurement {
  const rate = order.load.kind === 'Open' ? order.load.rate : 80;
  const seconds = order.seconds - order.leadSeconds;
  const all = new LatencyHistogram();
  const parts = Array.from({ length: 10 }, (_, part) => {
    const histogram = new LatencyHistogram();
    for (let n = 0; n < 50; n += 1) {
      histogram.record(response(part, seconds));
      all.record(response(part, seconds));
    }
    return { response: histogram, inFlight: (Math.min(rate, 100) * response(part, seconds)) / 1000 };
  });
  const behind = Math.max(0, rate - 100) * seconds;
  return {
    rate,
    seconds,
    startedAt: 0,
    scheduled: rate * seconds,
    sent: rate * seconds,
    sentInAll: rate * seconds,
    completed: Math.min(rate, 100) * seconds,
    achievedRate: Math.min(rate, 100),
    errors: {},
    errorCount: 0,
    backlogStart: 0,
    backlogEnd: behind,
    response: all,
    service: all,
    lateness: new LatencyHistogram(),
    ownLateness: new LatencyHistogram(),
    cappedShare: 0,
    own: {
      wallSeconds: seconds,
      idleSeconds: seconds * 0.9,
      workCpuSeconds: 0.01,
      cpuSeconds: 0.1,
      waitedSeconds: 0,
      loopP99: 0.1,
      loopMax: 0.2,
    },
    meanInFlight: (Math.min(rate, 100) * all.mean) / 1000,
    parts,
    series: [],
  };
}

async function load(
  model: LoadModel | undefined,
  response: (part: number, length: number) => number = () => 5,
  more: (window: number, measured: WindowMeasurement) => Partial<PlayedWindow> = () => ({}),
) {
  let ready = 0;
  const orders: WindowOrder[] = [];
  const reports: WindowReport[] = [];
  const plan = {
    connections: 64,
    order: Uint32Array.of(0, 1, 2),
    queries: 3,
    limit: 1,
    seed: 1,
    saturation: { startRate: 60 },
    unloadedService: 5,
    rules: {
      recallMin: 0,
      latency: [{ percentile: 95, max: 50 }],
      errorRateMax: 0,
      windowSeconds: 10,
      windowRequests: 1,
      warmupSeconds: 2,
      loadedSearches: 1,
      ...(model ? { load: model } : {}),
    },
    beforeWindow: () => {
      ready += 1;
      return Promise.resolve();
    },
    play: (order: WindowOrder) => {
      orders.push(order);
      // Off the window's clock, once for each.
      expect(ready).toBe(orders.length);
      const measured = played(order, response);
      return Promise.resolve({
        measured,
        tally: new AnswerCounter([], [], Uint32Array.of()).tally(),
        ...more(orders.length, measured),
      });
    },
    onWindow: (report: WindowReport) => void reports.push(report),
  };
  // What sends requests is not needed: the windows are played.
  const result = await loadSearch(plan as unknown as LoadPlan);
  return { result, orders, reports };
}

const rising = (part: number): number => 4 + part;

describe('loadSearch', () => {
  it('searches for the highest rate where nothing else is asked for, and warms up before', async () => {
    const { result, orders, reports } = await load(undefined);
    expect(result.outcome).toMatchObject({ kind: 'Found', converged: true });
    expect(reports[0]?.kind).toBe('Warmup');
    expect(orders[0]).toMatchObject({ load: { kind: 'Open', arrivals: 'Poisson', rate: 60, profile: 'Constant' } });
    expect(result.window?.measured.rate).toBe((result.outcome as { low: number }).low);
    expect(result.unsteady).toBeUndefined();
  });

  it('measures longer where there seems to be a trend, and believes the longer window', async () => {
    const { result, orders } = await load({ kind: 'Saturation', arrivals: 'Constant' }, (part, length) =>
      length > 15 ? 5 : rising(part),
    );
    expect(result.unsteady).toBeUndefined();
    expect(result.window?.measured.seconds).toBeCloseTo(20, 6);
    expect(orders.at(-1)?.load).toMatchObject({ arrivals: 'Constant', rate: (result.outcome as { low: number }).low });
  });

  it('is unstable when the trend lasts in windows of twice and four times the length', async () => {
    const { result, orders } = await load(undefined, rising);
    expect(result.unsteady).toMatch(/^p50 rose from/);
    const lengths = orders.slice(-2).map(({ seconds, leadSeconds }) => seconds - leadSeconds);
    expect(lengths[0]).toBeCloseTo(20, 6);
    expect(lengths[1]).toBeCloseTo(40, 6);
  });

  it('offers a given rate once, to its end, its warm-up before it', async () => {
    const { result, orders } = await load({ kind: 'Open', arrivals: 'Poisson', rate: 80, profile: 'Constant' });
    expect(result.outcome).toEqual({
      kind: 'Measured',
      load: { kind: 'Open', arrivals: 'Poisson', rate: 80, profile: 'Constant' },
    });
    expect(orders).toHaveLength(1);
    expect(orders[0]).toMatchObject({ leadSeconds: 2, latency: [] });
    expect((orders[0] as WindowOrder).seconds).toBeCloseTo(12, 6);
    expect(result.unsteady).toBeUndefined();
  });

  it('says what a given rate broke', async () => {
    const above = await load({ kind: 'Open', arrivals: 'Poisson', rate: 150, profile: 'Constant' });
    expect(above.result.outcome).toMatchObject({ kind: 'Measured', breach: { kind: 'Achieved' } });
    const slow = await load({ kind: 'Open', arrivals: 'Poisson', rate: 50, profile: 'Constant' }, () => 80);
    expect(slow.result.outcome).toMatchObject({ breach: { kind: 'Latency' } });
  });

  it.each<[LoadModel, boolean]>([
    [{ kind: 'Open', arrivals: 'Poisson', rate: 80, profile: 'Constant' }, true],
    [{ kind: 'Open', arrivals: 'Poisson', rate: 80, profile: 'Soak' }, true],
    [{ kind: 'Open', arrivals: 'Poisson', rate: 80, profile: 'Ramp' }, false],
    [{ kind: 'Open', arrivals: 'Poisson', rate: 80, profile: 'Spike' }, false],
    [{ kind: 'Closed', concurrency: 4 }, true],
  ])('expects %j to stand still: %s', async (model, steady) => {
    const { result } = await load(model, rising);
    expect(result.unsteady !== undefined).toBe(steady);
    const soft = await load(model, (part) => 10 + part / 3);
    expect(soft.result.unsteady !== undefined).toBe(model.kind === 'Open' && model.profile === 'Soak');
  });

  const steady = { kind: 'Open', arrivals: 'Poisson', rate: 80, profile: 'Constant' } as const;
  const apart = { milliseconds: 900, uncertainty: 1 };

  it('offers again what generators did not start together, and says so when they never do', async () => {
    const once = await load(steady, undefined, (window) => (window === 1 ? { skew: apart } : {}));
    expect(once.orders).toHaveLength(2);
    expect(once.result.lastLimit).toBeUndefined();
    const never = await load(steady, undefined, () => ({ skew: apart }));
    expect(never.orders).toHaveLength(3);
    expect(never.result).toMatchObject({
      skewed: true,
      lastLimit: 'the load generators started 900.0 ms apart (± 1.0 ms), where 500 ms are allowed',
    });
    const searched = await load(undefined, undefined, () => ({ skew: apart }));
    expect(searched.result).toMatchObject({ outcome: { kind: 'ClientLimited' }, skewed: true });
  });

  it('is limited by any one of several generators, not by their mean', async () => {
    const { result } = await load(steady, undefined, (_, measured) => ({
      skew: { milliseconds: 1, uncertainty: 1 },
      pods: [measured, { ...measured, own: { ...measured.own, idleSeconds: 0 } }],
    }));
    expect(result.lastLimit).toMatch(/^of 2 load generators, number 1: the load generator's thread was busy/);
    const fine = await load(steady, undefined, (_, measured) => ({ pods: [measured, measured] }));
    expect(fine.result.lastLimit).toBeUndefined();
  });

  it.each([
    [undefined, false],
    [{ milliseconds: 9, uncertainty: 1 }, false],
    [{ milliseconds: 60, uncertainty: 1 }, true],
    [{ milliseconds: 1, uncertainty: 60 }, true],
    [{ milliseconds: 40, uncertainty: 40 }, false],
  ])('bears starts %j apart in a window of a second: %s', (skew, limited) => {
    expect(skewLimit(skew, 1) !== undefined).toBe(limited);
  });

  it('lets clients wait for as long as the window is, warm-up not counted', async () => {
    const { orders } = await load({ kind: 'Closed', concurrency: 4 });
    expect(orders).toHaveLength(1);
    expect(orders[0]).toMatchObject({ load: { kind: 'Closed', concurrency: 4 }, leadSeconds: 2, seconds: 12 });
  });
});
