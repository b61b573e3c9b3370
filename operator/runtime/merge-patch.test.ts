import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergePatch } from './merge-patch.ts';

type Json = Record<string, unknown>;

/** RFC 7396, section 2, as its pseudo-code says. */
function applied(target: unknown, patch: unknown): unknown {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
  const result: Json = target !== null && typeof target === 'object' && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = applied(result[name], value);
  }
  return result;
}

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.integer(),
    fc.constantFrom('x', ''),
    fc.boolean(),
    tie('list'),
    tie('object'),
  ),
  list: fc.array(tie('value'), { maxLength: 3 }),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), tie('value'), { maxKeys: 4, noNullPrototype: true }),
}));
const object = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), value, { noNullPrototype: true });

describe('a merge patch', () => {
  it.each([
    [{ a: 1 }, { a: 1 }, undefined],
    [{ a: 1, b: 2 }, { a: 1 }, { b: null }],
    [{ a: { b: 1, c: 2 } }, { a: { b: 3 } }, { a: { b: 3, c: null } }],
    [{ a: [1, 2] }, { a: [1] }, { a: [1] }],
    [{ a: 1 }, { a: 1, b: undefined }, undefined],
    [{ a: 1 }, { a: undefined }, { a: null }],
    [{}, { a: {} }, { a: {} }],
    [{ a: 1 }, { a: {} }, { a: {} }],
  ])('from %j to %j is %j', (from, to, patch) => expect(mergePatch(from, to)).toEqual(patch));

  it('makes what is wanted of what is there', () => {
    fc.assert(
      fc.property(object, object, (from, to) => {
        expect(applied(from, mergePatch(from, to) ?? {})).toEqual(to);
      }),
    );
  });
});
