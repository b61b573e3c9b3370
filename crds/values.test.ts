import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closest, editDistance } from './closest.ts';
import { durationSeconds, humanDuration } from './duration.ts';
import { humanBytes, quantityValue } from './quantity.ts';

describe('durations', () => {
  it.each([
    ['168h', 604800],
    ['1h30m', 5400],
    ['5m', 300],
    ['1.5s', 1.5],
    ['250ms', 0.25],
    ['1m30s500ms', 90.5],
  ])('%s is %d seconds', (text, seconds) => expect(durationSeconds(text)).toBeCloseTo(seconds, 9));

  it.each(['', '5', 'about 7 days', '-5s', '1d', 's', '5 s'])('refuses %j', (text) => {
    expect(() => durationSeconds(text)).toThrow(RangeError);
  });

  it.each([
    [0.25, '250 ms'],
    [7.25, '7.3 s'],
    [42, '42 s'],
    [125, '2 min 05 s'],
    [4200, '1 h 10 min'],
    [NaN, '?'],
  ])('%d s reads %s', (seconds, text) => expect(humanDuration(seconds)).toBe(text));
});

describe('quantities', () => {
  it.each([
    ['4Gi', 4 * 2 ** 30],
    ['500M', 5e8],
    ['2', 2],
    ['250m', 0.25],
    ['1.5Ki', 1536],
  ])('%s is %d', (text, value) => expect(quantityValue(text)).toBeCloseTo(value, 6));

  it.each(['', 'x', '5x', '1 Gi', '-1'])('refuses %j', (text) => expect(() => quantityValue(text)).toThrow(RangeError));

  it.each([
    [512, '512 B'],
    [1536, '1.50 KiB'],
    [64 * 2 ** 30, '64.0 GiB'],
  ])('%d bytes read %s', (bytes, text) => expect(humanBytes(bytes)).toBe(text));
});

describe('the closest word', () => {
  it('is measured symmetrically, and 0 only from itself', () => {
    const word = fc.string({ maxLength: 8 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
      }),
    );
  });

  it('counts a swap of neighbours as one slip', () => expect(editDistance('budgte', 'budget')).toBe(1));

  it('is the one a person meant, or none', () => {
    expect(closest('bulids', ['builds', 'duration'])).toBe('builds');
    expect(closest('zzz', ['builds', 'duration'])).toBeUndefined();
  });
});
