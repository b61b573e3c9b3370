import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ANYWHERE } from '../net/address-rules.ts';
import { Rest } from '../rest.ts';
import { smallDataset, temporaryFolder } from '../testing/fixtures.ts';
import { startStub } from '../testing/stub-qdrant.ts';
import { bystanders, ExtraPoints } from './extra-points.ts';

describe('bystanders', () => {
  const truth = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 10 })).chain(([k, queries]) =>
    fc.array(fc.integer({ min: -1, max: 29 }), { minLength: k * queries, maxLength: k * queries }).map((ids) => ({
      k,
      ids: Int32Array.from(ids),
      distances: new Float64Array(ids.length),
    })),
  );

  it('are no right answer to any query, all different, as many as there are', () => {
    fc.assert(
      fc.property(
        fc.array(truth, { maxLength: 3 }),
        fc.nat(40),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(),
        (truths, count, limit, seed) => {
          const rows = bystanders(30, limit, truths, count, seed);
          const near = new Set(truths.flatMap(({ k, ids }) => [...ids].filter((id, i) => i % k < limit && id >= 0)));
          expect(rows.some((row) => near.has(row))).toBe(false);
          expect(new Set(rows).size).toBe(rows.length);
          expect(rows.length).toBe(Math.min(count, 30 - near.size));
          expect(bystanders(30, limit, truths, count, seed)).toEqual(rows);
        },
      ),
    );
  });
});

const options = (writes: Parameters<typeof ExtraPoints.make>[1]['writes']) => ({
  writes,
  names: ['default'],
  limit: 5,
  seed: 1,
  windowSeconds: 1,
});

describe('ExtraPoints', () => {
  it('are copies of bystanders, with ids behind the dataset and payloads as they are', async () => {
    await using folder = await temporaryFolder();
    const { dataset } = await smallDataset(folder.path, {
      payload: [{ field: 'a', type: 'integer', cardinality: 1000 }],
    });
    const extras = await ExtraPoints.make(dataset, options({ upserts: { rate: 1, batch: 8 } }));
    expect(extras.size).toBe(64);
    const stub = await startStub();
    const rest = new Rest({ url: stub.url, collection: 'c' }, 1, ANYWHERE);
    try {
      const first = JSON.parse(String(extras.body(0))) as {
        batch: { ids: number[]; vectors: number[][]; payloads: { a: number }[] };
      };
      expect(first.batch.ids).toEqual([200, 201, 202, 203, 204, 205, 206, 207]);
      for (const [i, id] of first.batch.ids.entries()) {
        const [payload] = await dataset.payloadRows(extras.rowOf(id), 1);
        expect(first.batch.payloads[i]).toEqual(JSON.parse(payload as string));
      }
      expect(JSON.parse(String(extras.firstVector(0)))).toEqual(first.batch.vectors[0]);
      for (const id of first.batch.ids) {
        // No nearer to any query than its fifth neighbour.
        for (let query = 0; query < dataset.meta.queries; query += 1) {
          const fifth = dataset.truth.distances[query * dataset.truth.k + 4] as number;
          expect(dataset.distance(query, extras.rowOf(id))).toBeGreaterThanOrEqual(fifth);
        }
      }
      expect(extras.rowOf(7)).toBe(7);
      expect(extras.rowOf(200 + 64)).toBe(-1);

      const probe = extras.nextProbe() as number;
      expect(probe).toBe(264);
      const sampled = JSON.parse(String(extras.bodyWithProbe(1, probe))) as typeof first;
      expect(sampled.batch.ids).toEqual([264, 209, 210, 211, 212, 213, 214, 215]);
      expect(sampled.batch.vectors).toHaveLength(8);

      expect([extras.nextBatch(), extras.nextBatch()]).toEqual([0, 1]);
      expect(extras.takeForDelete()).toBeUndefined();
      extras.written(1, true);
      expect(Array.from({ length: 8 }, () => extras.takeForDelete())).toEqual([
        209,
        210,
        211,
        212,
        213,
        214,
        215,
        undefined,
      ]);

      const signal = new AbortController().signal;
      for (let id = 0; id < 200; id += 1) stub.points.set(id, [0]);
      await extras.clearLeftovers(rest, 'c', signal);
      expect(stub.seen.some((request) => request.includes('/delete'))).toBe(false);
      await extras.writeMissing(rest, 'c', signal);
      stub.points.set(probe, [0]);
      expect(stub.points.size).toBe(200 + 64 + 1);
      await extras.clear(rest, 'c', signal);
      expect([...stub.points.keys()]).toEqual(Array.from({ length: 200 }, (_, id) => id));
      // Of an earlier process nobody knows how far its samples went.
      stub.points.set(264 + 9999, [0]);
      await extras.clearLeftovers(rest, 'c', signal);
      expect(stub.points.size).toBe(200);
    } finally {
      await rest.close();
      await stub.close();
      dataset.close();
    }
  });

  it('are more where deletes need them, and end when ids for samples do', async () => {
    await using folder = await temporaryFolder();
    const { dataset } = await smallDataset(folder.path);
    const extras = await ExtraPoints.make(dataset, options({ deletes: { rate: 500 } }));
    expect(extras.size).toBe(1024);
    for (let i = 0; i < 10_000; i += 1) extras.nextProbe();
    expect(extras.nextProbe()).toBeUndefined();
    dataset.close();
  });

  it('cannot be where every point is a right answer, or a request would be too large', async () => {
    await using folder = await temporaryFolder();
    const { dataset } = await smallDataset(folder.path, { points: 100, queries: 200 }, 50);
    const make = (dataset_: typeof dataset, batch: number, limit: number) =>
      ExtraPoints.make(dataset_, { ...options({ upserts: { rate: 1, batch } }), limit });
    await expect(make(dataset, 1, 50)).rejects.toThrow(/each of the 100 points is among the 50 nearest/);
    dataset.close();
    const wide = await smallDataset(folder.path, { points: 200, dimensions: 1024 });
    await expect(make(wide.dataset, 5000, 5)).rejects.toThrow(
      /workload.writes.upserts.batch: 5000 points of 1024 dimensions/,
    );
    wide.dataset.close();
  });
});
