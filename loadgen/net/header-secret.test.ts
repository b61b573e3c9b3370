import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHeaders } from './header-secret.ts';

describe('the headers in a Secret', () => {
  it('are one a line, as HTTP writes them', () => {
    expect(parseHeaders('Authorization: Bearer abc\r\n\nX-Api-Key:key: with colon \n')).toEqual({
      authorization: 'Bearer abc',
      'x-api-key': 'key: with colon',
    });
  });

  it.each([
    ['', 'no header in it'],
    ['\n\n', 'no header in it'],
    ['hunter2', 'line 1 is no header'],
    ['a: b\nhunter2', 'line 2 is no header'],
    ['hunter 2: x', 'line 1 is no header'],
    [': hunter2', 'line 1 is no header'],
    ['a:', 'line 1 has a value of characters'],
    ['a: hunter2\u0000', 'line 1 has a value of characters'],
    ['a: hunter2\rb: c', 'line 1 '],
    [`a: ${'hunter2'.repeat(2000)}`, 'line 1 has a value'],
    ['a: 1\nA: hunter2', 'line 2 is a header that is there already'],
    ['Host: hunter2', 'ours to set'],
    ['content-length: 5', 'ours to set'],
    ['Transfer-Encoding: chunked', 'ours to set'],
    ['accept-encoding: gzip', 'ours to set'],
    [Array.from({ length: 33 }, (_, i) => `x${i}: hunter2`).join('\n'), 'line 33 is header number 33'],
  ])('are refused by line, and never repeated: %j', (text, why) => {
    expect(() => parseHeaders(text)).toThrow(why);
    expect(() => parseHeaders(text)).not.toThrow(/hunter2/);
  });

  it('hold nothing that could end a header, whatever is in the Secret', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (name, value) => {
        let headers: Record<string, string> = {};
        try {
          headers = parseHeaders(`${name}: ${value}`);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
        for (const text of Object.entries(headers).flat()) expect(text).not.toMatch(/[\r\n\0]/);
      }),
    );
  });
});
