import { describe, expect, it } from 'vitest';
import { Heartbeat } from './heartbeat.ts';
import { FakeClock } from './testing/fake-clock.ts';

describe('a heartbeat', () => {
  it('goes on while timers come and nothing is stuck, and says what is', async () => {
    const clock = new FakeClock();
    let stuck = '';
    const heart = new Heartbeat({ clock, checks: [() => '', () => stuck] });
    await clock.advance(600_000);
    expect(heart.why).toBe('');
    stuck = 'sweep x does not end';
    expect(heart.why).toBe('sweep x does not end');
    stuck = '';
    expect(heart.why).toBe('');
    heart.stop();
    expect(clock.waiting).toBe(0);
  });

  it('misses timers that do not come', async () => {
    let now = 0;
    const clock = { now: () => now, after: () => () => undefined };
    const heart = new Heartbeat({ clock, checks: [] });
    now = 30_000;
    expect(heart.why).toBe('');
    now = 31_000;
    expect(heart.why).toBe('the event loop has not come round for 31 s');
  });
});
