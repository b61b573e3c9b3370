import { describe, expect, it } from 'vitest';
import { sleep, systemClock } from './clock.ts';
import { FakeClock } from './testing/fake-clock.ts';

describe('time', () => {
  it('is close to the wall clock’s, and passes', async () => {
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(5000);
    const before = systemClock.now();
    // The clock's own timers keep no process alive; this one keeps the test's.
    const alive = setTimeout(() => undefined, 5000);
    await sleep(systemClock, 20, new AbortController().signal);
    clearTimeout(alive);
    expect(systemClock.now() - before).toBeGreaterThanOrEqual(19);
    systemClock.after(1, () => expect.unreachable())();
  });

  it('is not waited for once told to stop', async () => {
    const clock = new FakeClock();
    await expect(sleep(clock, 10, AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
    const stop = new AbortController();
    const waiting = sleep(clock, 10, stop.signal);
    expect(clock.waiting).toBe(1);
    stop.abort(new Error('meanwhile'));
    await expect(waiting).rejects.toThrow('meanwhile');
    expect(clock.waiting).toBe(0);
  });
});
