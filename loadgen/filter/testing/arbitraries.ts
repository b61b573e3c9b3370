import fc from 'fast-check';

/** Payloads and filters that often meet: few different values, every type, arrays, nulls, nesting, and what is missing. */

const word = fc.constantFrom('a', 'B', 'new york', 'New-York, USA', 'ünïcode Straße', '$tenant', '');
const integer = fc.integer({ min: -2, max: 3 });
const float = fc.constantFrom(-1.5, -0.25, 0.5, 1, 1.25, 2, 3.75);
const uuid = fc.constantFrom('5f9c1a52-0000-4000-8000-000000000001', '5f9c1a52-0000-4000-8000-000000000002');
const moment = fc.constantFrom(
  '2024-01-31',
  '2024-01-31T12:00:00Z',
  '2024-01-31 12:00',
  '2024-01-31T12:00:00.000001Z',
  '2024-01-31T13:00:00+01:00',
  '2024-02-29T00:00:00.5-0530',
  '1969-12-31T23:59:59Z',
);
const place = fc.record({
  lon: fc.constantFrom(-179.5, -10, 0, 9.5, 10, 13.4, 179.5),
  lat: fc.constantFrom(-60, 0, 5, 10, 52.5, 80),
});

/** Fields whose values are all of one type, as a payload index wants them, by that type. */
const TYPED = {
  keyword: word,
  integer,
  float,
  bool: fc.boolean(),
  text: word,
  datetime: moment,
  uuid,
  geo: place,
};
export const TYPES = Object.keys(TYPED) as (keyof typeof TYPED)[];

const anything = fc.oneof(word, integer, float, fc.boolean(), fc.constant(null), moment, place);

/** A payload with one field a type, named after it, and some whose values are of any type. */
export const payloadArbitrary: fc.Arbitrary<Record<string, unknown>> = fc.record(
  {
    ...Object.fromEntries(TYPES.map((type) => [type, TYPED[type]])),
    mixed: fc.oneof(anything, fc.array(anything, { maxLength: 3 }), fc.array(fc.array(integer, { maxLength: 2 }))),
    deep: fc.record({ inner: fc.oneof(anything, fc.record({ more: anything })) }, { requiredKeys: [] }),
    'spaced key': word,
    items: fc.array(fc.record({ kind: word, count: integer }, { requiredKeys: [] }), { maxLength: 3 }),
  },
  { requiredKeys: ['mixed'] },
);

/** One bound, or one on each side. */
const bounds = <T>(value: fc.Arbitrary<T>) => {
  const lower = fc.oneof(fc.record({ gt: value }), fc.record({ gte: value }));
  const upper = fc.oneof(fc.record({ lt: value }), fc.record({ lte: value }));
  return fc.oneof(
    lower,
    upper,
    fc.tuple(lower, upper).map(([from, to]) => ({ ...from, ...to })),
  );
};

const match = fc.oneof(
  fc.oneof(word, integer, fc.boolean(), uuid).map((value) => ({ value })),
  fc.constantFrom('new', 'york new', 'usa', 'ÜNÏCODE', 'straße', '--', 'a b').map((text) => ({ text })),
  fc.constantFrom('new b', 'zzz', 'a').map((text_any) => ({ text_any })),
  fc.oneof(fc.array(word, { minLength: 1 }), fc.array(integer, { minLength: 1 })).map((any) => ({ any })),
  fc.oneof(fc.array(word, { minLength: 1 }), fc.array(integer, { minLength: 1 })).map((except) => ({ except })),
);

const ring = fc.constantFrom(
  [
    { lon: -5, lat: -5 },
    { lon: 20, lat: -5 },
    { lon: 20, lat: 60 },
    { lon: -5, lat: -5 },
  ],
  [
    { lon: 0, lat: 0 },
    { lon: 10, lat: 0 },
    { lon: 10, lat: 10 },
    { lon: 0, lat: 10 },
    { lon: 0, lat: 0 },
  ],
  [
    { lon: -20, lat: -20 },
    { lon: 40, lat: -20 },
    { lon: 40, lat: 70 },
    { lon: 5, lat: 20 },
    { lon: -20, lat: 70 },
    { lon: -20, lat: -20 },
  ],
);

const count = fc.integer({ min: 0, max: 3 });

