import { describe, expect, it } from 'vitest';
import { shutDown } from './shut-down.ts';
import { FakeClock } from './testing/fake-clock.ts';

describe('shutting down', () => {
  it('takes step after step, each to its end, and passes over what fails or takes too long', async () => {
    const clock = new FakeClock();
    const order: string[] = [];
    const warnings: unknown[] = [];
    const log = { warn: (line: unknown) => void warnings.push(line), debug: () => undefined };
    const over = shutDown(
      [
        { what: 'at once', run: () => void order.push('at once') },
        {
          what: 'slow',
          run: () => new Promise<void>((resolve) => clock.after(4000, () => (order.push('slow'), resolve()))),
        },
        {
          what: 'throws',
          run: () => {
            throw new Error('no');
          },
        },
        { what: 'rejects', run: () => Promise.reject(new Error('neither')) },
        { what: 'hangs', run: () => new Promise(() => undefined) },
        { what: 'hangs longer', limitMs: 30_000, run: () => new Promise(() => undefined) },
        { what: 'last', run: () => void order.push('last') },
      ],
      log,
      clock,
    );
    await clock.advance(3999);
    expect(order).toEqual(['at once']);
    await clock.advance(1 + 5000 + 29_999);
    expect(order).toEqual(['at once', 'slow']);
    await clock.advance(1);
    await over;
    expect(order).toEqual(['at once', 'slow', 'last']);
    expect(warnings).toEqual([
      { step: 'throws', error: 'Error: no' },
      { step: 'rejects', error: 'Error: neither' },
      { step: 'hangs', error: 'Error: not within 5000 ms' },
      { step: 'hangs longer', error: 'Error: not within 30000 ms' },
    ]);
    expect(clock.waiting).toBe(0);
  });
});
