import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, type Json, put } from './testing/json-text.ts';
import { startTestEngine, type TestEngine } from './testing/test-engine.ts';
import { clusters, idsOf, recall } from './testing/vectors.ts';

let server: TestEngine;
beforeAll(async () => {
  server = await startTestEngine();
});
afterAll(() => server[Symbol.asyncDispose]());

const size = 64;
const data = clusters(400, size, 11);
const plain: Json = {
  vectors: { size, distance: 'Dot' },
  hnsw_config: { full_scan_threshold: 1 },
  optimizers_config: { indexing_threshold: 1 },
};

async function make(name: string, body: Json, vectors = data): Promise<void> {
  await server.call('DELETE', `/collections/${name}`);
  await server.result('PUT', `/collections/${name}`, body);
  for (let start = 0; start < vectors.length; start += 400) {
    const points = vectors.slice(start, start + 400).map((vector, i) => {
      const id = start + i;
      return { id, vector, payload: { a: id % 7, b: id % 5, c: id % 3 } };
    });
    await server.result('PUT', `/collections/${name}/points?wait=true`, { points });
  }
  await server.green(name);
}

/** What the engine built: the config of the collection's indexed segment. */
async function built(name: string): Promise<Json> {
  const telemetry = await server.result('GET', '/telemetry?details_level=4');
  const collections = at(telemetry, ['collections', 'collections']) as Json[];
  const collection = collections.find((candidate) => at(candidate, ['id']) === name) ?? null;
  const segments = at(collection, ['shards', 0, 'local', 'segments']) as Json[];
  const indexed = segments.filter((segment) => at(segment, ['info', 'segment_type']) === 'indexed');
  expect(indexed).toHaveLength(1);
  return at(indexed[0], ['config']) ?? null;
}

const vector = ['vector_data', ''];
const graph = [...vector, 'index', 'options'];

describe('a setting reaches the segment that is built', () => {
  const quantizations: Json[] = [
    { scalar: { type: 'int8', quantile: 0.75, always_ram: true } },
    { scalar: { type: 'int8', memory: 'pinned' } },
    { product: { compression: 'x16' } },
    { product: { compression: 'x4', memory: 'cold' } },
    { binary: { encoding: 'two_bits', query_encoding: 'scalar8bits' } },
    { binary: { always_ram: true } },
    { turbo: { bits: 'bits2' } },
    { turbo: { bits: 'bits1_5', memory: 'cached' } },
  ];
  const cases: [string[], Json, string[]][] = [
    [['hnsw_config', 'm'], 5, [...graph, 'm']],
    [['hnsw_config', 'ef_construct'], 33, [...graph, 'ef_construct']],
    [['hnsw_config', 'full_scan_threshold'], 2, [...graph, 'full_scan_threshold']],
    [['hnsw_config', 'max_indexing_threads'], 1, [...graph, 'max_indexing_threads']],
    [['hnsw_config', 'on_disk'], true, [...graph, 'on_disk']],
    [['hnsw_config', 'memory'], 'pinned', [...graph, 'memory']],
    [['hnsw_config', 'payload_m'], 9, [...graph, 'payload_m']],
    [['vectors', 'hnsw_config', 'm'], 6, [...graph, 'm']],
    [['vectors', 'datatype'], 'float16', [...vector, 'datatype']],
    [['vectors', 'datatype'], 'uint8', [...vector, 'datatype']],
    [['vectors', 'datatype'], 'turbo4', [...vector, 'datatype']],
    ...quantizations.map((config): [string[], Json, string[]] => [
      ['quantization_config'],
      config,
      [...vector, 'quantization_config'],
    ]),
    [['vectors', 'quantization_config'], { turbo: { bits: 'bits4' } }, [...vector, 'quantization_config']],
  ];

  it.each(cases)('%j = %j', async (path, value, where) => {
    await make('e', put(plain, path, value));
    expect(at(await built('e'), where)).toEqual(value);
    const found = idsOf(
      await server.result('POST', '/collections/e/points/query', {
        query: data[0],
        limit: 10,
        params: { hnsw_ef: 400 },
      }),
    );
    expect(found).toHaveLength(10);
  });

  it('inline_storage, which needs quantization', async () => {
    const inline = put(plain, ['hnsw_config', 'inline_storage'], true);
    expect(await server.call('PUT', '/collections/inline', inline)).toMatchObject({ status: 400 });
    await make('e', put(inline, ['quantization_config'], { turbo: {} }));
    expect(at(await built('e'), [...graph, 'inline_storage'])).toBe(true);
  });

  it.each([
    [['vectors', 'on_disk'], true, [...vector, 'storage_type']],
    [['vectors', 'memory'], 'cold', [...vector, 'storage_type']],
    [['on_disk_payload'], false, ['payload_storage_type', 'type']],
    [['payload', 'memory'], 'cached', ['payload_storage_type', 'type']],
  ] as [string[], Json, string[]][])('%j = %j changes the storage', async (path, value, where) => {
    await make('e', plain);
    const usual = at(await built('e'), where);
    await make('e', put(plain, path, value));
    expect(at(await built('e'), where)).not.toEqual(usual);
  });

  it('when a PATCH changes it, by rebuilding', async () => {
    await make('e', plain);
    const change = async (body: Json): Promise<Json> => {
      await server.result('PATCH', '/collections/e', body);
      await server.green('e');
      return built('e');
    };
    expect(at(await change({ hnsw_config: { m: 7 } }), [...graph, 'm'])).toBe(7);
    const quantization_config = { scalar: { type: 'int8' } };
    expect(at(await change({ quantization_config }), [...vector, 'quantization_config'])).toEqual(quantization_config);
    expect(at(await change({ quantization_config: 'Disabled' }), [...vector, 'quantization_config'])).toBe(null);
    expect(at(await change({ vectors: { '': { hnsw_config: { m: 3 } } } }), [...graph, 'm'])).toBe(3);
    expect(at(await change({ vectors: { '': { hnsw_config: {} } } }), [...graph, 'm'])).toBe(7);
    expect(await server.result('POST', '/collections/e/points/count', {})).toEqual({ count: data.length });
  });
});

