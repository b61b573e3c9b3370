import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkFilter } from './check-filter.ts';
import { fieldNameProblems } from './field-names.ts';

const problems = (filter: unknown, template = true) =>
  checkFilter(filter, ['filter'], { template }).problems.map(({ field, message }) => `${field}: ${message}`);
const field = (test: object) => ({ must: [{ key: 'a', ...test }] });
const ring = (...points: [number, number][]) => ({ points: points.map(([lon, lat]) => ({ lon, lat })) });
const square = ring([0, 0], [1, 0], [1, 1], [0, 0]);

describe('checkFilter', () => {
  it.each([
    [{}],
    [{ must: { key: 'a', match: { value: 'x' } } }],
    [{ should: [{ key: 'a', match: { value: 1 } }], must_not: [{ key: 'a.b[].c', match: { value: true } }] }],
    [field({ match: { text: 'x y' } })],
    [field({ match: { text_any: 'x y' } })],
    [field({ match: { any: ['x', 'y'] } })],
    [field({ match: { except: [1, 2] } })],
    [field({ range: { gte: 1, lt: 2.5 } })],
    [field({ range: { gt: '2024-01-31', lte: '2024-02-01T00:00:00Z' } })],
    [field({ geo_radius: { center: { lon: 1, lat: 2 }, radius: 10 } })],
    [field({ geo_bounding_box: { top_left: { lon: 1, lat: 2 }, bottom_right: { lon: 2, lat: 1 } } })],
    [field({ geo_polygon: { exterior: square, interiors: [square] } })],
    [field({ values_count: { gte: 0 } })],
    [field({ is_empty: false })],
    [field({ is_null: true })],
    [{ must: [{ is_empty: { key: 'a' } }, { is_null: { key: 'b' } }, { has_id: [1, 'x'] }] }],
    [{ must: [{ nested: { key: 'items', filter: field({ match: { value: 'x' } }) } }] }],
    [{ must: [{ should: [{ key: 'a', match: { value: 'x' } }] }] }],
    [{ min_should: { conditions: [{ key: 'a', match: { value: 'x' } }], min_count: 1 } }],
  ])('takes %j', (filter) => {
    expect(problems(filter)).toEqual([]);
  });

  it.each([
    ['x', 'filter: must be an object with must, should, must_not, min_should'],
    [{ mast: [] }, 'filter.mast: unknown field; did you mean "must"?'],
    [{ filter: [] }, 'filter.filter: unknown field; known are must, should, must_not, min_should'],
    [{ must: [] }, 'filter.must: must have a condition; add one, or remove it'],
    [{ must: ['x'] }, 'filter.must[0]: must be a condition, such as {key: tenant, match: {value: a}}'],
    [{ must: [{}] }, 'filter.must[0]: must have a key and a test, or be a filter'],
    [{ must: [{ key: 'a' }] }, 'filter.must[0]: must have a test: one of match,'],
    [{ must: [{ key: 'a[', is_null: true }] }, 'filter.must[0].key: must be the path of a payload field'],
    [{ must: [{ key: '$a', is_null: true }] }, 'filter.must[0].key: must be the path of a payload field'],
    [field({ macth: { value: 1 } }), 'filter.must[0].macth: unknown field; did you mean "match"?'],
    [field({ match: { value: 1 }, range: { gt: 1 } }), 'filter.must[0]: has match and range, of which one'],
    [field({ match: { value: 1.5 } }), 'filter.must[0].match.value: must be a text, an integer, true or false'],
    [field({ match: {} }), 'filter.must[0].match: must have exactly one of value, text, text_any, any, except'],
    [field({ match: { value: 1, any: [1] } }), 'filter.must[0].match: must have exactly one of'],
    [field({ match: { phrase: 'x' } }), 'filter.must[0].match.phrase: unknown field; known are'],
    [field({ match: { text: 1 } }), 'filter.must[0].match.text: must be a text'],
    [field({ match: { any: [] } }), 'filter.must[0].match.any: must be a list of 1 to 10000 texts or integers'],
    [field({ match: { any: [true] } }), 'filter.must[0].match.any[0]: must be one of the texts or integers'],
    [field({ match: { any: [1, 'x'] } }), 'filter.must[0].match.any: must be all texts or all integers'],
    [field({ range: {} }), 'filter.must[0].range: must have one of lt, gt, lte, gte'],
    [field({ range: { gt: 1, gte: 2 } }), 'filter.must[0].range: has gt and gte, of which an index looks at one'],
    [field({ range: { lt: 1, lte: 2 } }), 'filter.must[0].range: has lt and lte'],
    [field({ range: { gt: 'soon' } }), 'filter.must[0].range.gt: must be a number or a time'],
    [field({ range: { gt: null } }), 'filter.must[0].range.gt: must be a number or a time'],
    [field({ range: { gt: 1, lt: '2024-01-31' } }), 'filter.must[0].range: mixes numbers and times'],
    [field({ values_count: { gt: -1 } }), 'filter.must[0].values_count.gt: must be an integer of at least 0'],
    [field({ is_empty: 1 }), 'filter.must[0].is_empty: must be true or false'],
    [
      field({ geo_radius: { center: { lon: 181, lat: 0 }, radius: 1 } }),
      'filter.must[0].geo_radius.center.lon: must be degrees',
    ],
    [field({ geo_radius: { center: { lon: 1 }, radius: -1 } }), 'filter.must[0].geo_radius.radius: must be meters'],
    [
      field({ geo_bounding_box: { top_left: { lon: 1, lat: 2 } } }),
      'filter.must[0].geo_bounding_box.bottom_right: must be an object',
    ],
    [
      field({ geo_polygon: { exterior: ring([0, 0], [1, 1]) } }),
      'filter.must[0].geo_polygon.exterior.points: must be 4 to',
    ],
    [
      field({ geo_polygon: { exterior: ring([0, 0], [1, 0], [1, 1], [0, 1]) } }),
      'must end with the point they begin with',
    ],
    [
      field({ geo_polygon: { exterior: square, interiors: 1 } }),
      'filter.must[0].geo_polygon.interiors: must be a list',
    ],
    [{ must: [{ has_id: [-1] }] }, 'filter.must[0].has_id[0]: must be one of the ids'],
    [{ must: [{ has_vector: 'x' }] }, 'filter.must[0].has_vector: not supported by this version; leave it out'],
    [{ must: [{ slice: { total: 2, index: 0 } }] }, 'filter.must[0].slice: not supported by this version'],
    [
      { must: [{ nested: { key: 'a', filter: { must: [{ has_id: [1] }] } } }] },
      'filter.must[0].nested.filter.must[0].has_id: cannot stand inside nested',
    ],
    [{ min_should: { conditions: 1, min_count: 0 } }, 'filter.min_should.conditions: must be a list of conditions'],
    [{ min_should: { conditions: [], min_count: 0 } }, 'filter.min_should.min_count: must be an integer above 0'],
  ])('refuses %j: %s', (filter, message) => {
    expect(problems(filter).join('\n')).toContain(message);
  });

  it('bounds how deep and how long filters are', () => {
    let deep: object = { key: 'a', is_null: true };
    for (let i = 0; i < 30; i += 1) deep = { must: [deep] };
    expect(problems(deep).join()).toContain('nested more than 16 deep');
    const many = { must: Array.from({ length: 3000 }, () => ({ key: 'a', is_null: true })) };
    expect(problems(many)).toEqual(['filter.must[1000]: there are more than 1000 conditions']);
  });

  it('notes variables, which stand for any value and for no key', () => {
    const filter = {
      must: [
        { key: 'a', match: { value: '$tenant' } },
        { key: 'a', match: { any: ['$one', 2] } },
        { key: 'a', match: { any: '$list' } },
        { key: 'a', range: { gt: '$meta.from', lt: 5 } },
        { key: 'a', geo_radius: { center: '$place', radius: '$far' } },
        { key: 'a', geo_polygon: { exterior: '$area' } },
        { key: 'a', match: { value: '$$5' } },
        { key: 'a', match: { value: '$5 or so' } },
        { has_id: '$tenant' },
      ],
    };
    const { problems: found, variables } = checkFilter(filter, ['filter'], { template: true });
    expect(found).toEqual([]);
    expect([...variables.keys()]).toEqual(['tenant', 'one', 'list', 'meta.from', 'place', 'far', 'area']);
    expect(variables.get('far')).toBe('filter.must[4].geo_radius.radius');
    // Filled in, such a text is a value like any other.
    expect(problems(field({ match: { value: '$tenant' } }), false)).toEqual([]);
    expect(problems(field({ range: { gt: '$from' } }), false).join()).toContain('range.gt: must be');
  });

  it('never throws, whatever it is given', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (value, other) => {
        for (const filter of [
          value,
          { must: value },
          field({ match: value, range: other }),
          { must: [{ nested: value }] },
        ]) {
          expect(Array.isArray(problems(filter))).toBe(true);
        }
        for (const test of ['geo_polygon', 'geo_radius', 'geo_bounding_box', 'range', 'values_count']) {
          expect(Array.isArray(problems(field({ [test]: value })))).toBe(true);
        }
        expect(
          Array.isArray(problems(field({ geo_polygon: { exterior: { points: [value, other, value, other] } } }))),
        ).toBe(true);
      }),
    );
  });
});

describe('fieldNameProblems', () => {
  it('finds what cannot be made up, or not together', () => {
    expect(fieldNameProblems(['tenant', 'meta.lang', 'meta.size'])).toEqual([]);
    expect(fieldNameProblems(['tags[]', 'meta', 'meta.lang'])).toEqual([
      { index: 0, message: 'must be names joined by dots, such as meta.lang' },
      { index: 1, message: 'cannot be there together with meta.lang; rename one' },
    ]);
  });
});
