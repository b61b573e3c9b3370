import { describe, expect, it } from 'vitest';
import { expiresAt, keepsTarget, type Retention } from './retention.ts';

describe('keepsTarget', () => {
  it.each<[Retention, string, boolean, boolean]>([
    [{}, 'Completed', true, false],
    [{ onFinish: 'Delete' }, 'Completed', true, false],
    [{ onFinish: 'Keep' }, 'Completed', false, true],
    [{ onFinish: 'Keep' }, 'Failed', false, true],
    [{ onFinish: 'KeepBest' }, 'Completed', true, true],
    [{ onFinish: 'KeepBest' }, 'Completed', false, false],
    [{ onFinish: 'Delete' }, 'Suspended', false, true],
  ])('%j, %s, with a best: %s → %s', (retention, phase, hasBest, kept) => {
    expect(keepsTarget(retention, phase, hasBest)).toBe(kept);
  });
});

describe('expiresAt', () => {
  const finished = '2026-01-01T00:00:00.000Z';
  const usd = { perHour: 2, currency: 'USD' };

  it.each<[string, Retention, Parameters<typeof expiresAt>[2], string]>([
    ['a week by default', {}, undefined, '2026-01-08T00:00:00.000Z'],
    ['its time to live', { ttlAfterFinished: '1h' }, undefined, '2026-01-01T01:00:00.000Z'],
    ['at once', { ttlAfterFinished: '0s' }, undefined, finished],
    ['what it may cost', { maxCost: { amount: '3', currency: 'USD' } }, usd, '2026-01-01T01:30:00.000Z'],
    [
      'whichever comes first',
      { ttlAfterFinished: '1h', maxCost: { amount: '100', currency: 'USD' } },
      usd,
      '2026-01-01T01:00:00.000Z',
    ],
    ['money without a price', { maxCost: { amount: '3', currency: 'USD' } }, undefined, '2026-01-08T00:00:00.000Z'],
    ['money of another currency', { maxCost: { amount: '3', currency: 'EUR' } }, usd, '2026-01-08T00:00:00.000Z'],
    [
      'what costs nothing',
      { maxCost: { amount: '3', currency: 'USD' } },
      { ...usd, perHour: 0 },
      '2026-01-08T00:00:00.000Z',
    ],
  ])('%s', (_, retention, price, at) => {
    expect(expiresAt(retention, finished, price).toISOString()).toBe(at);
  });
});