describe('a query parameter changes the answer', () => {
  const many = clusters(3000, size, 21);
  const queries = clusters(40, size, 22);
  const ask = async (name: string, params: Json, more: object = {}): Promise<Json[]> => {
    const searches = queries.map((query) => ({ query, limit: 10, params, ...more }));
    return (await server.result('POST', `/collections/${name}/points/query/batch`, { searches })) as Json[];
  };
  const recallOf = (truth: Json[], found: Json[]): number => recall(truth.map(idsOf), found.map(idsOf));
  const scores = (results: Json[]): string => JSON.stringify(results);

  it('quantization: ignore, rescore and oversampling', async () => {
    await make('q', put(plain, ['quantization_config'], { binary: { always_ram: true } }), many);
    const truth = await ask('q', { exact: true, quantization: { ignore: true } });
    const high = { hnsw_ef: 512 };
    const ignored = await ask('q', { ...high, quantization: { ignore: true } });
    const rough = await ask('q', { ...high, quantization: { rescore: false } });
    const rescored = await ask('q', { ...high, quantization: { rescore: true } });
    const oversampled = await ask('q', { ...high, quantization: { rescore: true, oversampling: 8 } });
    expect(recallOf(truth, ignored)).toBeGreaterThan(0.98);
    expect(scores(rough)).not.toBe(scores(rescored));
    expect(recallOf(truth, rescored)).toBeLessThan(recallOf(truth, oversampled));
  });

  it('acorn: enable and max_selectivity', async () => {
    await make('q', put(plain, ['hnsw_config'], { m: 4, full_scan_threshold: 1, ef_construct: 16 }), many);
    const filter = { must: [{ key: 'a', range: { lte: 2 } }] };
    const params = { hnsw_ef: 10 };
    const off = await ask('q', params, { filter });
    const on = await ask('q', { ...params, acorn: { enable: true, max_selectivity: 1 } }, { filter });
    const never = await ask('q', { ...params, acorn: { enable: true, max_selectivity: 0 } }, { filter });
    const truth = await ask('q', { exact: true }, { filter });
    expect(recallOf(truth, on)).toBeGreaterThan(recallOf(truth, off) + 0.1);
    expect(scores(never)).toBe(scores(off));
    expect(await ask('q', { ...params, acorn: { enable: false } }, { filter })).toEqual(off);
  });

  it('indexed_only: large segments without an index are passed over', async () => {
    const wide = 1024;
    const body = { vectors: { size: wide, distance: 'Dot' }, optimizers_config: { indexing_threshold: 0 } };
    await make('w', body, clusters(2800, wide, 5));
    const query = clusters(1, wide, 6)[0];
    const count = async (params: Json): Promise<number> =>
      idsOf(await server.result('POST', '/collections/w/points/query', { query, limit: 5, params })).length;
    expect(await count({})).toBe(5);
    expect(await count({ indexed_only: true })).toBe(0);
    await server.call('DELETE', '/collections/w');
  });
});

describe('an upsert', () => {
  it('can be told to insert only, to update only, or to touch what a filter matches', async () => {
    await server.result('PUT', '/collections/u', { vectors: { size: 2, distance: 'Dot' } });
    const put1 = async (id: number, n: number, more: object): Promise<void> => {
      const points = [{ id, vector: [n, 0], payload: { n } }];
      await server.result('PUT', '/collections/u/points?wait=true', { points, ...more });
    };
    const stored = async (): Promise<Json> => {
      const points = at(await server.result('POST', '/collections/u/points/scroll', {}), ['points']) as Json[];
      return points.map((point) => [at(point, ['id']) ?? null, at(point, ['payload', 'n']) ?? null]);
    };
    await put1(1, 10, { update_mode: 'update_only' });
    expect(await stored()).toEqual([]);
    await put1(1, 10, { update_mode: 'insert_only' });
    await put1(1, 11, { update_mode: 'insert_only' });
    expect(await stored()).toEqual([[1, 10]]);
    await put1(1, 12, { update_filter: { must: [{ key: 'n', match: { value: 99 } }] } });
    await put1(2, 20, { update_filter: { must: [{ key: 'n', match: { value: 99 } }] } });
    expect(await stored()).toEqual([
      [1, 10],
      [2, 20],
    ]);
    await put1(1, 13, { update_filter: { must: [{ key: 'n', match: { value: 10 } }] } });
    expect(await stored()).toEqual([
      [1, 13],
      [2, 20],
    ]);
  });
});
