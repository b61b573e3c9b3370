import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { listByKey, listOf, mapOf, verbatim } from '../common/lists.ts';
import { KINDS } from '../kinds.ts';
import { mutable } from '../mutability.ts';
import { exactlyOneOf } from '../rules.ts';
import { notYet } from '../support.ts';
import { fieldRows, referencePage, splitDefault, typeText } from './reference.ts';
import { structural } from './structural.ts';

describe('the reference', () => {
  it.each<[string, z.ZodType, string]>([
    ['a bounded number', z.int().min(1).max(9), 'integer, 1 to 9'],
    ['open ends', z.number().gt(0).lt(1), 'number, above 0 to below 1'],
    ['one bound', z.number().min(0), 'number, at least 0'],
    ['the other bound', z.number().max(0), 'number, at most 0'],
    ['a number', z.number(), 'number'],
    ['a text', z.string().max(5), 'string, up to 5 characters'],
    ['a text its pattern bounds', z.string().regex(/^a{3}$/), 'string'],
    ['a text of a form', z.string().max(9).regex(/^a$/, 'must be a letter'), 'string, up to 9 characters: a letter'],
    ['a time', z.iso.datetime({ offset: true }), 'date-time'],
    ['a choice', z.enum(['A', 'B']), 'one of `A`, `B`'],
    ['a list', listOf(z.boolean(), 3).min(1), 'list of boolean, 1 to 3'],
    [
      'a list by key',
      listByKey(z.strictObject({ a: z.boolean() }), 'a', 3),
      'list of objects, 0 to 3, told apart by `a`',
    ],
    ['a map', mapOf(z.boolean(), { entries: 3, key: 9 }), 'map of boolean, up to 3 entries'],
    ['a body', verbatim(8), 'verbatim, up to 8 fields'],
    ['an object', z.strictObject({}), 'object'],
  ])('has words for %s', (_, schema, text) => expect(typeText(structural(schema, 'x'))).toBe(text));

  it.each([
    ['How many. Default 1.2.', { text: 'How many.', value: '1.2' }],
    ['Default: the longer of 1 s and 1,000 requests.', { text: '', value: 'the longer of 1 s and 1,000 requests' }],
    [
      'API. Default: https://api.example/v1. Not checked.',
      { text: 'API. Not checked.', value: 'https://api.example/v1' },
    ],
    ['No word of it.', { text: 'No word of it.', value: '' }],
  ])('takes the default out of "%s"', (description, split) => expect(splitDefault(description)).toEqual(split));

  it('has a row for every field; what a field says of itself holds inside it', () => {
    const schema = mutable(
      exactlyOneOf(
        z.strictObject({
          a: mutable(
            z.strictObject({ b: z.boolean().optional().describe('B. Default true.') }),
            'Immutable',
          ).optional(),
          c: notYet(z.array(z.strictObject({ d: z.boolean() })).max(2)),
        }),
        ['a', 'c'],
      ),
      'KeepsHistory',
    );
    const rows = [...fieldRows(schema, 'spec')];
    expect(
      rows.map(({ path, mutability, required, unsupported }) => [path, mutability, required, unsupported]),
    ).toEqual([
      ['spec', 'KeepsHistory', true, ''],
      ['spec.a', 'Immutable', false, ''],
      ['spec.a.b', 'Immutable', false, ''],
      ['spec.c', 'KeepsHistory', false, 'leave it out'],
      ['spec.c[].d', 'KeepsHistory', true, 'leave it out'],
    ]);
    expect(rows[0]?.rules).toEqual(['exactly one of a, c must be set; remove the others or add the one you mean']);
    expect(rows[2]).toMatchObject({ default: 'true', description: 'B.', type: 'boolean' });
  });

  it.each(KINDS)('of $kind says of every field what it is, its bounds and what a change does', (kind) => {
    const spec = [...fieldRows(kind.schema.shape.spec, 'spec')].slice(1);
    for (const row of spec) {
      expect(row, row.path).toMatchObject({ mutability: expect.any(String) });
      expect(row.description + row.default, row.path).not.toBe('');
    }
    const page = referencePage(kind);
    for (const { path } of spec) expect(page).toContain(`\`${path.slice('spec.'.length)}\``);
    expect(page.includes('**Not yet**')).toBe(kind.carriedOut);
    expect(page.includes('does not carry out')).toBe(!kind.carriedOut);
  });
});
