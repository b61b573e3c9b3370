import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareMoments, parseMoment } from './datetime.ts';

describe('parseMoment', () => {
  const noon = Date.UTC(2024, 0, 31, 12) / 1000;
  it.each([
    ['2024-01-31T12:00:00Z', noon, 0],
    ['2024-01-31t12:00:00z', noon, 0],
    ['2024-01-31 12:00:00 UTC', noon, 0],
    ['2024-01-31T13:00:00+01:00', noon, 0],
    ['2024-01-31 13:00:00+0100', noon, 0],
    ['2024-01-31 01:00:00-11', noon, 0],
    ['2024-01-31T12:00:00', noon, 0],
    ['2024-01-31 12:00', noon, 0],
    ['2024-01-31', noon - 43_200, 0],
    ['2024-01-31T12:00:00.5Z', noon, 500_000],
    ['2024-01-31T12:00:00.1234567Z', noon, 123_456],
    ['0001-01-01T00:00:00Z', -62_135_596_800, 0],
  ])('%s', (text, seconds, micros) => {
    expect(parseMoment(text)).toEqual({ seconds, micros });
  });

  it.each([
    '',
    'today',
    '2024',
    '2024-02-30',
    '2024-13-01',
    '2024-01-31T24:00:00Z',
    '2024-01-31T12:60:00Z',
    '2024-01-31T12:00Z',
    '2024-01-31T12:00:00+25:00',
    ' 2024-01-31',
  ])('is none: %j', (text) => {
    expect(parseMoment(text)).toBeUndefined();
  });

  it('orders as time goes, whatever the offset', () => {
    const date = fc.date({ min: new Date('1900-01-01'), max: new Date('2200-01-01'), noInvalidDate: true });
    const shown = (at: Date, offset: number) => {
      const sign = offset < 0 ? '-' : '+';
      const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
      const two = (n: number) => String(n).padStart(2, '0');
      return `${new Date(at.getTime() + offset * 60_000).toISOString().slice(0, -1)}${sign}${two(hours)}:${two(minutes)}`;
    };
    const offset = fc.integer({ min: -1439, max: 1439 });
    fc.assert(
      fc.property(date, offset, date, offset, (a, offsetA, b, offsetB) => {
        const [first, second] = [parseMoment(shown(a, offsetA)), parseMoment(shown(b, offsetB))];
        if (!first || !second) throw new Error('not read');
        expect(Math.sign(compareMoments(first, second))).toBe(Math.sign(a.getTime() - b.getTime()));
      }),
    );
  });
});
