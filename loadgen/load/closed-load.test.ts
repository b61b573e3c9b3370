import { describe, expect, it } from 'vitest';
import type { Ending, OnEnd } from './client.ts';
import { runClosedLoad, type ClosedLoadPlan } from './closed-load.ts';

const ids = Int32Array.of(1);

/** Answers after 2 ms as `ending` says; counts how many were under way at most. */
function sender(ending: (number: number) => Ending | 'never' = () => 'ok') {
  let underWay = 0;
  let number = 0;
  const self = {
    most: 0,
    bodies: [] as string[],
    send(body: Buffer, tag: number, onEnd: OnEnd): void {
      const how = ending((number += 1));
      self.bodies.push(body.toString());
      underWay += 1;
      self.most = Math.max(self.most, underWay);
      if (how === 'never') return;
      setTimeout(() => {
        underWay -= 1;
        onEnd(tag, how, ids);
      }, 2);
    },
  };
  return self;
}

function plan(overrides: Partial<ClosedLoadPlan> & Pick<ClosedLoadPlan, 'sender'>): ClosedLoadPlan {
  return {
    bodies: [Buffer.from('a'), Buffer.from('b')],
    order: Uint32Array.of(1, 0),
    concurrency: 3,
    leadSeconds: 0,
    seconds: 0.2,
    drainSeconds: 2,
    ...overrides,
  };
}

describe('runClosedLoad', () => {
  it('keeps so many under way, in the order of the queries', async () => {
    const target = sender();
    const answered: number[] = [];
    const seconds: number[] = [];
    const measured = await runClosedLoad(
      plan({
        sender: target,
        onAnswer: (query) => answered.push(query),
        onSecond: ({ achievedRate }) => seconds.push(achievedRate),
      }),
    );
    expect(target.most).toBe(3);
    expect(target.bodies.slice(0, 4)).toEqual(['b', 'a', 'b', 'a']);
    expect(measured.requests).toBe(target.bodies.length);
    expect(measured.requestsInAll).toBe(measured.requests);
    expect(answered).toHaveLength(measured.requests);
    expect(measured.completed).toBeLessThanOrEqual(measured.requests);
    expect(measured.completed).toBeGreaterThan(3);
    expect(measured.achievedRate).toBeCloseTo(measured.completed / 0.2, 9);
    expect(measured.service.count).toBe(measured.requests);
    expect(measured.service.percentile(0)).toBeGreaterThan(1);
    expect(measured.errorCount).toBe(0);
    expect(seconds.reduce((sum, one) => sum + one, 0)).toBe(measured.requests);
    expect(measured.idleShare).toBeLessThanOrEqual(1);
  });

  it('does not count the lead', async () => {
    const measured = await runClosedLoad(plan({ sender: sender(), leadSeconds: 0.15, seconds: 0.15 }));
    expect(measured.requestsInAll).toBeGreaterThan(measured.requests);
    expect(measured.service.count).toBe(measured.requests);
    expect(measured.seconds).toBe(0.15);
  });

  it('counts errors by kind, and those who never answer', async () => {
    const ending = (number: number): Ending | 'never' => (number === 2 ? 'never' : number % 5 === 0 ? 'http503' : 'ok');
    const measured = await runClosedLoad(plan({ sender: sender(ending), drainSeconds: 0.05 }));
    expect(measured.errors.unanswered).toBe(1);
    expect(measured.errors.http503).toBeGreaterThan(0);
    expect(measured.errorCount).toBe(1 + (measured.errors.http503 as number));
    expect(measured.service.count + measured.errorCount).toBe(measured.requests);
  });

  it('stops when told to', async () => {
    const abort = new AbortController();
    const running = runClosedLoad(plan({ sender: sender(() => 'never'), seconds: 60, signal: abort.signal }));
    abort.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    await expect(runClosedLoad(plan({ sender: sender(), signal: abort.signal }))).rejects.toThrow('enough');
  });
});
