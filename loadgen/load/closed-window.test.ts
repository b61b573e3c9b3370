import { describe, expect, it } from 'vitest';
import type { Ending, OnEnd } from './client.ts';
import { runClosedWindow, type ClosedWindowPlan } from './closed-window.ts';
import type { Sender } from './open-loop.ts';

const ids = Int32Array.of(1);

function sender(
  ending: (tag: number, n: number) => Ending | 'never' = () => 'ok',
): Sender & { most: number; count: number } {
  let inFlight = 0;
  const self = {
    most: 0,
    count: 0,
    send(_body: Buffer, tag: number, onEnd: OnEnd): void {
      inFlight += 1;
      self.most = Math.max(self.most, inFlight);
      const how = ending(tag, self.count);
      self.count += 1;
      setTimeout(() => {
        inFlight -= 1;
        if (how !== 'never') onEnd(tag, how, ids);
      }, 2);
    },
  };
  return self;
}

const plan = (overrides: Partial<ClosedWindowPlan> & { sender: Sender }): ClosedWindowPlan => ({
  bodies: [Buffer.from('a'), Buffer.from('b')],
  order: Uint32Array.of(0, 1),
  orderStart: 0,
  concurrency: 3,
  leadSeconds: 0,
  seconds: 0.3,
  drainSeconds: 1,
  expected: 100,
  ...overrides,
});

describe('runClosedWindow', () => {
  it('keeps so many under way, and counts what was answered in time', async () => {
    const target = sender();
    const asked = new Set<number>();
    const measured = await runClosedWindow(plan({ sender: target, onAnswer: (query) => asked.add(query) }));
    expect(target.most).toBe(3);
    expect([...asked].sort()).toEqual([0, 1]);
    expect(measured.sentInAll).toBe(target.count);
    expect(measured.response.count).toBe(target.count);
    // What ends after the window was asked within it, and is not part of its rate.
    expect(measured.completed).toBeGreaterThanOrEqual(target.count - 3);
    expect(measured.completed).toBeLessThanOrEqual(target.count);
    expect(measured.achievedRate).toBeCloseTo(measured.completed / 0.3, 9);
    expect(measured.meanInFlight).toBeLessThanOrEqual(3 + 1e-9);
    expect(measured.meanInFlight).toBeGreaterThan(1);
    expect(measured.lateness.count).toBe(0);
    expect(measured.series.length).toBeGreaterThan(0);
  });

  it('loads but does not count the lead', async () => {
    const target = sender();
    const measured = await runClosedWindow(plan({ sender: target, seconds: 0.4, leadSeconds: 0.2 }));
    expect(measured.seconds).toBeCloseTo(0.2, 9);
    expect(measured.response.count).toBe(measured.scheduled);
    expect(measured.scheduled).toBeLessThan(target.count);
  });

  it('counts errors by kind, goes on after them, and says who never answered', async () => {
    const target = sender((_tag, n) => (n === 4 ? 'never' : n % 2 === 1 ? 'http503' : 'ok'));
    const measured = await runClosedWindow(plan({ sender: target, drainSeconds: 0.1 }));
    expect(measured.errors.unanswered).toBe(1);
    expect(measured.errors.http503).toBeGreaterThan(2);
    expect(measured.errorCount).toBe((measured.errors.http503 ?? 0) + 1);
    expect(measured.response.count + measured.errorCount).toBe(measured.sentInAll);
  });

  it('stops when told to', async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('enough')), 20);
    await expect(runClosedWindow(plan({ sender: sender(), seconds: 30, signal: abort.signal }))).rejects.toThrow(
      'enough',
    );
  });
});
