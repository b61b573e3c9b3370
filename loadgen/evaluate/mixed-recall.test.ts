import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { MixedRecall } from './mixed-recall.ts';
import { RecallTally } from './recall.ts';

const share = fc.integer({ min: 0, max: 10 }).map((hits) => hits / 10);

describe('MixedRecall', () => {
  it('is the plain tally for a single query', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(9), share), { minLength: 1 }), (answers) => {
        const mixed = new MixedRecall([1], 10);
        const plain = new RecallTally(10);
        for (const [row, recall] of answers) {
          mixed.add(row, recall);
          plain.add(row, recall);
        }
        expect(mixed.estimate()).toEqual(plain.estimate());
        expect(mixed.of(0)).toEqual(plain.estimate());
      }),
    );
  });

  it('weighs named queries, not requests', () => {
    const mixed = new MixedRecall([0.75, 0.25], 4);
    for (let times = 0; times < 9; times += 1) for (let row = 0; row < 4; row += 1) mixed.add(row, 1);
    for (let row = 0; row < 4; row += 1) mixed.add(4 + row, row % 2 === 0 ? 0.5 : 0.7);
    expect(mixed.of(0)?.value).toBe(1);
    expect(mixed.of(1)?.value).toBeCloseTo(0.6, 12);
    expect(mixed.estimate()?.value).toBeCloseTo(0.75 + 0.25 * 0.6, 12);
  });

  it('leaves out what cannot be found, and queries that were not asked', () => {
    const mixed = new MixedRecall([0.5, 0.5], 2);
    expect(mixed.estimate()).toBeUndefined();
    mixed.add(0, 0.8);
    mixed.add(1, 0.9);
    mixed.add(2, NaN);
    expect(mixed.of(1)).toBeUndefined();
    expect(mixed.estimate()?.value).toBeCloseTo(0.85, 12);
    expect(mixed.estimate()?.queries).toBe(2);
  });

  it('tells its standard error, also where answers to one vector hang together', () => {
    const random = new Random(1);
    const [rows, runs] = [60, 800];
    const values: number[] = [];
    let told = 0;
    for (let run = 0; run < runs; run += 1) {
      const mixed = new MixedRecall([0.7, 0.3], rows);
      for (let row = 0; row < rows; row += 1) {
        const common = random.bell() * 0.05;
        mixed.add(row, 0.8 + common + random.bell() * 0.03);
        // The second query is asked with half of the vectors.
        if (row % 2 === 0) mixed.add(rows + row, 0.7 + common + random.bell() * 0.03);
      }
      const { value, standardError } = mixed.estimate() as { value: number; standardError: number };
      values.push(value);
      told += standardError / runs;
    }
    const mean = values.reduce((sum, value) => sum + value, 0) / runs;
    const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (runs - 1));
    expect(mean).toBeCloseTo(0.7 * 0.8 + 0.3 * 0.7, 2);
    expect(told / spread).toBeGreaterThan(0.9);
    expect(told / spread).toBeLessThan(1.1);
  });
});
