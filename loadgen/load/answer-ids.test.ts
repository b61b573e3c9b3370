import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanIds } from './answer-ids.ts';
import { parseIdsBesidePayloads } from './client.ts';

/** Payloads that hold what a careless reader would take for an id, for the end of a text or of an object. */
const tricky = fc.oneof(
  fc.constantFrom('"id":7', '{"id":8}', '\\', '\\"', '"}],', ']}', 'ß"id":9€', '"result":{"points":[{"id":3}]}'),
  fc.string({ unit: 'binary' }),
);
const payload = fc.dictionary(
  fc.oneof(tricky, fc.constantFrom('id', 'points', 'result')),
  fc.oneof(tricky, fc.integer(), fc.constant(null), fc.jsonValue(), fc.record({ id: fc.nat() })),
  { noNullPrototype: true },
);
const hit = fc.record({
  id: fc.nat({ max: 2_147_483_647 }),
  version: fc.nat(),
  score: fc.double({ noNaN: true, noDefaultInfinity: true }),
  payload: fc.option(payload),
});
const envelope = fc.constantFrom(
  (points: unknown) => ({ result: { points }, status: 'ok', time: 0.001 }),
  (points: unknown) => ({ usage: { hardware: null }, result: { points }, status: 'ok' }),
  (points: unknown) => ({ status: 'ok', time: 0.1, result: { points } }),
);

describe('scanIds', () => {
  it('reads the ids that JSON.parse finds, whatever payloads hold', () => {
    fc.assert(
      fc.property(fc.array(hit, { maxLength: 6 }), envelope, (points, wrap) => {
        const text = JSON.stringify(wrap(points));
        const ids = new Int32Array(6).fill(-1);
        expect(scanIds(Buffer.from(text).toString('latin1'), ids)).toBe(points.length);
        expect([...ids].slice(0, points.length)).toEqual(points.map(({ id }) => id));
      }),
    );
  });

  it('leaves what does not look like Qdrant to the parser, and never makes up ids', () => {
    fc.assert(
      fc.property(fc.array(hit, { maxLength: 3 }), fc.nat(), fc.nat(), (points, cut, space) => {
        const whole = JSON.stringify({ result: { points } });
        const broken = whole.slice(0, cut % whole.length);
        const spaced = JSON.stringify({ result: { points } }, null, (space % 3) + 1);
        const ids = new Int32Array(3);
        expect(parseIdsBesidePayloads(Buffer.from(spaced), ids)).toBe(true);
        expect([...ids]).toEqual([0, 1, 2].map((i) => points[i]?.id ?? -1));
        // Cut off behind the list it is still read; before, it is no answer.
        if (parseIdsBesidePayloads(Buffer.from(broken), ids)) {
          expect([...ids]).toEqual([0, 1, 2].map((i) => points[i]?.id ?? -1));
        } else expect([...ids]).toEqual([-1, -1, -1]);
      }),
    );
  });

  it.each([
    [
      'ids that are texts',
      '{"result":{"points":[{"id":"6ba7b810-9dad-11d1-80b4-00c04fd430c8","payload":{"id":3}}]}}',
      [-1, -1],
    ],
    ['an id that is no integer', '{"result":{"points":[{"id":1.5}]}}', [1, -1]],
    ['another order of fields', '{"result":{"points":[{"payload":{"id":3},"id":4}]}}', [4, -1]],
  ])('parses %s', (_, text, expected) => {
    const ids = new Int32Array(2);
    expect(scanIds(text, ids.slice())).toBeUndefined();
    expect(parseIdsBesidePayloads(Buffer.from(text), ids)).toBe(true);
    expect([...ids]).toEqual(expected);
  });

  it('refuses more ids than were asked for, and no body', () => {
    const ids = new Int32Array(1);
    expect(parseIdsBesidePayloads(Buffer.from('{"result":{"points":[{"id":1},{"id":2}]}}'), ids)).toBe(false);
    expect([...ids]).toEqual([-1]);
    expect(parseIdsBesidePayloads(undefined, ids)).toBe(false);
    expect(parseIdsBesidePayloads(Buffer.from('{"result":{"points":[]}}'), ids)).toBe(true);
  });
});
