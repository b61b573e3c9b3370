import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RowRanges, RowSet } from './row-ranges.ts';

describe('RowRanges', () => {
  it('hands out every row exactly once, whatever comes back', () => {
    const present = fc.array(fc.integer({ min: 0, max: 199 }), { maxLength: 200 });
    const steps = fc.array(fc.record({ most: fc.integer({ min: 1, max: 40 }), back: fc.boolean() }), {
      minLength: 400,
      maxLength: 400,
    });
    fc.assert(
      fc.property(present, steps, (rows, moves) => {
        const set = new RowSet(200);
        for (const row of rows) set.add(row);
        expect(set.size).toBe(new Set(rows).size);
        const ranges = new RowRanges(set.missing());
        const sent = new Set(rows);
        for (const { most, back } of moves) {
          const before = ranges.left;
          const range = ranges.take(most);
          if (range === undefined) break;
          expect(range.count).toBeGreaterThanOrEqual(1);
          expect(range.count).toBeLessThanOrEqual(most);
          expect(ranges.left).toBe(before - range.count);
          if (back) {
            ranges.giveBack(range);
            continue;
          }
          for (let row = range.first; row < range.first + range.count; row += 1) {
            expect(sent.has(row)).toBe(false);
            sent.add(row);
          }
        }
        for (let range = ranges.take(200); range; range = ranges.take(200))
          for (let row = range.first; row < range.first + range.count; row += 1) sent.add(row);
        expect(sent.size).toBe(200);
        expect(ranges.left).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it('names gaps as ranges', () => {
    const set = new RowSet(10);
    for (const row of [0, 1, 5, 5, 9]) set.add(row);
    expect(set.missing()).toEqual([
      { first: 2, count: 3 },
      { first: 6, count: 3 },
    ]);
    expect(new RowSet(3).missing()).toEqual([{ first: 0, count: 3 }]);
  });
});
