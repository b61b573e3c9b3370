import { describe, expect, it } from 'vitest';
import { queryRows } from './query-table.ts';

describe('queryRows', () => {
  it('shows named queries, and what was not measured of them as that', () => {
    const metrics = [
      { name: 'recall', value: 0.98 },
      { name: 'recall', value: 0.9123, query: 'rare' },
      { name: 'selectivity', value: 0.017, query: 'rare' },
      { name: 'recall', value: 1, query: 'plain' },
      { name: 'latencyP95', value: 3.456, query: 'plain' },
    ];
    expect(queryRows({ metrics })).toEqual([
      ['query', 'recall', 'p95 ms', 'selectivity'],
      ['plain', '1.0000', '3.46', '–'],
      ['rare', '0.9123', '–', '0.0170'],
    ]);
  });

  it('is not there where they are not told apart', () => {
    expect(queryRows({ metrics: [{ name: 'recall', value: 1 }] })).toBeUndefined();
  });
});