const test = fc.oneof(
  match.map((inner) => ({ match: inner })),
  bounds(float).map((range) => ({ range })),
  bounds(moment).map((range) => ({ range })),
  bounds(count).map((values_count) => ({ values_count })),
  fc.boolean().map((is_empty) => ({ is_empty })),
  fc.boolean().map((is_null) => ({ is_null })),
  fc
    .record({ center: place, radius: fc.constantFrom(0, 1000, 500_000, 5_000_000) })
    .map((geo_radius) => ({ geo_radius })),
  fc.record({ top_left: place, bottom_right: place }).map((geo_bounding_box) => ({ geo_bounding_box })),
  fc
    .record({ exterior: ring.map((points) => ({ points })) })
    .chain((polygon) => fc.constantFrom({ geo_polygon: polygon }, { geo_polygon: { ...polygon, interiors: [] } })),
);

/** A test that a field with an index of a type serves, so that both ways of the engine are asked. */
const typedTests: Record<keyof typeof TYPED, fc.Arbitrary<Record<string, unknown>>> = {
  keyword: fc.oneof(
    word.map((value) => ({ match: { value } })),
    fc.array(word, { minLength: 1 }).map((any) => ({ match: { any } })),
    fc.array(word, { minLength: 1 }).map((except) => ({ match: { except } })),
  ),
  integer: fc.oneof(
    integer.map((value) => ({ match: { value } })),
    bounds(float).map((range) => ({ range })),
  ),
  float: bounds(float).map((range) => ({ range })),
  bool: fc.boolean().map((value) => ({ match: { value } })),
  text: fc.constantFrom('new', 'york new', 'usa', 'b', 'straße').map((text) => ({ match: { text } })),
  datetime: bounds(moment).map((range) => ({ range })),
  uuid: uuid.map((value) => ({ match: { value } })),
  geo: fc.record({ center: place, radius: fc.constantFrom(1000, 5_000_000) }).map((geo_radius) => ({ geo_radius })),
};

const typed = fc.constantFrom(...TYPES).chain((key) => typedTests[key].map((inner) => ({ key, ...inner })));

const key = fc.constantFrom(
  ...TYPES,
  'mixed',
  'mixed[]',
  'mixed[0]',
  'deep',
  'deep.inner',
  'deep.inner.more',
  '"spaced key"',
  'items',
  'items[].kind',
  'items[1].count',
  'missing',
);

const anyField = fc.tuple(key, test).map(([name, inner]) => ({ key: name, ...inner }));

const leaf = (id: fc.Arbitrary<number>) =>
  fc.oneof(
    { weight: 5, arbitrary: typed },
    { weight: 5, arbitrary: anyField },
    key.map((name) => ({ is_empty: { key: name } })),
    key.map((name) => ({ is_null: { key: name } })),
    fc.array(id, { minLength: 1, maxLength: 5 }).map((has_id) => ({ has_id })),
    fc.record({ kind: word, count: integer }).map(({ kind, count: value }) => ({
      nested: {
        key: 'items',
        filter: { must: [{ key: 'kind', match: { value: kind } }], must_not: [{ key: 'count', match: { value } }] },
      },
    })),
  );

/** Filters of one condition over such payloads, with ids below `points`. */
export function conditionArbitrary(points: number): fc.Arbitrary<Record<string, unknown>> {
  return (leaf(fc.integer({ min: 0, max: points - 1 })) as fc.Arbitrary<Record<string, unknown>>).map((must) => ({
    must,
  }));
}

/** Filters over such payloads, nested up to three deep, with ids below `points`. */
export function filterArbitrary(points: number): fc.Arbitrary<Record<string, unknown>> {
  const { filter } = fc.letrec<{ filter: Record<string, unknown>; condition: Record<string, unknown> }>((tie) => ({
    condition: fc.oneof(
      { depthSize: 'small', maxDepth: 3 },
      { weight: 4, arbitrary: leaf(fc.integer({ min: 0, max: points - 1 })) as fc.Arbitrary<Record<string, unknown>> },
      { weight: 1, arbitrary: tie('filter') },
    ),
    filter: fc.oneof(
      fc.array(tie('condition'), { minLength: 1, maxLength: 2 }).map((must) => ({ must })),
      fc.array(tie('condition'), { minLength: 1, maxLength: 3 }).map((should) => ({ should })),
      tie('condition').map((must_not) => ({ must_not })),
      fc
        .array(tie('condition'), { minLength: 1, maxLength: 4 })
        .chain((conditions) =>
          fc.integer({ min: 1, max: conditions.length }).map((min_count) => ({ conditions, min_count })),
        )
        .map((min_should) => ({ min_should })),
      fc
        .tuple(tie('condition'), tie('condition'), tie('condition'))
        .map(([a, b, c]) => ({ must: [a], should: [b, c], must_not: [c] })),
    ),
  }));
  return filter;
}
