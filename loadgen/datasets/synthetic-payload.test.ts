import { describe, expect, it } from 'vitest';
import { parseMoment } from '../../crds/filter/datetime.ts';
import { PayloadGenerator, syntheticFields } from './synthetic-payload.ts';

const TYPES = ['keyword', 'integer', 'float', 'bool', 'text', 'datetime', 'uuid', 'geo'] as const;
const all = syntheticFields(TYPES.map((type) => ({ field: `the.${type}`, type })));
type Row = { the: Record<(typeof TYPES)[number], unknown> };
const rows = (count: number, seed = 1, fields = all): Row[] => {
  const generator = new PayloadGenerator(fields, seed);
  return Array.from({ length: count }, () => JSON.parse(generator.nextRow()) as Row);
};

describe('made-up payloads', () => {
  it('are the same for the same seed and others for another, field by field', () => {
    expect(rows(50)).toEqual(rows(50));
    expect(rows(50, 2)).not.toEqual(rows(50));
    // One field more or less changes none of the others.
    const less = rows(50, 1, all.slice(2)).map(({ the }) => the);
    rows(50).forEach(({ the }, row) => expect(the).toMatchObject(less[row] as object));
  });

  it('have the types they say', () => {
    for (const { the } of rows(300)) {
      expect(the.keyword).toMatch(/^value-\d+$/);
      expect(Number.isInteger(the.integer)).toBe(true);
      expect(the.float).toBeGreaterThanOrEqual(0);
      expect(the.float).toBeLessThan(1);
      expect(typeof the.bool).toBe('boolean');
      expect(String(the.text).split(' ')).toHaveLength(8);
      expect(parseMoment(String(the.datetime))).toBeDefined();
      expect(the.uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
      const { lon, lat } = the.geo as { lon: number; lat: number };
      expect(Math.abs(lon)).toBeLessThanOrEqual(180);
      expect(Math.abs(lat)).toBeLessThanOrEqual(70);
    }
  });

  it('are spread as described', () => {
    const made = rows(20_000);
    const share = (holds: (row: Row['the']) => boolean) => made.filter(({ the }) => holds(the)).length / made.length;
    // √((r + 1) / c) − √(r / c), give or take five standard errors.
    for (const [rank, expected] of [
      [0, 0.1],
      [9, 0.0162],
      [99, 0.005],
    ] as const) {
      const tolerance = 5 * Math.sqrt((expected * (1 - expected)) / made.length);
      expect(Math.abs(share(({ keyword }) => keyword === `value-${rank}`) - expected)).toBeLessThan(tolerance);
      expect(Math.abs(share(({ integer }) => integer === rank) - expected)).toBeLessThan(tolerance);
    }
    const near = (value: number, expected: number) => expect(Math.abs(value - expected)).toBeLessThan(0.02);
    near(
      share(({ bool }) => bool === true),
      Math.SQRT1_2,
    );
    near(
      share(({ float }) => (float as number) < 0.25),
      0.25,
    );
    near(
      share(({ datetime }) => (datetime as string) < '2021'),
      366 / 1825,
    );
    for (const type of ['keyword', 'integer', 'float', 'datetime', 'uuid', 'geo'] as const) {
      expect(new Set(made.map(({ the }) => JSON.stringify(the[type]))).size).toBe(100);
    }
  });

  it('give queries variables by field, drawn like a row; of a text, one word', () => {
    const generator = new PayloadGenerator(all, 1);
    const made = Array.from({ length: 200 }, () => JSON.parse(generator.nextVariables()) as Record<string, unknown>);
    expect(Object.keys(made[0] ?? {})).toEqual(TYPES.map((type) => `the.${type}`));
    const known = new Set(rows(20_000).map(({ the }) => the.uuid));
    for (const variables of made) {
      expect(variables['the.text']).toMatch(/^word\d+$/);
      expect(known.has(variables['the.uuid'])).toBe(true);
    }
    expect(made.map((variables) => variables['the.integer'])).not.toEqual(rows(200).map(({ the }) => the.integer));
  });

  it('may have one value only', () => {
    const fields = syntheticFields(TYPES.map((type) => ({ field: type, type, cardinality: 1 })));
    const generator = new PayloadGenerator(fields, 1);
    expect(generator.nextRow()).toBe(generator.nextRow());
    expect(syntheticFields([{ field: 'flag', type: 'bool', cardinality: 50 }])).toEqual([
      { field: 'flag', type: 'bool', cardinality: 2 },
    ]);
  });

  it('cannot be made of fields that exclude one another', () => {
    const fields = syntheticFields([
      { field: 'a', type: 'bool' },
      { field: 'a.b', type: 'bool' },
    ]);
    expect(() => new PayloadGenerator(fields, 1)).toThrow(
      'payload field a: cannot be there together with a.b; rename one',
    );
  });
});
