import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecallCounter, recallOf, RecallTally, type TruthSource } from './recall.ts';

/** One query at 0 on a line; row i lies at `places[i]`. True nearest three: rows 0, 1, 2. */
const places = [1, 2, 3, 3, 3.000001, 3.1, 9];
let asked = 0;
const source: TruthSource = {
  meta: { distance: 'Euclid' },
  truth: { k: 3, ids: Int32Array.of(0, 1, 2), distances: Float64Array.of(1, 2, 3) },
  distance: (_, row) => {
    asked += 1;
    return places[row] ?? Infinity;
  },
};

describe('recallOf', () => {
  it.each([
    ['all', [0, 1, 2], 1],
    ['another order', [2, 0, 1], 1],
    ['a tie instead', [0, 1, 3], 1],
    ['nearly a tie, as float32 rounds', [0, 1, 4], 1],
    ['a miss', [0, 1, 5], 2 / 3],
    ['one id twice', [0, 0, 1], 2 / 3],
    ['too few', [0, -1, -1], 1 / 3],
    ['rows that do not exist', [99, 98, 97], 0],
  ])('%s: %j', (_, ids, expected) => {
    expect(recallOf(source, 0, Int32Array.from(ids), 0, 3)).toBeCloseTo(expected, 12);
  });

  it('counts against those that match, where fewer do', () => {
    // Rows 1 and 3 match the filter; row 2 is as far as row 3, and row 0 is nearer.
    const filtered = {
      ...source,
      truth: { k: 3, ids: Int32Array.of(1, 3, -1), distances: Float64Array.of(2, 3, Infinity) },
    };
    expect(recallOf(filtered, 0, [1, 3, -1], 0, 3)).toBe(1);
    expect(recallOf(filtered, 0, [1, -1, -1], 0, 3)).toBe(0.5);
    // What does not match is no hit, however near.
    expect(recallOf(filtered, 0, [0, 2, -1], 0, 3)).toBe(0);
    const full = { ...source, truth: { k: 2, ids: Int32Array.of(1, 3), distances: Float64Array.of(2, 3) } };
    expect(recallOf(full, 0, [0, 1], 0, 2)).toBe(0.5);
    expect(recallOf(full, 0, [2, 1], 0, 2)).toBe(1);
  });

  it('is none where nothing matches, which no mean counts', () => {
    const none = {
      ...source,
      truth: { k: 2, ids: Int32Array.of(-1, -1), distances: Float64Array.of(Infinity, Infinity) },
    };
    expect(recallOf(none, 0, [0, 1], 0, 2)).toBeNaN();
    const tally = new RecallTally(2);
    tally.add(0, recallOf(none, 0, [-1, -1], 0, 2));
    expect(tally.estimate()).toBeUndefined();
    tally.add(1, 0.5);
    expect(tally.estimate()).toMatchObject({ value: 0.5, queries: 1 });
  });

  it('counts at a smaller limit than the truth holds', () => {
    expect(recallOf(source, 0, [0, 5], 0, 2)).toBe(0.5);
    // More hits than wanted, all ties: still 1.
    expect(
      recallOf({ ...source, truth: { k: 1, ids: Int32Array.of(2), distances: Float64Array.of(3) } }, 0, [2, 3], 0, 2),
    ).toBe(1);
  });
});

describe('RecallCounter', () => {
  it('does not compute the same answer twice, but any other', () => {
    const counter = new RecallCounter(source, 1, 3);
    expect(counter.recall(0, Int32Array.of(0, 1, 5))).toBeCloseTo(2 / 3);
    const before = asked;
    expect(counter.recall(0, Int32Array.of(0, 1, 5))).toBeCloseTo(2 / 3);
    expect(asked).toBe(before);
    expect(counter.recall(0, Int32Array.of(0, 1, 2))).toBe(1);
  });

  it('computes directly when there is too much to remember', () => {
    expect(new RecallCounter(source, 5_000_000, 3).recall(0, Int32Array.of(0, 1, 5))).toBeCloseTo(2 / 3);
  });
});

describe('RecallTally', () => {
  it('takes the query as the unit: asking one query often narrows nothing', () => {
    const once = new RecallTally(4);
    const often = new RecallTally(4);
    [1, 0.8, 0.9, 1].forEach((recall, query) => {
      once.add(query, recall);
      for (let i = 0; i < 10; i += 1) often.add(query, recall);
    });
    expect(often.estimate()?.standardError).toBeCloseTo(once.estimate()?.standardError as number, 12);
    expect(once.estimate()).toMatchObject({ queries: 4 });
    expect(once.estimate()?.value).toBeCloseTo(0.925);
  });

  it('has an interval that holds the mean and stays within 0 and 1', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 50 }), (values) => {
        const tally = new RecallTally(values.length);
        values.forEach((value, query) => tally.add(query, value));
        const { low, value, high } = tally.estimate() as { low: number; value: number; high: number };
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(low).toBeLessThanOrEqual(value + 1e-12);
        expect(high).toBeGreaterThanOrEqual(value - 1e-12);
      }),
    );
  });

  it('does not claim certainty from agreement, nor anything from nothing', () => {
    const tally = new RecallTally(100);
    expect(tally.estimate()).toBeUndefined();
    for (let query = 0; query < 100; query += 1) tally.add(query, 1);
    expect(tally.estimate()).toMatchObject({ value: 1, low: 0.97, high: 1 });
    const none = new RecallTally(100);
    for (let query = 0; query < 100; query += 1) none.add(query, 0);
    expect(none.estimate()).toMatchObject({ value: 0, low: 0, high: 0.03 });
  });
});
