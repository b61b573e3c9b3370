import { describe, expect, it } from 'vitest';
import type { Ending, OnEnd } from './client.ts';
import { runClosedLoop } from './closed-loop.ts';
import { runWindow, type Sender, type WindowPlan } from './open-loop.ts';
import { pace } from './pacer.ts';
import { windowArrivals } from './schedule.ts';
import { judgeWindow } from './window-rules.ts';

const ids = Int32Array.of(1);

/** Answers after `delay` ms, with at most `places` at work; `ending` decides how. */
function sender(
  delay: number,
  places = Infinity,
  ending: (tag: number) => Ending | 'never' = () => 'ok',
): Sender & { sent: number[]; most: number } {
  const waiting: (() => void)[] = [];
  let busy = 0;
  let inFlight = 0;
  const self = { sent: [] as number[], most: 0, send };
  function send(_body: Buffer, tag: number, onEnd: OnEnd): void {
    self.sent.push(tag);
    inFlight += 1;
    self.most = Math.max(self.most, inFlight);
    const work = (): void => {
      if (busy >= places) {
        waiting.push(work);
        return;
      }
      busy += 1;
      setTimeout(() => {
        busy -= 1;
        inFlight -= 1;
        waiting.shift()?.();
        const how = ending(tag);
        if (how !== 'never') onEnd(tag, how, ids);
      }, delay);
    };
    work();
  }
  return self;
}

function plan(overrides: Partial<WindowPlan> & { sender: Sender; rate: number }): WindowPlan {
  const seconds = overrides.seconds ?? 0.3;
  return {
    bodies: [Buffer.from('a'), Buffer.from('b')],
    order: Uint32Array.of(0, 1),
    orderStart: 0,
    arrivals: windowArrivals(overrides.rate, seconds, 1),
    leadSeconds: 0,
    seconds,
    maxInFlight: 64,
    limit: 1,
    maxBacklog: 10_000,
    latency: [],
    drainSeconds: 2,
    ...overrides,
  };
}

const rules = { latency: [], errorRateMax: 0 };

describe('runWindow', () => {
  it('sends everything that is scheduled and counts from the schedule', async () => {
    const target = sender(2);
    const answered = new Set<number>();
    const measured = await runWindow(plan({ sender: target, rate: 200, onAnswer: (query) => answered.add(query) }));
    expect(measured).toMatchObject({ scheduled: 60, sent: 60, sentInAll: 60, errorCount: 0 });
    expect(target.sent).toEqual(Array.from({ length: 60 }, (_, i) => i));
    expect([...answered].sort()).toEqual([0, 1]);
    expect(measured.response.count).toBe(60);
    // Response = lateness + service, whatever the machine does meanwhile.
    expect(measured.response.percentile(50)).toBeGreaterThanOrEqual(measured.service.percentile(50));
    expect(measured.service.percentile(0)).toBeGreaterThan(1);
    expect(measured.series.reduce((sum, { achievedRate }) => sum + achievedRate, 0)).toBe(60);
    expect(measured.own.idleSeconds).toBeLessThanOrEqual(measured.own.wallSeconds);
  });

  it('lets requests wait for a slot, charges them for it, and does not call that its own lateness', async () => {
    const target = sender(20, 2);
    const measured = await runWindow(plan({ sender: target, rate: 300, maxInFlight: 2 }));
    expect(target.most).toBe(2);
    expect(measured.scheduled).toBe(90);
    expect(measured.cappedShare).toBeGreaterThan(0.5);
    expect(measured.response.percentile(90)).toBeGreaterThan(10 * measured.service.percentile(50));
    expect(measured.lateness.percentile(50)).toBeGreaterThan(measured.ownLateness.percentile(50));
    expect(judgeWindow(measured, rules)?.kind).toBe('Achieved');
  });

  it('gives up on a hopeless backlog, and does not wait for what was never sent', async () => {
    const measured = await runWindow(
      plan({ sender: sender(30, 1), rate: 1000, seconds: 5, maxInFlight: 1, maxBacklog: 50 }),
    );
    expect(measured.aborted).toBe('Backlog');
    expect(measured.seconds).toBeLessThan(5);
    expect(measured.sentInAll).toBeLessThan(measured.scheduled);
    expect(judgeWindow(measured, rules)).toMatchObject({ kind: 'Backlog' });
  });

  it('gives up once a latency limit is surely broken', async () => {
    const measured = await runWindow(
      plan({ sender: sender(25), rate: 200, seconds: 3, latency: [{ percentile: 95, max: 10 }] }),
    );
    expect(measured.aborted).toBe('Latency');
    expect(judgeWindow(measured, { ...rules, latency: [{ percentile: 95, max: 10 }] })).toMatchObject({
      kind: 'Latency',
    });
  });

  it('loads but does not count the lead', async () => {
    const measured = await runWindow(plan({ sender: sender(1), rate: 200, seconds: 0.4, leadSeconds: 0.2 }));
    expect(measured.sentInAll).toBe(80);
    expect(measured.response.count).toBe(measured.scheduled);
    expect(measured.scheduled).toBeLessThan(80);
    expect(measured.seconds).toBeCloseTo(0.2, 9);
  });

  it('counts errors by kind, and those who never answer', async () => {
    const ending = (tag: number): Ending | 'never' =>
      tag % 10 === 0 ? 'http503' : tag % 10 === 1 ? 'timeout' : tag === 5 ? 'never' : 'ok';
    const measured = await runWindow(plan({ sender: sender(1, Infinity, ending), rate: 100, drainSeconds: 1 }));
    expect(measured.errors).toEqual({ http503: 3, timeout: 3, unanswered: 1 });
    expect(measured.errorCount).toBe(7);
    expect(measured.response.count).toBe(23);
    expect(judgeWindow(measured, rules)).toMatchObject({ kind: 'Errors', message: '7 of 30 requests failed' });
    expect(judgeWindow(measured, { ...rules, errorRateMax: 0.5 })?.kind).not.toBe('Errors');
  });

  it('keeps named queries apart, and nothing of them gets lost', async () => {
    const ending = (tag: number): Ending | 'never' => (tag === 9 ? 'never' : tag % 3 === 0 ? 'http503' : 'ok');
    const named = { names: ['a', 'b'], of: Uint8Array.of(0, 1) };
    const measured = await runWindow(
      plan({ sender: sender(1, Infinity, ending), rate: 100, leadSeconds: 0.1, drainSeconds: 0.5, named }),
    );
    const both = [...(measured.queries?.values() ?? [])];
    expect([...(measured.queries?.keys() ?? [])]).toEqual(['a', 'b']);
    const sum = (of: (one: (typeof both)[number]) => number): number => both.reduce((total, one) => total + of(one), 0);
    expect(sum(({ scheduled }) => scheduled)).toBe(measured.scheduled);
    expect(sum(({ completed }) => completed)).toBe(measured.completed);
    expect(sum(({ errorCount }) => errorCount)).toBe(measured.errorCount);
    expect(sum(({ response }) => response.count)).toBe(measured.response.count);
    expect(sum(({ service }) => service.count)).toBe(measured.service.count);
    expect(sum(({ lateness }) => lateness.count)).toBe(measured.lateness.count);
    expect(sum(({ errors }) => errors.http503 ?? 0)).toBe(measured.errors.http503);
    expect(both[1]?.errors.unanswered ?? 0).toBe(measured.errors.unanswered ?? 0);
    expect(both[0]?.response.count).toBeGreaterThan(5);
  });

  it('stops when told to', async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('enough')), 20);
    await expect(runWindow(plan({ sender: sender(1), rate: 50, seconds: 30, signal: abort.signal }))).rejects.toThrow(
      'enough',
    );
  });
});

