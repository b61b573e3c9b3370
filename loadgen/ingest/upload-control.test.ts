import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simulateIngest, type IngestModel } from '../testing/modelled-ingest.ts';
import { hear, startControl, type UploadEvent, type UploadLimits } from './upload-control.ts';

const LIMITS: UploadLimits = { rows: 600, maxRows: 10_000, parallel: 2, maxParallel: 16 };

/** The best that any fixed setting within the limits reaches. */
function best(model: IngestModel, rows: number): number {
  let rate = 0;
  for (const batch of [50, 150, 300, 600, 1200, 2400, 4800, 9600]) {
    for (const parallel of [1, 2, 3, 4, 6, 8, 12, 16]) {
      const fixed = { rows: batch, maxRows: batch, parallel, maxParallel: parallel };
      rate = Math.max(rate, simulateIngest(model, rows, fixed).rate);
    }
  }
  return rate;
}

describe('upload control', () => {
  it.each<[string, IngestModel, number, number]>([
    ['one worker', { workers: 1, overhead: 0.002, perRow: 20e-6 }, 500_000, 0.85],
    ['eight workers', { workers: 8, overhead: 0.002, perRow: 40e-6 }, 2_000_000, 0.85],
    ['a far server with a slow network', { workers: 4, overhead: 0.001, perRow: 20e-6, network: 0.2 }, 2_000_000, 0.6],
    ['a dear request', { workers: 2, overhead: 0.2, perRow: 10e-6 }, 2_000_000, 0.75],
    ['a rate limit', { workers: 4, overhead: 0.001, perRow: 10e-6, rowsPerSecond: 5000 }, 300_000, 0.75],
    ['a limit of size', { workers: 4, overhead: 0.001, perRow: 20e-6, maxRows: 100 }, 500_000, 0.7],
    ['little memory', { workers: 2, overhead: 0.002, perRow: 20e-6, memoryRows: 1500 }, 500_000, 0.8],
  ])('comes near the best fixed setting: %s', (_, model, rows, share) => {
    const adaptive = simulateIngest(model, rows, LIMITS);
    expect(adaptive.rows).toBe(rows);
    expect(adaptive.rate / best(model, rows)).toBeGreaterThan(share);
  });

  it('does not pile up requests where they bring nothing', () => {
    const { control } = simulateIngest({ workers: 1, overhead: 0, perRow: 50e-6 }, 1_000_000, LIMITS);
    expect(control.parallel).toBeLessThanOrEqual(3);
  });

  it('is refused once or twice by a limit of size, not again and again', () => {
    const { refused, largest } = simulateIngest(
      { workers: 4, overhead: 0.001, perRow: 20e-6, maxRows: 200 },
      100_000,
      LIMITS,
    );
    expect(largest).toBe(600);
    // Both first requests were too large, and one of half the size.
    expect(refused).toBeLessThanOrEqual(4);
  });

  it('gives small batches to a server so slow that requests might time out', () => {
    const { control } = simulateIngest({ workers: 1, overhead: 0.1, perRow: 0.1 }, 5000, LIMITS);
    expect(control.rows).toBeLessThanOrEqual(150);
  });

  it('leaves alone what was given', () => {
    const fixed = { rows: 100, maxRows: 100, parallel: 3, maxParallel: 3 };
    const model = { workers: 8, overhead: 0.01, perRow: 1e-6, rowsPerSecond: 20_000 };
    expect(simulateIngest(model, 100_000, fixed)).toMatchObject({
      largest: 100,
      most: 3,
      control: { rows: 100, parallel: 3 },
    });
  });

  it('steps down once for one congestion, however many requests met it', () => {
    let control = startControl({ rows: 100, maxRows: 1000, parallel: 16, maxParallel: 16 + 1 }, 0);
    for (let i = 0; i < 16; i += 1) control = hear(control, { kind: 'Busy', startedAt: 0.5, at: 1 + i / 100 });
    expect(control.parallel).toBe(8);
    control = hear(control, { kind: 'Busy', startedAt: 2, at: 3 });
    expect(control.parallel).toBe(4);
    for (let at = 4; at < 9; at += 1) control = hear(control, { kind: 'Busy', startedAt: at, at: at + 0.5 });
    expect(control).toMatchObject({ parallel: 1, rows: 32 });
  });

  it('never leaves its limits, whatever it hears', () => {
    const event = fc.oneof(
      fc.record({
        kind: fc.constant('Done' as const),
        rows: fc.integer({ min: 1, max: 5000 }),
        took: fc.double({ min: 0, max: 30, noNaN: true }),
      }),
      fc.record({ kind: fc.constant('Busy' as const), took: fc.double({ min: 0, max: 5, noNaN: true }) }),
      fc.record({ kind: fc.constant('TooLarge' as const), rows: fc.integer({ min: 1, max: 5000 }) }),
    );
    const limits = fc
      .record({
        rows: fc.integer({ min: 1, max: 2000 }),
        maxRows: fc.integer({ min: 1, max: 5000 }),
        parallel: fc.integer({ min: 1, max: 8 }),
        maxParallel: fc.integer({ min: 1, max: 32 }),
      })
      .map((raw) => ({
        ...raw,
        maxRows: Math.max(raw.rows, raw.maxRows),
        maxParallel: Math.max(raw.parallel, raw.maxParallel),
      }));
    fc.assert(
      fc.property(limits, fc.array(event, { maxLength: 300 }), (given, heard) => {
        let control = startControl(given, 0);
        let at = 0;
        for (const one of heard) {
          at += 0.05;
          const took = 'took' in one ? one.took : 0;
          control = hear(control, { ...one, startedAt: at - took, at } as UploadEvent);
          expect(control.rows).toBeGreaterThanOrEqual(1);
          expect(control.rows).toBeLessThanOrEqual(given.maxRows);
          expect(control.parallel).toBeGreaterThanOrEqual(1);
          expect(control.parallel).toBeLessThanOrEqual(given.maxParallel);
          if (one.kind === 'TooLarge') expect(control.rows).toBeLessThanOrEqual(Math.max(1, Math.floor(one.rows / 2)));
        }
      }),
    );
  });
});
