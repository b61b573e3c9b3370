import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { best, dot, maxSim, scoredOf, type Scored, type Sparse, sparseDot } from './testing/brute-force.ts';
import { at, type Json } from './testing/json-text.ts';
import { startTestEngine, type TestEngine } from './testing/test-engine.ts';
import { clusters, uniform } from './testing/vectors.ts';

let server: TestEngine;
beforeAll(async () => {
  server = await startTestEngine();
});
afterAll(() => server[Symbol.asyncDispose]());

/** `count` vectors of some of 60 indices, frequent ones among them, written in no order. */
function sparseVectors(count: number, seed: number): Sparse[] {
  const next = uniform(seed);
  return Array.from({ length: count }, () => {
    const length = 1 + Math.floor(next() * 8);
    const indices = [...new Set(Array.from({ length }, () => Math.floor(next() ** 2 * 60)))];
    return { indices, values: indices.map(() => Number((next() + 0.1).toFixed(3))) };
  });
}

function expectSame(found: Scored[], expected: Scored[]): void {
  expect(found.map(({ score }) => score)).toEqual(expected.map(({ score }) => expect.closeTo(score, 4)));
  // Equal scores come in any order.
  const clear = (scored: Scored[]): number[] =>
    scored
      .filter(({ score }) => scored.filter((one) => Math.abs(one.score - score) < 1e-4).length === 1)
      .map((one) => one.id);
  expect(clear(found).slice(0, -1)).toEqual(clear(expected).slice(0, -1));
}

const query = async (name: string, body: Json): Promise<Scored[]> =>
  scoredOf(await server.result('POST', `/collections/${name}/points/query`, body));

