import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { listByKey, listOf, mapOf, setOf, verbatim } from '../common/lists.ts';
import { exactlyOneOf, withRule } from '../rules.ts';
import { written } from '../support.ts';
import { structural, UnsupportedSchemaError, type StructuralSchema } from './structural.ts';

const rule = { rule: 'self > 0', message: 'must be above 0', holds: (value: number) => value > 0 };

describe('the structural schema', () => {
  it.each<[string, z.ZodType, StructuralSchema]>([
    ['a string', z.string().max(5), { type: 'string', maxLength: 5 }],
    ['a string of one length', z.string().length(5), { type: 'string', minLength: 5, maxLength: 5 }],
    [
      'a string with a pattern',
      z
        .string()
        .min(1)
        .max(9)
        .regex(/^a\/b+$/),
      { type: 'string', minLength: 1, maxLength: 9, pattern: '^a/b+$' },
    ],
    ['a string its pattern bounds', z.string().regex(/^[*+]{3}$/), { type: 'string', pattern: '^[*+]{3}$' }],
    ['a time', z.iso.datetime({ offset: true }), { type: 'string', format: 'date-time' }],
    ['a whole number', z.int().min(1).max(9), { type: 'integer', format: 'int64', minimum: 1, maximum: 9 }],
    ['a number', z.number(), { type: 'number' }],
    [
      'open ends',
      z.number().gt(0).lt(1),
      { type: 'number', minimum: 0, exclusiveMinimum: true, maximum: 1, exclusiveMaximum: true },
    ],
    ['a boolean', z.boolean(), { type: 'boolean' }],
    ['a choice', z.enum(['A', 'B']), { type: 'string', enum: ['A', 'B'] }],
    ['a literal', z.literal('A'), { type: 'string', enum: ['A'] }],
    ['null', z.boolean().nullable(), { type: 'boolean', nullable: true }],
    [
      'a quantity as number or text',
      z.union([z.string().max(32), z.int().min(0)]),
      { 'x-kubernetes-int-or-string': true, maxLength: 32, minimum: 0 },
    ],
    [
      'a list',
      z.array(z.boolean()).min(1).max(4),
      { type: 'array', minItems: 1, maxItems: 4, items: { type: 'boolean' } },
    ],
    [
      'a list of one length',
      z.array(z.boolean()).length(2),
      { type: 'array', minItems: 2, maxItems: 2, items: { type: 'boolean' } },
    ],
    [
      'a verbatim body',
      verbatim(9),
      { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, maxProperties: 9 },
    ],
    [
      'a map',
      mapOf(z.boolean(), { entries: 4, key: 9 }),
      {
        type: 'object',
        additionalProperties: { type: 'boolean' },
        maxProperties: 4,
        'x-kubernetes-validations': [
          {
            rule: 'self.all(key, size(key) <= 9)',
            message: 'keys may have at most 9 characters; shorten them',
          },
        ],
      },
    ],
    [
      'an object',
      z.strictObject({ a: z.boolean(), b: z.boolean().optional() }),
      { type: 'object', required: ['a'], properties: { a: { type: 'boolean' }, b: { type: 'boolean' } } },
    ],
    ['an object without required fields', z.strictObject({}), { type: 'object', properties: {} }],
    [
      'a list of one owner',
      listOf(z.boolean(), 2).min(1),
      { type: 'array', minItems: 1, maxItems: 2, items: { type: 'boolean' }, 'x-kubernetes-list-type': 'atomic' },
    ],
    [
      'a set',
      setOf(z.int(), 2).optional(),
      { type: 'array', maxItems: 2, items: { type: 'integer', format: 'int64' }, 'x-kubernetes-list-type': 'set' },
    ],
    [
      'a list by key',
      listByKey(z.strictObject({ a: z.boolean() }), 'a', 2),
      {
        type: 'array',
        maxItems: 2,
        items: { type: 'object', required: ['a'], properties: { a: { type: 'boolean' } } },
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['a'],
      },
    ],
    [
      'a field our own writer always fills',
      z.strictObject({ a: written(z.boolean()) }),
      { type: 'object', properties: { a: { type: 'boolean' } } },
    ],
  ])('of %s', (_, schema, expected) => expect(structural(schema, 'x')).toEqual(expected));

  it('has the description nearest to the field', () => {
    expect(structural(z.boolean().describe('inner').optional().describe('outer'), 'x').description).toBe('outer');
    expect(structural(z.boolean().describe('inner').optional(), 'x').description).toBe('inner');
  });

  it('has the CEL rules of withRule, inner first, through describe and optional', () => {
    const second = { rule: 'self > 1', message: 'must be above 1', holds: (value: number) => value > 1 };
    const schema = withRule(withRule(z.number(), rule).describe('A number.'), second).optional();
    const validations = [
      { rule: 'self > 0', message: 'must be above 0' },
      { rule: 'self > 1', message: 'must be above 1' },
    ];
    expect(structural(schema, 'x')).toEqual({
      description: 'A number.',
      type: 'number',
      'x-kubernetes-validations': validations,
    });
  });

  it('says in words what a pattern wants', () => {
    const schema = withRule(
      z
        .string()
        .max(5)
        .regex(/^\/\d+$/, 'must be / and digits'),
      {
        rule: "self != '/0'",
        message: 'must not be /0',
        holds: (text) => text !== '/0',
      },
    );
    expect(structural(schema, 'x')).toEqual({
      type: 'string',
      maxLength: 5,
      pattern: '^/\\d+$',
      'x-kubernetes-validations': [
        { rule: "self.matches(r'^/\\d+$')", message: 'must be / and digits' },
        { rule: "self != '/0'", message: 'must not be /0' },
      ],
    });
  });

  it('has the rule of a one-of', () => {
    const schema = exactlyOneOf(z.strictObject({ a: z.boolean().optional(), b: z.boolean().optional() }), ['a', 'b']);
    expect(structural(schema, 'x')['x-kubernetes-validations']).toEqual([
      {
        rule: '[has(self.a), has(self.b)].filter(present, present).size() == 1',
        message: 'exactly one of a, b must be set; remove the others or add the one you mean',
      },
    ]);
  });

  it.each<[string, z.ZodType, string]>([
    ['a string without a bound', z.string(), 'a string without a bound'],
    ['a string its pattern does not bound', z.string().regex(/^a+$/), 'a string without a bound'],
    ['a string of which only a part is bounded', z.string().regex(/^a|b$/), 'a string without a bound'],
    ['a list without a bound', z.array(z.boolean()), 'a list without a bound'],
    ['an open object', z.object({}), 'an open object'],
    ['a loose object', z.looseObject({}), 'an open object'],
    ['a refinement', z.number().refine((value) => value > 0), 'a refinement without a CEL rule'],
    ['a refinement beside a rule', withRule(z.number(), rule).refine(() => true), 'a refinement without a CEL rule'],
    ['a transformation', z.string().max(5).transform(Number), 'z.pipe()'],
    ['a change of the text', z.string().max(5).trim(), 'overwrite on a string'],
    ['a default', z.boolean().default(true), 'z.default()'],
    ['a date', z.date(), 'z.date()'],
    ['a tuple', z.tuple([z.boolean()]), 'z.tuple()'],
    ['two patterns', z.string().max(5).regex(/^a/).regex(/^b/), 'two patterns'],
    [
      'a look-ahead',
      z
        .string()
        .max(5)
        .regex(/^(?=a)/),
      'a look-ahead',
    ],
    [
      'a look-behind',
      z
        .string()
        .max(5)
        .regex(/^(?<!a)/),
      'a look-behind',
    ],
    [
      'a named group',
      z
        .string()
        .max(5)
        .regex(/^(?<a>a)/),
      'a named group',
    ],
    [
      'a back-reference',
      z
        .string()
        .max(5)
        .regex(/^(a)\1/),
      'a back-reference',
    ],
    ['a pattern with flags', z.string().max(5).regex(/^a/i), 'has flags'],
    ['a pattern that matches anywhere', z.string().max(5).regex(/a/), 'must begin with ^'],
    ['a pattern CEL cannot hold', z.string().max(5).regex(/^'/, 'must be quoted'), "has a '"],
    ['a format of zod', z.email().max(5), 'email on a string'],
    ['a number format', z.float32(), 'the number format float32'],
    ['a multiple', z.number().multipleOf(2), 'multiple_of on a number'],
    ['a numeric choice', z.literal(3), 'the choice 3 is no string'],
    ['a union of texts', z.union([z.string().max(1), z.boolean()]), 'a union other than'],
    ['a rule inside a union', z.union([z.string().max(1), withRule(z.int(), rule)]), 'a rule on one side'],
    ['a map without a bound', z.record(z.string(), z.boolean()), 'a map without a bound'],
    ['a map whose keys only zod bounds', z.record(z.string().max(9), z.boolean()), 'max_length on the keys of a map'],
    ['a map with other keys', z.record(z.number(), z.boolean()), 'the keys of a map are strings'],
  ])('refuses %s and names the path', (_, schema, problem) => {
    const nested = z.strictObject({ list: z.array(z.strictObject({ field: schema })).max(2) });
    expect(() => structural(nested, 'spec')).toThrow(UnsupportedSchemaError);
    expect(() => structural(nested, 'spec')).toThrow(`spec.list[].field: `);
    expect(() => structural(nested, 'spec')).toThrow(problem);
  });
});
