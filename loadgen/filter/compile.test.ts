import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkFilter } from '../../crds/filter/check-filter.ts';
import { compileFilter } from './compile.ts';
import { parsePayload } from './payload-json.ts';
import { filterArbitrary, payloadArbitrary } from './testing/arbitraries.ts';

const filters = filterArbitrary(5);
const matches = (filter: Record<string, unknown>, payload: object, id = 0) =>
  compileFilter(filter)(parsePayload(JSON.stringify(payload)), id);
const field = (test: object, key = 'a') => ({ must: [{ key, ...test }] });

describe('compileFilter', () => {
  it('follows the laws of its clauses', () => {
    fc.assert(
      fc.property(filters, filters, filters, payloadArbitrary, fc.nat(4), (a, b, c, payload, id) => {
        const [x, y, z] = [a, b, c].map((filter) => matches(filter, payload, id)) as [boolean, boolean, boolean];
        expect(matches({ must: [a, b, c] }, payload, id)).toBe(x && y && z);
        expect(matches({ must: a }, payload, id)).toBe(x);
        expect(matches({ should: [a, b, c] }, payload, id)).toBe(x || y || z);
        expect(matches({ must_not: [a, b] }, payload, id)).toBe(!x && !y);
        for (const min_count of [1, 2, 3]) {
          const least = { min_should: { conditions: [a, b, c], min_count } };
          expect(matches(least, payload, id)).toBe([x, y, z].filter(Boolean).length >= min_count);
        }
        expect(matches({ must: [a], should: [b], must_not: [c] }, payload, id)).toBe(x && y && !z);
      }),
    );
  });

  it('is asked about filters that Qdrant takes', () => {
    fc.assert(fc.property(filters, (filter) => checkFilter(filter, [], { template: false }).problems.length === 0));
  });

  it('matches everything without conditions', () => {
    expect(matches({}, {})).toBe(true);
  });

  // What the engine does is checked against the engine itself, in compile.e2e.test.ts; here the cases worth naming.
  it.each([
    ['an element of an array', { match: { value: 2 } }, { a: [1, 2] }, true],
    ['no element of an array inside it', { match: { value: 2 } }, { a: [[2]] }, false],
    ['no text of a number', { match: { value: 1 } }, { a: '1' }, false],
    ['except: any other value will do', { match: { except: ['x'] } }, { a: ['x', 'y'] }, true],
    ['except: nothing is not another value', { match: { except: ['x'] } }, {}, false],
    ['except: null neither', { match: { except: ['x'] } }, { a: null }, false],
    ['all words, in any order and case', { match: { text: 'YORK new' } }, { a: 'New-York, USA' }, true],
    ['no part of a word', { match: { text: 'yo' } }, { a: 'New York' }, false],
    ['no words match nothing', { match: { text: '--' } }, { a: '--' }, false],
    ['values of nothing are 0', { values_count: { lt: 1 } }, {}, true],
    ['values of an array', { values_count: { gt: 1 } }, { a: [1, 2] }, true],
    ['values of an object are 1', { values_count: { gte: 1, lte: 1 } }, { a: {} }, true],
    ['an empty array is empty', { is_empty: true }, { a: [] }, true],
    ['an array with a null is null', { is_null: true }, { a: [1, null] }, true],
    ['what is missing is not null', { is_null: true }, {}, false],
    ['times by offset', { range: { gte: '2024-01-31T12:00:00Z' } }, { a: '2024-01-31T13:00:00+01:00' }, true],
    ['a text that is no time', { range: { gte: '2024-01-31' } }, { a: 'later' }, false],
    ['a number is no time', { range: { gte: '2024-01-31' } }, { a: 5 }, false],
    [
      'a place within',
      { geo_radius: { center: { lon: 0, lat: 0 }, radius: 111_300 } },
      { a: { lon: 0, lat: 1 } },
      true,
    ],
    [
      'a place beyond',
      { geo_radius: { center: { lon: 0, lat: 0 }, radius: 111_100 } },
      { a: { lon: 0, lat: 1 } },
      false,
    ],
    ['what is no place', { geo_radius: { center: { lon: 0, lat: 0 }, radius: 1e6 } }, { a: { lon: 0 } }, false],
    [
      'a box across the 180th meridian',
      { geo_bounding_box: { top_left: { lon: 170, lat: 10 }, bottom_right: { lon: -170, lat: -10 } } },
      { a: { lon: -175, lat: 0 } },
      true,
    ],
  ])('%s', (_, test, payload, expected) => {
    expect(matches(field(test), payload)).toBe(expected);
  });

  it.each([
    [{ lon: 5, lat: 5 }, false],
    [{ lon: 2, lat: 2 }, true],
    [{ lon: 0, lat: 3 }, false],
    [{ lon: 4, lat: 4 }, false],
    [{ lon: 11, lat: 2 }, false],
  ])('a place %j in a polygon with a hole: %s', (a, expected) => {
    const square = (from: number, to: number) => ({
      points: [
        [from, from],
        [to, from],
        [to, to],
        [from, to],
        [from, from],
      ].map(([lon, lat]) => ({ lon, lat })),
    });
    expect(matches(field({ geo_polygon: { exterior: square(0, 10), interiors: [square(4, 6)] } }), { a })).toBe(
      expected,
    );
  });

  it('goes into payloads by path', () => {
    const payload = { a: { b: [{ c: 1 }, { c: 2 }] }, x: [{ c: 1 }] };
    expect(matches(field({ match: { value: 2 } }, 'a.b[].c'), payload)).toBe(true);
    expect(matches(field({ match: { value: 2 } }, 'a.b[0].c'), payload)).toBe(false);
    expect(matches(field({ match: { value: 2 } }, 'a.b[7].c'), payload)).toBe(false);
    // A key does not go into an array by itself.
    expect(matches(field({ match: { value: 2 } }, 'a.b.c'), payload)).toBe(false);
    expect(matches(field({ is_empty: true }, 'toString'), payload)).toBe(true);
    expect(matches({ must: [{ is_empty: { key: 'x.y' } }, { is_null: { key: 'x[].c' } }] }, payload)).toBe(false);
  });

  it('asks all of a nested filter of one element', () => {
    const filter = {
      must: [
        {
          nested: {
            key: 'items',
            filter: {
              must: [
                { key: 'k', match: { value: 'a' } },
                { key: 'n', range: { gt: 5 } },
              ],
            },
          },
        },
      ],
    };
    expect(
      matches(filter, {
        items: [
          { k: 'a', n: 1 },
          { k: 'b', n: 9 },
        ],
      }),
    ).toBe(false);
    expect(matches(filter, { items: [{ k: 'a', n: 9 }, 3] })).toBe(true);
    expect(matches(filter, { items: { k: 'a', n: 9 } })).toBe(false);
  });

  it('knows ids', () => {
    const filter = { must: [{ has_id: [1, 3, 'f0'] }] };
    expect([0, 1, 2, 3].filter((id) => matches(filter, {}, id))).toEqual([1, 3]);
  });
});