describe('sparse vectors', () => {
  const data = sparseVectors(400, 1);
  const queries = sparseVectors(12, 2);
  const ids = data.map((_, id) => id);
  const vector = (id: number): Sparse => data[id] ?? { indices: [], values: [] };
  const odd: Json = { must: [{ key: 'odd', match: { value: true } }] };

  async function make(name: string, params: Json): Promise<void> {
    await server.result('PUT', `/collections/${name}`, {
      sparse_vectors: { s: params },
      optimizers_config: { indexing_threshold: 1 },
    });
    const points = data.map((sparse, id) => ({ id, vector: { s: sparse }, payload: { odd: id % 2 === 1 } }));
    await server.result('PUT', `/collections/${name}/points?wait=true`, { points });
  }

  it('are searched by dot product, before and after indexing, with and without a filter', async () => {
    await make('s', {});
    const check = async (): Promise<void> => {
      for (const sparse of queries) {
        const all = best(ids, 10, (id) => sparseDot(sparse, vector(id)));
        expectSame(await query('s', { query: sparse as Json, using: 's', limit: 10 }), all);
        const filtered = best(ids, 5, (id) => (id % 2 === 1 ? sparseDot(sparse, vector(id)) : undefined));
        expectSame(
          await query('s', { query: { nearest: sparse as Json }, using: 's', limit: 5, filter: odd }),
          filtered,
        );
      }
    };
    await check();
    await server.green('s');
    expect(await server.result('GET', '/collections/s')).toMatchObject({
      points_count: 400,
      config: { params: { vectors: {}, sparse_vectors: { s: {} } } },
    });
    await check();
    const [near] = await query('s', { query: 7, using: 's', limit: 1 });
    expect(near).toEqual({
      ...best(
        ids.filter((id) => id !== 7),
        1,
        (id) => sparseDot(vector(7), vector(id)),
      )[0],
      score: expect.closeTo(
        best(
          ids.filter((id) => id !== 7),
          1,
          (id) => sparseDot(vector(7), vector(id)),
        )[0]?.score ?? 0,
        4,
      ),
    });
  });

  it('weigh rare indices more with idf, of all points or of a corpus', async () => {
    await make('idf', { modifier: 'idf' });
    await server.green('idf');
    const idf = (corpus: number[]) => (index: number) => {
      const having = corpus.filter((id) => vector(id).indices.includes(index)).length;
      return Math.log(1 + (corpus.length - having + 0.5) / (having + 0.5));
    };
    const odds = ids.filter((id) => id % 2 === 1);
    for (const sparse of queries.slice(0, 6)) {
      const body = { query: sparse as Json, using: 's', limit: 8 };
      const global = best(ids, 8, (id) => sparseDot(sparse, vector(id), idf(ids)));
      expectSame(await query('idf', body), global);
      expectSame(await query('idf', { ...body, params: { idf: 'global' } }), global);
      const corpus = best(ids, 8, (id) => sparseDot(sparse, vector(id), idf(odds)));
      expectSame(await query('idf', { ...body, params: { idf: { corpus: odd } } }), corpus);
    }
  });

  it('keep their settings, through a PATCH and a restart', async () => {
    const params: Json = {
      index: { full_scan_threshold: 7, on_disk: true, memory: 'cached', datatype: 'float16' },
      modifier: 'idf',
    };
    await make('kept', params);
    await server.green('kept');
    const read = async (): Promise<Json | undefined> =>
      at(await server.result('GET', '/collections/kept'), ['config', 'params', 'sparse_vectors', 's']);
    expect(await read()).toEqual(params);
    await server.result('PATCH', '/collections/kept', { sparse_vectors: { s: { index: { full_scan_threshold: 9 } } } });
    const patched = { ...params, index: { ...(params['index'] as object), full_scan_threshold: 9 } };
    expect(await read()).toEqual(patched);
    for (const [diff, text] of [
      [{ modifier: 'none' }, 'modifier cannot change'],
      [{ index: { datatype: 'uint8' } }, 'index.datatype cannot change'],
    ] as const) {
      const answer = await server.call('PATCH', '/collections/kept', { sparse_vectors: { s: diff } });
      expect([answer.status, at(answer.body, ['status', 'error'])]).toEqual([400, expect.stringContaining(text)]);
    }
    await server.engine.stop();
    await server.restart();
    expect(await read()).toEqual(patched);
    const sparse = queries[0] as Json;
    expect(await query('kept', { query: sparse, using: 's', limit: 3 })).toHaveLength(3);
  });

  it('are refused when they are none', async () => {
    await server.result('PUT', '/collections/r', {
      vectors: { d: { size: 2, distance: 'Dot' } },
      sparse_vectors: { s: {} },
    });
    const points = (vector: Json): [string, string, Json] => [
      'PUT',
      '/collections/r/points',
      { points: [{ id: 1, vector }] },
    ];
    const ask = (input: Json, using: string): [string, string, Json] => [
      'POST',
      '/collections/r/points/query',
      { query: input, using },
    ];
    const cases: [[string, string, Json], string][] = [
      [points({ s: { indices: [1, 2], values: [1] } }), '2 indices and 1 values'],
      [points({ s: { indices: [3, 3], values: [1, 2] } }), 'index 3 occurs twice'],
      [points({ s: { indices: [1] } }), 'missing field `values`'],
      [points({ s: [1, 2] }), 'Wrong usage of sparse vectors'],
      [points({ d: { indices: [1], values: [1] } }), 'Wrong usage of sparse vectors'],
      [points({ d: { text: 'hello', model: 'm' } }), 'is not supported by this development server'],
      [ask({ indices: [1], values: [1] }, 'd'), 'Wrong usage of sparse vectors'],
      [ask([1, 2], 's'), 'Wrong usage of sparse vectors'],
      [ask({ text: 'hello', model: 'm' }, 's'), 'is not supported by this development server'],
    ];
    for (const [[method, path, body], text] of cases) {
      const answer = await server.call(method, path, body);
      expect([body, answer.status]).toEqual([body, 400]);
      expect(at(answer.body, ['status', 'error'])).toContain(text);
    }
    const idf = { query: [1, 2], using: 'd', params: { idf: 'global' } };
    expect(await server.call('POST', '/collections/r/points/query', idf)).toMatchObject({ status: 400 });
    const both = { vectors: { s: { size: 2, distance: 'Dot' } }, sparse_vectors: { s: {} } };
    expect(await server.call('PUT', '/collections/both', both)).toMatchObject({ status: 400 });
  });
});

