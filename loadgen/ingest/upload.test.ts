import { describe, expect, it, onTestFinished } from 'vitest';
import { ANYWHERE } from '../net/address-rules.ts';
import { Rest } from '../rest.ts';
import { smallDataset, temporaryFolder } from '../testing/fixtures.ts';
import { startStub, type Stub, type StubFault } from '../testing/stub-qdrant.ts';
import { upsertBytes } from './encode.ts';
import { batchRows, upload, type UploadOptions, type UploadResult } from './upload.ts';
import { openDatasetRows, type UploadSource } from './upload-source.ts';

function disposable<T extends { close(): Promise<void> }>(stub: T): T & AsyncDisposable {
  return Object.assign(stub, { [Symbol.asyncDispose]: () => stub.close() });
}

const retry = { attempts: 4, baseMilliseconds: 1, maxMilliseconds: 1 };

/** Rows whose value is their number. */
function counted(points: number, extra: Partial<UploadSource> = {}): UploadSource {
  return {
    points,
    dimensions: 1,
    rows: (first, count) => Promise.resolve(Float32Array.from({ length: count }, (_, i) => first + i)),
    ...extra,
  };
}

/** Uploads to a stand-in that answers `fault` as long as that says something. */
async function uploaded(
  source: UploadSource,
  fault: (path: string, call: number) => StubFault | 'none',
  options: Partial<UploadOptions> = {},
): Promise<{ stub: Stub; result: UploadResult }> {
  let calls = 0;
  const stub = await startStub({ faults: [({ path }) => fault(path, (calls += 1))] });
  const rest = new Rest({ url: stub.url, collection: 'c' }, 4, ANYWHERE);
  onTestFinished(async () => {
    await rest.close();
    await stub.close();
  });
  return { stub, result: await upload(rest, source, { collection: 'c', retry, ...options }) };
}

describe('upload', () => {
  it('brings every row under its number, waiting only for the last ones', async () => {
    await using folder = await temporaryFolder();
    const { dataset } = await smallDataset(folder.path);
    const stub = await startStub();
    const rest = new Rest({ url: stub.url, collection: 'a b' }, 4, ANYWHERE);
    const progress: number[] = [];
    const source = await openDatasetRows(dataset);
    const { seconds, last } = await upload(rest, source, {
      collection: 'a b',
      batchRows: 15,
      parallel: 4,
      onProgress: ({ rows }) => progress.push(rows),
    });
    await source.close();
    expect(seconds).toBeGreaterThan(0);
    expect(last).toContain(199);
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
    const source = await openDatasetRows(dataset);
    await upload(rest, source, { collection: 'c', batchRows: 7 });
    await source.close();
    const texts = await dataset.payloadRows(0, 200);
    expect(stub.payloads.size).toBe(200);
    for (const row of [0, 6, 7, 199]) expect(stub.payloads.get(row)).toEqual(JSON.parse(texts[row] as string));
    dataset.close();
    await rest.close();
  });

  it('repeats what the server was too busy for or broke off', async () => {
    const retried: number[] = [];
    const { stub, result } = await uploaded(
      counted(200),
      (_, call) => {
        if (call === 2) return { status: 429, headers: { 'retry-after': '0' } };
        if (call === 4) return { status: 503 };
        return call === 6 ? { status: 0, hangUp: true } : 'none';
      },
      { batchRows: 20, retry: { ...retry, onRetry: (error) => retried.push(error.status) } },
    );
    expect(stub.points.size).toBe(200);
    expect(retried.sort((a, b) => a - b)).toEqual([0, 429, 503]);
    expect(result).toMatchObject({ rows: 200, pushedBack: { 429: 1, 503: 1 } });
  });

  it('bears with refusals far beyond the attempts of one request', async () => {
    const { stub, result } = await uploaded(
      counted(40),
      (_, call) => (call <= 30 ? { status: 507, headers: { 'retry-after': '0' } } : 'none'),
      { batchRows: 40, patienceSeconds: 60 },
    );
    expect(stub.points.size).toBe(40);
    expect(result.pushedBack).toEqual({ 507: 30 });
  });

  it('gives up when nothing is taken for too long, with the last answer', async () => {
    const answer = { status: 507, body: '{"status":{"error":"Resource quota reached: disk"}}' };
    await expect(uploaded(counted(40), () => answer, { patienceSeconds: 0 })).rejects.toMatchObject({
      reason: 'ServerErrors',
      message: expect.stringMatching(/taken no points for .*HTTP 507: Resource quota reached: disk/) as string,
    });
  });

  it('sends smaller batches where they are too large, and every row', async () => {
    const sizes: number[] = [];
    const limited = counted(500, {
      rows: (first, count) => {
        sizes.push(count);
        return counted(500).rows(first, count);
      },
    });
    // A body of ten of these rows has about 120 bytes.
    const stub = await startStub();
    stub.behaviour.faults = [() => ((sizes.at(-1) as number) > 10 ? { status: 413 } : 'none')];
    const rest = new Rest({ url: stub.url, collection: 'c' }, 1, ANYWHERE);
    const result = await upload(rest, limited, { collection: 'c', parallel: 1, batchRows: 100 });
    expect([...stub.points.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, row) => row));
    expect(sizes.slice(0, 5)).toEqual([100, 50, 25, 12, 6]);
    expect(Math.max(...sizes.slice(5))).toBeLessThanOrEqual(6);
    expect(result.batchRows).toBeLessThanOrEqual(6);
    await rest.close();
    await stub.close();
  });

  it('names the row that is too large by itself', async () => {
    await expect(uploaded(counted(3), () => ({ status: 413 }), { parallel: 1 })).rejects.toThrow(
      /row 0 alone is too large for the server/,
    );
  });

  it('sends only the rows that are missing, with their payloads', async () => {
    const source = counted(100, {
      payloads: (first, count) =>
        Promise.resolve(
          Array.from({ length: count }, (_, i) => (first + i === 7 ? undefined : `{"row":${first + i}}`)),
        ),
    });
    const ranges = [
      { first: 5, count: 4 },
      { first: 90, count: 10 },
    ];
    const { stub, result } = await uploaded(source, () => 'none', { ranges, wait: true });
    expect([...stub.points.keys()].sort((a, b) => a - b)).toEqual([5, 6, 7, 8, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99]);
    expect(stub.payloads.get(95)).toEqual({ row: 95 });
    expect(stub.payloads.get(7)).toBeNull();
    expect(result.rows).toBe(14);
    expect(stub.seen.every((line) => line.endsWith('wait=true'))).toBe(true);
    expect((await uploaded(source, () => 'none', { ranges: [] })).result).toMatchObject({ rows: 0, last: [] });
  });

  it("stops all requests at the first refusal, in the server's own words", async () => {
    const refused = uploaded(counted(200), () => ({ status: 400, body: '{"status":{"error":"Wrong input: dim"}}' }), {
      batchRows: 10,
    });
    await expect(refused).rejects.toThrow(/HTTP 400: Wrong input: dim/);
    const abort = new AbortController();
    abort.abort(new Error('enough'));
    await expect(uploaded(counted(9), () => 'none', { signal: abort.signal })).rejects.toThrow('enough');
  });

  it('stops while it waits for a server that pushes back', async () => {
    const abort = new AbortController();
    const waiting = uploaded(
      counted(9),
      () => {
        setTimeout(() => abort.abort(new Error('enough')), 20);
        return { status: 429, headers: { 'retry-after': '60' } };
      },
      { signal: abort.signal },
    );
    await expect(waiting).rejects.toThrow('enough');
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
