import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseInstant, parseInteger } from './column-types.ts';

describe('column types', () => {
  it.each([
    ['2026-11-21 09:57:00.123+00', '2026-11-21T09:57:00.123Z'],
    ['2026-11-21 09:57:00+00', '2026-11-21T09:57:00.000Z'],
    ['2026-11-21 09:57:00.5+05:30', '2026-11-21T04:27:00.500Z'],
    ['2026-11-21 09:57:00-03', '2026-11-21T12:57:00.000Z'],
    ['1890-01-01 00:00:00+00:53:28', '1889-12-31T23:06:32.000Z'],
  ])('%s is %s', (text, instant) => {
    expect(parseInstant(text)).toBe(instant);
  });

  it.each(['infinity', '0044-03-15 12:00:00+00 BC', '11/21/2026', ''])('refuses %j', (text) => {
    expect(() => parseInstant(text)).toThrow(RangeError);
  });

  it('gives 64-bit integers as numbers or not at all', () => {
    fc.assert(fc.property(fc.maxSafeInteger(), (value) => parseInteger(String(value)) === value));
    expect(() => parseInteger('9007199254740993')).toThrow('9007199254740993 is beyond 2^53');
  });
});
