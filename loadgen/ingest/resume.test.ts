import { describe, expect, it, onTestFinished } from 'vitest';
import { ANYWHERE } from '../net/address-rules.ts';
import { Rest } from '../rest.ts';
import { startStub, type StubFault } from '../testing/stub-qdrant.ts';
import { missingRows } from './resume.ts';
import { waitUntilSearchable } from './searchable.ts';
import type { UploadSource } from './upload-source.ts';

const source: UploadSource = {
  points: 30_000,
  dimensions: 2,
  rows: (first, count) =>
    Promise.resolve(Float32Array.from({ length: count * 2 }, (_, i) => (i % 2 === 0 ? 1 : first + Math.floor(i / 2)))),
};

async function server(faults: ((request: { path: string }) => StubFault | 'none')[] = []) {
  const stub = await startStub({ faults });
  const rest = new Rest({ url: stub.url, collection: 'c' }, 1, ANYWHERE);
  onTestFinished(async () => {
    await rest.close();
    await stub.close();
  });
  return { stub, rest };
}

describe('missingRows', () => {
  it('finds the exact gaps, over pages', async () => {
    const { stub, rest } = await server();
    for (let row = 0; row < 25_000; row += 1) if (row !== 17 && row !== 18) stub.points.set(row, [1, row]);
    const seen: number[] = [];
    const found = await missingRows(rest, source, { collection: 'c', onProgress: (rows) => seen.push(rows) });
    expect(found).toEqual({
      present: 24_998,
      ranges: [
        { first: 17, count: 2 },
        { first: 25_000, count: 5000 },
      ],
    });
    expect(seen).toEqual([10_000, 20_000, 24_998]);
  });

  it('takes an empty collection for one with everything missing', async () => {
    const { rest } = await server();
    expect(await missingRows(rest, source, { collection: 'c' })).toEqual({
      present: 0,
      ranges: [{ first: 0, count: 30_000 }],
    });
  });

  it.each<[string, number | string, number[], RegExp]>([
    ['an id beyond the file', 30_000, [1, 0], /holds point 30000, which is no row of this file \(0 to 29999\)/],
    ['another vector', 40, [40, -1], /point 40 has another vector than that row/],
    ['other dimensions', 40, [1, 2, 3], /point 40 has 3 dimensions instead of 2/],
  ])('refuses %s', async (_, id, vector, message) => {
    const { stub, rest } = await server();
    stub.points.set(id as number, vector);
    await expect(missingRows(rest, source, { collection: 'c' })).rejects.toThrow(message);
  });

  it('takes a vector that Cosine has made one long, and halved precision', async () => {
    const { stub, rest } = await server();
    stub.points.set(3, [Math.sqrt(0.1), Math.sqrt(0.9) * 1.001]);
    expect((await missingRows(rest, source, { collection: 'c' })).present).toBe(1);
  });
});

describe('waitUntilSearchable', () => {
  it('waits until queries find the points, and says how long', async () => {
    let queries = 0;
    const empty = { status: 200, body: '{"result":{"points":[]}}' };
    const { stub, rest } = await server([
      ({ path }) => (path.endsWith('/query') && (queries += 1) < 4 ? empty : 'none'),
    ]);
    stub.points.set(5, [1, 5]).set(6, [1, 6]);
    const options = { collection: 'c', rows: [5, 6], timeoutSeconds: 20, pollMilliseconds: 1 };
    expect(await waitUntilSearchable(rest, source, options)).toBeGreaterThan(0);
    expect(queries).toBe(5);
    expect(await waitUntilSearchable(rest, source, { ...options, rows: [] })).toBeUndefined();
  });

  it('says nothing of points that are not found in time, or of a server that refuses', async () => {
    const { rest, stub } = await server();
    const options = { collection: 'c', rows: [5], timeoutSeconds: 0, pollMilliseconds: 1 };
    expect(await waitUntilSearchable(rest, source, options)).toBeUndefined();
    stub.behaviour.faults = [() => ({ status: 403 })];
    expect(await waitUntilSearchable(rest, source, options)).toBeUndefined();
  });
});
