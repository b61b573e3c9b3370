import { describe, expect, it } from 'vitest';
import { ANYWHERE } from '../net/address-rules.ts';
import { Rest } from '../rest.ts';
import { smallDataset, temporaryFolder } from '../testing/fixtures.ts';
import { startStub } from '../testing/stub-qdrant.ts';
import { upsertBytes } from './encode.ts';
import { batchRows, upload } from './upload.ts';

function disposable<T extends { close(): Promise<void> }>(stub: T): T & AsyncDisposable {
  return Object.assign(stub, { [Symbol.asyncDispose]: () => stub.close() });
}

const retry = { attempts: 4, baseMilliseconds: 1, maxMilliseconds: 1 };

describe('upload', () => {
  it('brings every row under its number, waiting only for the last ones', async () => {
    await using folder = await temporaryFolder();
    const { dataset } = await smallDataset(folder.path);
    const stub = await startStub();
    const rest = new Rest({ url: stub.url, collection: 'a b' }, 4, ANYWHERE);
    const progress: number[] = [];
    const seconds = await upload(rest, dataset, {
      collection: 'a b',
      batchRows: 15,
      onProgress: (rows) => progress.push(rows),
    });
    expect(seconds).toBeGreaterThan(0);
    expect(stub.points.size).toBe(200);
    expect(progress.at(-1)).toBe(200);
    const waits = stub.seen.map((line) => line.endsWith('wait=true'));
    expect(stub.seen[0]).toBe('PUT /collections/a%20b/points?wait=false');
    expect(waits.filter(Boolean).length).toBe(4);
    expect(waits.length).toBe(Math.ceil(200 / 15));
    // The vectors themselves arrive bit by bit.
    const nearest = (row: number) => (stub.points.get(row) as number[]).map(Math.fround);
    expect(dataset.distance(0, 17)).toBeCloseTo(
      Math.hypot(...nearest(17).map((value, d) => value - (dataset.queries[d] as number))),
      10,
    );
    await rest.close();
    await stub.close();
  });

  it('brings payloads as they are', async () => {
    await using folder = await temporaryFolder();
    const { dataset } = await smallDataset(folder.path, { payload: [{ field: 'meta.lang', type: 'keyword' }] });
    await using stub = disposable(await startStub());
    const rest = new Rest({ url: stub.url, collection: 'c' }, 4, ANYWHERE);
    await upload(rest, dataset, { collection: 'c', batchRows: 7 });
    const texts = await dataset.payloadRows(0, 200);
    expect(stub.payloads.size).toBe(200);
    for (const row of [0, 6, 7, 199]) expect(stub.payloads.get(row)).toEqual(JSON.parse(texts[row] as string));
    dataset.close();
    await rest.close();
  });

  it('repeats what the server was too busy for or broke off', async () => {
    await using folder = await temporaryFolder();
    const { dataset } = await smallDataset(folder.path);
    let calls = 0;
    const stub = await startStub({
      faults: [
        () => {
          calls += 1;
          if (calls === 2) return { status: 429, headers: { 'retry-after': '0' } };
          if (calls === 4) return { status: 503 };
          return calls === 6 ? { status: 0, hangUp: true } : 'none';
        },
      ],
    });
    const rest = new Rest({ url: stub.url, collection: 'c' }, 4, ANYWHERE);
    const retried: number[] = [];
    await upload(rest, dataset, {
      collection: 'c',
      batchRows: 20,
      retry: { ...retry, onRetry: (error) => retried.push(error.status) },
    });
    expect(stub.points.size).toBe(200);
    expect(retried.sort((a, b) => a - b)).toEqual([0, 429, 503]);
    await rest.close();
    await stub.close();
  });

  it("stops all lanes at the first refusal, in the server's own words", async () => {
    await using folder = await temporaryFolder();
    const { dataset } = await smallDataset(folder.path);
    const stub = await startStub({
      faults: [() => ({ status: 400, body: '{"status":{"error":"Wrong input: dim"}}' })],
    });
    const rest = new Rest({ url: stub.url, collection: 'c' }, 4, ANYWHERE);
    await expect(upload(rest, dataset, { collection: 'c', batchRows: 10, retry })).rejects.toThrow(
      /HTTP 400: Wrong input: dim/,
    );
    expect(stub.seen.length).toBeLessThanOrEqual(8);
    const abort = new AbortController();
    abort.abort(new Error('enough'));
    await expect(upload(rest, dataset, { collection: 'c', retry, signal: abort.signal })).rejects.toThrow('enough');
    await rest.close();
    await stub.close();
  });

  it.each([2, 128, 1536, 65_536])("keeps bodies of %d dimensions below the server's limit", (dimensions) => {
    const rows = batchRows(dimensions);
    expect(rows).toBeGreaterThanOrEqual(1);
    expect(rows).toBeLessThanOrEqual(1000);
    expect(upsertBytes(rows, dimensions)).toBeLessThan(32 * 2 ** 20);
  });

  it.each([
    [2, { mean: 100, longest: 200 }],
    [128, { mean: 1000, longest: 2 ** 20 }],
    [1536, { mean: 2 ** 20, longest: 2 ** 20 }],
  ])("keeps bodies of %d dimensions with payloads of %j below the server's limit", (dimensions, payload) => {
    const rows = batchRows(dimensions, payload);
    expect(rows).toBeGreaterThanOrEqual(1);
    expect(rows).toBeLessThanOrEqual(batchRows(dimensions));
    expect(upsertBytes(rows, dimensions, payload.longest)).toBeLessThan(32 * 2 ** 20);
  });
});