describe('multivectors', () => {
  const size = 8;
  const next = uniform(9);
  const data = Array.from({ length: 300 }, (_, i) => clusters(1 + Math.floor(next() * 4), size, 100 + i));
  const ids = data.map((_, id) => id);
  const ask = clusters(3, size, 7);
  const upload = async (name: string): Promise<void> => {
    const points = data.map((rows, id) => ({ id, vector: { m: rows }, payload: { id } }));
    await server.result('PUT', `/collections/${name}/points?wait=true`, { points });
  };

  it('are compared by the sum of best matches, in scans and in graphs', async () => {
    await server.result('PUT', '/collections/m', {
      vectors: { m: { size, distance: 'Dot', multivector_config: { comparator: 'max_sim' } } },
      hnsw_config: { full_scan_threshold: 1, m: 32, ef_construct: 200 },
      optimizers_config: { indexing_threshold: 1 },
    });
    await upload('m');
    const expected = best(ids, 10, (id) => maxSim(ask, data[id] ?? []));
    expectSame(await query('m', { query: ask, using: 'm', limit: 10, params: { exact: true } }), expected);
    await server.green('m');
    expect(Number(at(await server.result('GET', '/collections/m'), ['indexed_vectors_count']))).toBeGreaterThan(0);
    expectSame(await query('m', { query: ask, using: 'm', limit: 10, params: { hnsw_ef: 300 } }), expected);
    // One vector is a list of one.
    const one = best(ids, 5, (id) => maxSim(ask.slice(0, 1), data[id] ?? []));
    expectSame(await query('m', { query: ask[0] ?? [], using: 'm', limit: 5, params: { exact: true } }), one);
    expect(await server.result('GET', '/collections/m/points/3')).toMatchObject({
      vector: { m: (data[3] ?? []).map((row) => row.map((value) => expect.closeTo(value, 5))) },
    });
    expect(at(await server.result('GET', '/collections/m'), ['config', 'params', 'vectors', 'm'])).toMatchObject({
      multivector_config: { comparator: 'max_sim' },
    });
  });

  it('may be the default vector, and rescore what another vector found', async () => {
    await server.result('PUT', '/collections/d', {
      vectors: { size, distance: 'Dot', multivector_config: { comparator: 'max_sim' } },
      sparse_vectors: { s: {} },
    });
    const points = data.map((rows, id) => ({ id, vector: { '': rows, s: { indices: [id % 3], values: [1 + id] } } }));
    await server.result('PUT', '/collections/d/points?wait=true', { points });
    await server.result('PUT', '/collections/d/points?wait=true', { points: [{ id: 1000, vector: data[0] }] });
    expect(at(await server.result('GET', '/collections/d/points/1000'), ['vector'])).toEqual(
      (data[0] ?? []).map((row) => row.map((value) => expect.closeTo(value, 5))),
    );
    const candidates = best(ids, 20, (id) => (id % 3 === 1 ? 1 + id : undefined)).map(({ id }) => id);
    const rescored = await query('d', {
      prefetch: { query: { indices: [1], values: [1] }, using: 's', limit: 20 },
      query: ask,
      limit: 6,
    });
    expectSame(
      rescored,
      best(candidates, 6, (id) => maxSim(ask, data[id] ?? [])),
    );
  });

  it('are refused when they do not fit', async () => {
    await server.result('PUT', '/collections/f', {
      vectors: {
        m: { size: 2, distance: 'Dot', multivector_config: { comparator: 'max_sim' } },
        d: { size: 2, distance: 'Dot' },
      },
    });
    const cases: [Json, string][] = [
      [{ m: [[1, 2], [3]] }, 'expected dim: 2, got 1'],
      [{ m: [[]] }, 'expected dim: 2, got 0'],
      [{ d: [[1, 2]] }, 'Wrong usage of multi vectors'],
    ];
    for (const [vector, text] of cases) {
      const answer = await server.call('PUT', '/collections/f/points', { points: [{ id: 1, vector }] });
      expect([vector, answer.status, at(answer.body, ['status', 'error'])]).toEqual([
        vector,
        400,
        expect.stringContaining(text),
      ]);
      const [using = '', input = null] = Object.entries(vector as object)[0] ?? [];
      const asked = await server.call('POST', '/collections/f/points/query', { query: input as Json, using });
      expect([vector, asked.status]).toEqual([vector, 400]);
    }
    expect(await server.result('POST', '/collections/f/points/count', {})).toEqual({ count: 0 });
    const inline = {
      vectors: { size: 2, distance: 'Dot', multivector_config: { comparator: 'max_sim' } },
      hnsw_config: { inline_storage: true },
      quantization_config: { scalar: { type: 'int8' } },
    };
    expect(await server.call('PUT', '/collections/inline', inline)).toMatchObject({ status: 400 });
  });

  it('of one row are dense vectors', async () => {
    await server.result('PUT', '/collections/o', {
      vectors: { m: { size, distance: 'Dot', multivector_config: { comparator: 'max_sim' } } },
    });
    const rows = clusters(50, size, 31);
    const points = rows.map((vector, id) => ({ id, vector: { m: vector } }));
    await server.result('PUT', '/collections/o/points?wait=true', { points });
    const expected = best(
      points.map(({ id }) => id),
      5,
      (id) => dot(ask[0] ?? [], rows[id] ?? []),
    );
    expectSame(await query('o', { query: ask[0] ?? [], using: 'm', limit: 5 }), expected);
  });
});
