import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveFilter } from './resolve.ts';

const value = (text: unknown) => ({ must: [{ key: 'tenant', match: { value: text } }] });

describe('resolveFilter', () => {
  it('puts values in as they are, of whatever type', () => {
    const filter = {
      must: [
        { key: 'a', match: { value: '$tenant' } },
        { key: 'b', match: { any: '$list' } },
        { key: 'c', range: { gte: '$from', lt: 5 } },
        { key: 'd', geo_radius: { center: '$place', radius: 10 } },
        { has_id: ['$id', 2] },
      ],
    };
    const place = { lon: 1, lat: 2 };
    expect(resolveFilter(filter, { tenant: true, list: [1, 2], from: 0.5, place, id: 1 })).toEqual({
      must: [
        { key: 'a', match: { value: true } },
        { key: 'b', match: { any: [1, 2] } },
        { key: 'c', range: { gte: 0.5, lt: 5 } },
        { key: 'd', geo_radius: { center: place, radius: 10 } },
        { has_id: [1, 2] },
      ],
    });
    // The template is as it was.
    expect(filter.must[0]).toEqual({ key: 'a', match: { value: '$tenant' } });
  });

  it('keeps any text value one value: nothing in it is read as a template or as JSON', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constantFrom('$other', '$$x', '"}]', '${a}')), (text) => {
        expect(resolveFilter(value('$tenant'), { tenant: text, other: 'no' })).toEqual(value(text));
      }),
    );
  });

  it('leaves other texts alone, and makes $$ one $', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(resolveFilter(value(`$$${text}`))).toEqual(value(`$${text}`));
        expect(resolveFilter(value(`x$${text}`))).toEqual(value(`x$${text}`));
      }),
    );
    expect(resolveFilter(value('$5 or more'))).toEqual(value('$5 or more'));
  });

  it('names what is missing, and what there is', () => {
    expect(() => resolveFilter(value('$tenat'), { tenant: 'a', lang: 'b' })).toThrow(
      '$tenat is not a variable (there are: tenant, lang); for a literal text write $$tenat',
    );
    expect(() => resolveFilter(value('$toString'))).toThrow('(there are: none)');
  });

  it('refuses what a variable makes of a filter when Qdrant would', () => {
    expect(() => resolveFilter(value('$x'), { x: 1.5 })).toThrow(
      'with its variables it is no filter: filter.must[0].match.value: must be a text, an integer, true or false',
    );
    expect(() => resolveFilter({ must: [{ has_id: '$x' }] }, { x: 'a' })).toThrow(
      'filter.must[0].has_id: must be a list',
    );
  });
});
