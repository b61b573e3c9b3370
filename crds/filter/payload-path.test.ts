import { describe, expect, it } from 'vitest';
import { parsePayloadPath } from './payload-path.ts';

describe('parsePayloadPath', () => {
  it.each([
    ['tenant', [{ key: 'tenant' }]],
    ['meta.lang', [{ key: 'meta' }, { key: 'lang' }]],
    ['tags[].name', [{ key: 'tags' }, 'all', { key: 'name' }]],
    [
      'foo[1][50].bar-baz[]."qux[.]quux"',
      [{ key: 'foo' }, { index: 1 }, { index: 50 }, { key: 'bar-baz' }, 'all', { key: 'qux[.]quux' }],
    ],
    ['"a key"', [{ key: 'a key' }]],
    ['größe', [{ key: 'größe' }]],
  ])('reads %s', (path, steps) => {
    expect(parsePayloadPath(path)).toEqual(steps);
  });

  it.each(['', '.a', 'a.', 'a..b', '[0]', '[]', 'a[', 'a[x]', 'a b', 'a"b"', 'a[1]b', '"a', 'a.[0]'])(
    'has no steps for %j',
    (path) => {
      expect(parsePayloadPath(path)).toBeUndefined();
    },
  );
});
