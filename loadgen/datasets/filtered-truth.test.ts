import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileFilter } from '../filter/compile.ts';
import { Random } from '../random.ts';
import { temporaryFolder } from '../testing/fixtures.ts';
import { exactDistance } from './distance.ts';
import { computeFilteredTruth, type NamedFilters } from './filtered-truth.ts';
import type { TruthTask } from './ground-truth.ts';
import { writeLines } from './prepared-lines.ts';

interface Made extends TruthTask {
  base: Float32Array<ArrayBuffer>;
  payloads: Record<string, unknown>[];
  payload: { texts: string; offsets: string };
}

/** Random vectors on a grid, so that there are ties, with a colour and a price. */
async function make(folder: string, rows: number, queries: number, seed: number, distance: TruthTask['distance']) {
  const random = new Random(seed);
  const dimensions = 3;
  const values = (count: number) => Float32Array.from({ length: count * dimensions }, () => random.below(4) - 1);
  const base = values(rows);
  const payloads = Array.from({ length: rows }, () => ({ colour: `c${random.below(4)}`, price: random.below(100) }));
  const payload = { texts: join(folder, 'payload.jsonl'), offsets: join(folder, 'payload.f64') };
  const basePath = join(folder, 'base.f32');
  await writeFile(basePath, new Uint8Array(base.buffer));
  const lines = (async function* () {
    for (const row of payloads) yield JSON.stringify(row);
  })();
  await writeLines(payload, lines, { rows, name: 'payload', of: 'rows' }, () => undefined);
  return {
    basePath,
    rows,
    dimensions,
    distance,
    queries: values(queries),
    k: 4,
    base,
    payloads,
    payload,
  } satisfies Made;
}

/** By looking at everything: slow and plain. */
function naive({ rows, dimensions, distance, queries, base, payloads, k }: Made, filters: NamedFilters['filters']) {
  return filters.map((filter, query) => {
    const holds = compileFilter(filter);
    const matching = [...payloads.keys()].filter((row) => holds(payloads[row] as Record<string, unknown>, row));
    const distances = matching
      .map((row) => exactDistance(distance, queries, query * dimensions, base, row * dimensions, dimensions))
      .sort((a, b) => a - b);
    return { share: matching.length / rows, nearest: distances.slice(0, k), matching: new Set(matching) };
  });
}

const by = (colour: string) => ({ must: [{ key: 'colour', match: { value: colour } }] });
const below = (price: number) => ({ must: [{ key: 'price', range: { lt: price } }] });

describe('computeFilteredTruth', () => {
  it.each(['Cosine', 'Dot', 'Euclid', 'Manhattan'] as const)(
    'agrees with looking at everything, %s',
    async (distance) => {
      await using folder = await temporaryFolder();
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 400 }),
          fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 100 })), {
            minLength: 1,
            maxLength: 12,
          }),
          fc.nat(1000),
          async (rows, wanted, seed) => {
            const made = await make(folder.path, rows, wanted.length, seed, distance);
            const named: NamedFilters[] = [
              { name: 'colour', filters: wanted.map(([colour]) => by(`c${colour}`)) },
              { name: 'price', filters: wanted.map(([, price]) => below(price)) },
            ];
            const truths = await computeFilteredTruth(made, named, () => undefined);
            for (const { name, filters } of named) {
              const expected = naive(made, filters);
              const found = truths.get(name);
              if (!found) throw new Error(`no truth of ${name}`);
              const { k, ids, distances } = found.truth;
              expect(k).toBe(Math.min(4, rows));
              expect(found.selectivity).toBeCloseTo(
                expected.reduce((sum, { share }) => sum + share, 0) / wanted.length,
                12,
              );
              expected.forEach(({ nearest, matching }, query) => {
                const [own, at] = [
                  ids.subarray(query * k, query * k + k),
                  distances.subarray(query * k, query * k + k),
                ];
                expect([...at]).toEqual([...nearest, ...Array.from({ length: k - nearest.length }, () => Infinity)]);
                const hits = own.filter((id) => id >= 0);
                expect(hits.length).toBe(nearest.length);
                expect(new Set(hits).size).toBe(hits.length);
                expect(hits.every((id) => matching.has(id))).toBe(true);
              });
            }
          },
        ),
        { numRuns: 25 },
      );
    },
  );

  it('gives the same in threads as alone, and tells how far it is', async () => {
    await using folder = await temporaryFolder();
    const made = await make(folder.path, 25_000, 6, 3, 'Euclid');
    const named = [{ name: 'price', filters: [1, 50, 50, 100, 0, 2].map(below) }];
    let rows = 0;
    const threaded = await computeFilteredTruth(made, named, (done) => (rows = done), undefined, 2);
    expect(rows).toBe(25_000);
    expect(await computeFilteredTruth(made, named, () => undefined, undefined, 1)).toEqual(threaded);
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    await expect(computeFilteredTruth(made, named, () => undefined, stop.signal, 1)).rejects.toThrow('enough');
  });

  it('takes rows without payload for rows with an empty one', async () => {
    await using folder = await temporaryFolder();
    const { payload: _, ...made } = await make(folder.path, 10, 1, 1, 'Euclid');
    const named = [{ name: 'ids', filters: [{ must: [{ has_id: [3, 5] }, { is_empty: { key: 'colour' } }] }] }];
    const truth = (await computeFilteredTruth(made, named, () => undefined)).get('ids');
    expect([...(truth?.truth.ids ?? [])].sort()).toEqual([-1, -1, 3, 5]);
    expect(truth?.selectivity).toBe(0.2);
  });

  it('releases what it opened when the vectors are gone', async () => {
    await using folder = await temporaryFolder();
    const made = await make(folder.path, 10, 1, 1, 'Euclid');
    const gone = { ...made, basePath: join(folder.path, 'nowhere') };
    await expect(computeFilteredTruth(gone, [{ name: 'a', filters: [by('c1')] }], () => undefined)).rejects.toThrow(
      'ENOENT',
    );
  });
});