describe('parsePayload', () => {
  const matchesOne = (text: string) => compileFilter(field({ match: { value: 1 } }))(parsePayload(text), 0);

  it.each([
    ['{"a":1}', true],
    ['{"a":1.0}', false],
    ['{"a":[0, 10e-1]}', false],
    ['{"a":[1, 2.0]}', true],
    ['{"a":"1.0"}', false],
    ['{"b":"[1.0, 2e5]","a":1}', true],
  ])('%s is the integer 1: %s', (text, expected) => {
    expect(matchesOne(text)).toBe(expected);
  });

  it('keeps a float a number', () => {
    const inRange = compileFilter(field({ range: { gte: 1, lte: 1 } }));
    expect(inRange(parsePayload('{"a":1.0}'), 0)).toBe(true);
    expect(compileFilter(field({ match: { except: [1] } }))(parsePayload('{"a":1.0}'), 0)).toBe(true);
    const near = compileFilter(field({ geo_radius: { center: { lon: 1, lat: -2 }, radius: 1 } }));
    expect(near(parsePayload('{"a":{"lon":1.0,"lat":-2.0}}'), 0)).toBe(true);
  });

  it.each(['[]', '1', '1.0', 'null', '"a"', '{', ''])('takes an object only, not %j', (text) => {
    expect(() => parsePayload(text)).toThrow(SyntaxError);
  });

  it('reads what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (payload) => {
        const text = JSON.stringify(payload);
        // -0 is written as 0.
        expect(JSON.stringify(parsePayload(text), (_key, value: unknown) => unmarked(value))).toBe(text);
      }),
    );
  });
});

/** A number written as 1e21 is marked, though JSON has no other way to write it. */
function unmarked(value: unknown): unknown {
  return value !== null && typeof value === 'object' && value.constructor.name === 'WrittenAsFloat'
    ? (value as { value: number }).value
    : value;
}
