import { describe, expect, it } from 'vitest';
import { RecordError, storable, storableInstant, storableMessage, storableName } from './storable.ts';

describe('storable', () => {
  it('leaves out what is undefined, and keeps null', () => {
    expect(storable('status', { a: undefined, b: null, c: [undefined, 1] })).toBe('{"b":null,"c":[null,1]}');
    expect(storable('status', undefined)).toBe('null');
    expect(storable('status', { at: new Date(0), yes: true })).toBe('{"at":"1970-01-01T00:00:00.000Z","yes":true}');
  });

  it.each([
    [{ a: [1, { b: Number.NaN }] }, 'spec.a[1].b: NaN is not a finite number'],
    [{ a: -Infinity }, 'spec.a: -Infinity is not a finite number'],
    [{ a: 1n }, 'spec.a: a bigint is not JSON'],
    [{ a: () => 1 }, 'spec.a: a function is not JSON'],
    ['x'.repeat(1 << 20), 'spec: 1048578 bytes of JSON, expected at most 1048576'],
  ])('refuses what JSON does not hold, by its path', (value, message) => {
    expect(() => storable('spec', value)).toThrow(new RecordError(message));
  });

  it('refuses what nests without end', () => {
    const endless: Record<string, unknown> = {};
    endless['again'] = endless;
    expect(() => storable('spec', endless)).toThrow('nested more than 64 levels deep');
  });

  it('cuts a sentence without halving a character', () => {
    expect(storableMessage('short')).toBe('short');
    const cut = storableMessage('😀'.repeat(10_000));
    expect(cut.length).toBeLessThanOrEqual(8_192);
    expect(cut.isWellFormed()).toBe(true);
  });

  it('refuses names Postgres cannot hold and times that are none', () => {
    expect(() => storableName('id', '\uD800')).toThrow('half a surrogate pair');
    expect(() => storableName('id', 'x'.repeat(1_025))).toThrow('1025 characters');
    expect(storableInstant('now', '2026-11-21T12:00:00+02:00')).toBe('2026-11-21T10:00:00.000Z');
    for (const bad of ['', 'soon', '1969-12-31T23:59:59Z', '+010000-01-01T00:00:00Z']) {
      expect(() => storableInstant('now', bad)).toThrow('now: ');
    }
  });
});