describe('pace', () => {
  it('tells idleness from work', async () => {
    const start = performance.now();
    const idle = await pace((now) => ({ worked: false, inFlight: 0, untilNext: 1, done: now - start > 100 }));
    const begin = performance.now();
    const busy = await pace((now) => {
      const until = performance.now() + 2;
      while (performance.now() < until);
      return { worked: true, inFlight: 1, untilNext: 1, done: now - begin > 100 };
    });
    expect(idle.idleSeconds / idle.wallSeconds).toBeGreaterThan(busy.idleSeconds / busy.wallSeconds);
    expect(busy.idleSeconds).toBe(0);
    expect(idle.workCpuSeconds).toBeLessThanOrEqual(idle.cpuSeconds);
  });

  it('rejects when a turn throws', async () => {
    await expect(
      pace(() => {
        throw new Error('broken');
      }),
    ).rejects.toThrow('broken');
  });
});

describe('runClosedLoop', () => {
  const base = {
    bodies: [Buffer.from('a'), Buffer.from('b'), Buffer.from('c')],
    queries: [2, 0, 1, 0, 1, 2],
    concurrency: 2,
    maxSeconds: 10,
  };

  it('asks each query once, so many at a time', async () => {
    const target = sender(2);
    const asked: number[] = [];
    const result = await runClosedLoop({ ...base, sender: target, onAnswer: (query) => asked.push(query) });
    expect(asked.sort()).toEqual([0, 0, 1, 1, 2, 2]);
    expect(target.most).toBe(2);
    expect(result).toMatchObject({ answered: 6, errorCount: 0, errors: {} });
    expect(result.rate).toBeCloseTo(6 / result.seconds, 9);
    expect(result.service.count).toBe(6);
  });

  it('counts errors, ends in time, and does nothing for nothing', async () => {
    const failing = await runClosedLoop({
      ...base,
      sender: sender(1, Infinity, (tag) => (tag === 1 ? 'http400' : 'ok')),
    });
    expect(failing).toMatchObject({ answered: 5, errorCount: 1, errors: { http400: 1 } });
    const short = await runClosedLoop({ ...base, sender: sender(5), maxSeconds: 0 });
    expect(short.answered).toBe(2);
    expect((await runClosedLoop({ ...base, sender: sender(1), queries: [] })).answered).toBe(0);
  });

  it('stops when told to', async () => {
    const abort = new AbortController();
    const running = runClosedLoop({ ...base, sender: sender(60_000), signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    await expect(runClosedLoop({ ...base, sender: sender(1), signal: abort.signal })).rejects.toThrow('enough');
  });
});
