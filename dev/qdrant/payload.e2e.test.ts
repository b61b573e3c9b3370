import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, type Json } from './testing/json-text.ts';
import { startTestEngine, type TestEngine } from './testing/test-engine.ts';

let server: TestEngine;
beforeAll(async () => {
  server = await startTestEngine();
});
afterAll(() => server[Symbol.asyncDispose]());

type Point = { id: number; payload: Json; vector: Json };

const points = [1, 2, 3, 4].map((id) => ({
  id,
  vector: { a: [id, 0], s: { indices: [id], values: [1] } },
  payload: { n: id, even: id % 2 === 0, deep: { x: id, y: 0 } },
}));

async function make(name: string): Promise<void> {
  await server.call('DELETE', `/collections/${name}`);
  await server.result('PUT', `/collections/${name}`, {
    vectors: { a: { size: 2, distance: 'Dot' } },
    sparse_vectors: { s: {} },
  });
  await server.result('PUT', `/collections/${name}/points?wait=true`, { points });
}

async function stored(name: string): Promise<Map<number, Point>> {
  const page = await server.result('POST', `/collections/${name}/points/scroll`, { limit: 100, with_vector: true });
  return new Map((at(page, ['points']) as Point[]).map((point) => [point.id, point]));
}

const even: Json = { must: [{ key: 'even', match: { value: true } }] };
const done = { status: 'completed' };

describe('the payload of stored points', () => {
  const change = (method: string, path: string, body: Json): Promise<Json> =>
    server.result(method, `/collections/p/points/payload${path}?wait=true`, body);

  it('is set by id, by filter, and below a key', async () => {
    await make('p');
    expect(await change('POST', '', { payload: { n: 10, tag: 'x' }, points: [1] })).toMatchObject(done);
    await change('POST', '', { payload: { tag: 'even' }, filter: even });
    await change('POST', '', { payload: { x: 99 }, points: [3], key: 'deep' });
    const after = await stored('p');
    expect(after.get(1)?.payload).toEqual({ n: 10, tag: 'x', even: false, deep: { x: 1, y: 0 } });
    expect(after.get(2)?.payload).toEqual({ n: 2, tag: 'even', even: true, deep: { x: 2, y: 0 } });
    expect(after.get(3)?.payload).toEqual({ n: 3, even: false, deep: { x: 99, y: 0 } });
    expect(after.get(4)?.payload).toMatchObject({ tag: 'even' });
  });

  it('is overwritten, loses keys, and is cleared', async () => {
    await make('p');
    await change('PUT', '', { payload: { only: 1 }, points: [1] });
    await change('POST', '/delete', { keys: ['n', 'deep.x'], points: [2] });
    await change('POST', '/delete', { keys: ['deep'], filter: { must: [{ key: 'n', match: { value: 3 } }] } });
    await change('POST', '/clear', { points: [4] });
    let after = await stored('p');
    expect(after.get(1)?.payload).toEqual({ only: 1 });
    expect(after.get(2)?.payload).toEqual({ even: true, deep: { y: 0 } });
    expect(after.get(3)?.payload).toEqual({ n: 3, even: false });
    expect(after.get(4)?.payload).toEqual({});
    await change('POST', '/clear', { filter: even });
    after = await stored('p');
    expect(after.get(2)?.payload).toEqual({});
    expect(after.get(3)?.payload).toEqual({ n: 3, even: false });
  });

  it('is not changed by a request that is refused', async () => {
    await make('p');
    const before = await stored('p');
    const cases: [string, string, Json, string][] = [
      ['POST', '', { payload: { a: 1 } }, 'Either list of point ids or filter must be provided'],
      ['POST', '', { payload: { a: 1 }, points: [] }, 'Empty update request'],
      ['POST', '', { payload: { a: 1 }, points: [1], filter: even }, '`points` together with `filter`'],
      ['POST', '', { payload: { a: 1 }, points: [1], key: 'a[' }, 'is not a payload field path'],
      ['PUT', '', { payload: { a: 1 }, points: [1], key: 'deep' }, '`key` when overwriting'],
      ['POST', '', { payload: { a: 1 }, points: [1], shard_key: 'k' }, '`shard_key` is not supported'],
      ['POST', '/clear', {}, 'untagged enum PointsSelector'],
    ];
    for (const [method, path, body, text] of cases) {
      const answer = await server.call(method, `/collections/p/points/payload${path}`, body);
      expect([body, answer.status]).toEqual([body, 400]);
      expect(at(answer.body, ['status', 'error'])).toContain(text);
    }
    expect(await stored('p')).toEqual(before);
  });
});

describe('the vectors of stored points', () => {
  it('are updated and deleted without touching payloads or other vectors', async () => {
    await make('v');
    const vectors = '/collections/v/points/vectors';
    await server.result('PUT', `${vectors}?wait=true`, { points: [{ id: 1, vector: { a: [7, 7] } }] });
    await server.result('PUT', `${vectors}?wait=true`, {
      points: [2, 3].map((id) => ({ id, vector: { a: [8, 8] } })),
      update_filter: even,
    });
    await server.result('POST', `${vectors}/delete?wait=true`, { vector: ['s'], points: [1] });
    await server.result('POST', `${vectors}/delete?wait=true`, { vector: ['a'], filter: even });
    const after = await stored('v');
    expect(after.get(1)).toMatchObject({ payload: { n: 1 }, vector: { a: [7, 7] } });
    expect(Object.keys(after.get(1)?.vector as object)).toEqual(['a']);
    expect(after.get(2)?.vector).toEqual({ s: { indices: [2], values: [1] } });
    expect(after.get(3)?.vector).toMatchObject({ a: [3, 0] });
    const withA = { filter: { must: [{ has_vector: 'a' }] } };
    expect(await server.result('POST', '/collections/v/points/count', withA)).toEqual({ count: 2 });
    const answers: [string, string, Json, number, string][] = [
      ['PUT', '', { points: [{ id: 1, vector: { a: [1] } }] }, 400, 'expected dim: 2, got 1'],
      ['PUT', '', { points: [{ id: 1, vector: { b: [1, 2] } }] }, 400, 'Not existing vector name error: b'],
      ['PUT', '', { points: [{ id: 99, vector: { a: [1, 2] } }] }, 404, 'No point with id 99'],
      ['PUT', '', { points: [] }, 400, 'Empty update request'],
      ['POST', '/delete', { vector: ['b'], points: [1] }, 400, 'Not existing vector name error: b'],
      ['POST', '/delete', { vector: [], points: [1] }, 422, 'at least one vector'],
      ['POST', '/delete', { vector: ['a'] }, 400, 'No filter or points provided'],
    ];
    for (const [method, path, body, status, text] of answers) {
      const answer = await server.call(method, `${vectors}${path}`, body);
      expect([body, answer.status]).toEqual([body, status]);
      expect(at(answer.body, ['status', 'error'])).toContain(text);
    }
  });
});

describe('a batch of updates', () => {
  it('is applied in order, with one result each', async () => {
    await make('b');
    const operations: Json = [
      { upsert: { points: [{ id: 5, vector: { a: [5, 5] }, payload: { n: 5 } }] } },
      { set_payload: { payload: { tag: 'first' }, points: [5] } },
      { overwrite_payload: { payload: { tag: 'second', drop: 1 }, points: [5] } },
      { delete_payload: { keys: ['drop'], points: [5] } },
      { update_vectors: { points: [{ id: 5, vector: { a: [6, 6] } }] } },
      { clear_payload: { points: [1] } },
      { delete_vectors: { vector: ['s'], points: [2] } },
      { delete: { points: [3] } },
    ];
    const results = (await server.result('POST', '/collections/b/points/batch?wait=true', { operations })) as Json[];
    expect(results.map((result) => at(result, ['status']))).toEqual(operations.map(() => 'completed'));
    const numbers = results.map((result) => Number(at(result, ['operation_id'])));
    expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0) + i));
    const after = await stored('b');
    expect([...after.keys()]).toEqual([1, 2, 4, 5]);
    expect(after.get(5)).toMatchObject({ payload: { tag: 'second' }, vector: { a: [6, 6] } });
    expect(after.get(5)?.payload).not.toHaveProperty('drop');
    expect(after.get(1)?.payload).toEqual({});
    expect(after.get(2)?.vector).toEqual({ a: [2, 0] });
  });

  it('is refused whole when one of it is wrong', async () => {
    await make('b');
    const before = await stored('b');
    const wrong: Json = { upsert: { points: [{ id: 9, vector: { a: [1] } }] } };
    for (const last of [wrong, { no_such_operation: {} }, { delete: { points: [] } }]) {
      const operations = [{ clear_payload: { points: [1] } }, last];
      expect(await server.call('POST', '/collections/b/points/batch', { operations })).toMatchObject({ status: 400 });
    }
    expect(await stored('b')).toEqual(before);
  });

  it('survives a SIGKILL like every other write', async () => {
    await make('b');
    await server.result('POST', '/collections/b/points/batch?wait=true', {
      operations: [
        { set_payload: { payload: { kept: true }, filter: even } },
        { update_vectors: { points: [{ id: 1, vector: { s: { indices: [9, 4], values: [1, 2] } } }] } },
        { delete_vectors: { vector: ['a'], points: [3] } },
      ],
    });
    const before = await stored('b');
    expect(before.get(1)?.vector).toMatchObject({ s: { indices: [4, 9], values: [2, 1] } });
    server.engine.kill('SIGKILL');
    await server.engine.exited;
    await server.restart();
    expect(await stored('b')).toEqual(before);
  });
});

describe('a payload index', () => {
  const memory = ['cold', 'cached', 'pinned'];
  /** Every parameter of every type, with values that differ from the default. */
  const parameters: { [type: string]: { [name: string]: Json[] } } = {
    keyword: { is_tenant: [true], on_disk: [true], memory, enable_hnsw: [false], prefix: [true] },
    integer: {
      lookup: [false],
      range: [false],
      is_principal: [true],
      on_disk: [true],
      memory,
      enable_hnsw: [false],
    },
    float: { is_principal: [true], on_disk: [true], memory, enable_hnsw: [false] },
    geo: { on_disk: [true], memory, enable_hnsw: [false] },
    text: {
      tokenizer: ['prefix', 'whitespace', 'word', 'multilingual'],
      min_token_len: [2],
      max_token_len: [9],
      lowercase: [false],
      ascii_folding: [true],
      phrase_matching: [true],
      stopwords: ['english', { languages: ['german'], custom: ['foo'] }],
      stemmer: [{ type: 'snowball', language: 'english' }],
      on_disk: [true],
      memory,
      enable_hnsw: [false],
    },
    bool: { on_disk: [true], memory, enable_hnsw: [false] },
    datetime: { is_principal: [true], on_disk: [true], memory, enable_hnsw: [false] },
    uuid: { is_tenant: [true], on_disk: [true], memory, enable_hnsw: [false] },
  };

  const index = (field: string, field_schema: Json): Promise<{ status: number; body: Json }> =>
    server.call('PUT', '/collections/i/index?wait=true', { field_name: field, field_schema });

  it.each(Object.entries(parameters))('of type %s keeps each of its parameters', async (type, fields) => {
    await make('i');
    const schema = async (): Promise<Json | undefined> =>
      at(await server.result('GET', '/collections/i'), ['payload_schema', 'f']);
    expect(await index('f', type)).toMatchObject({ status: 200 });
    expect(await schema()).toEqual({ data_type: type, points: 0 });
    for (const [name, values] of Object.entries(fields)) {
      for (const value of values) {
        const both: object = name === 'lookup' || name === 'range' ? { lookup: true, range: true } : {};
        const sent = { type, ...both, [name]: value } as Json;
        await server.result('DELETE', '/collections/i/index/f?wait=true');
        const answer = await index('f', sent);
        expect([sent, answer.status, answer.body]).toMatchObject([sent, 200, { status: 'ok' }]);
        expect(await schema()).toMatchObject({ data_type: type, params: sent });
      }
    }
    const unknown = await index('f', { type, no_such_parameter: 1 });
    expect([unknown.status, at(unknown.body, ['status', 'error'])]).toMatchObject([
      400,
      expect.stringContaining('unknown parameter `no_such_parameter`'),
    ]);
  });

  it('serves the conditions of its type, before and after it is there', async () => {
    await make('i');
    const payloads: Json[] = [
      { word: 'alpha', n: 1, f: 0.5, at: '2026-01-01T00:00:00Z', u: '00000000-0000-0000-0000-000000000001' },
      { word: 'alphabet', n: 2, f: 1.5, at: '2026-02-01T00:00:00Z', u: '00000000-0000-0000-0000-000000000002' },
      { word: 'beta', n: 3, f: 2.5, at: '2026-03-01T00:00:00Z', u: '00000000-0000-0000-0000-000000000003' },
    ];
    const more = [
      { b: true, place: { lon: 0, lat: 0 }, text: 'the quick brown fox' },
      { b: false, place: { lon: 10, lat: 10 }, text: 'a brown quick dog' },
      { b: true, place: { lon: 50, lat: 50 }, text: 'nothing of it' },
    ];
    for (const [i, payload] of payloads.entries()) {
      const whole = { ...(payload as object), ...more[i] };
      await server.result('PUT', '/collections/i/points/payload', { payload: whole, points: [i + 1] });
    }
    await server.result('POST', '/collections/i/points/delete', { points: [4] });
    const near = { geo_radius: { center: { lon: 0, lat: 0 }, radius: 2_000_000 } };
    const conditions: [string, Json, Json, number[]][] = [
      ['word', { type: 'keyword', prefix: true }, { match: { value: 'beta' } }, [3]],
      ['word', { type: 'keyword', prefix: true }, { match: { any: ['alpha', 'beta'] } }, [1, 3]],
      ['n', 'integer', { range: { gte: 2 } }, [2, 3]],
      ['f', 'float', { range: { lt: 1.5 } }, [1]],
      ['at', 'datetime', { range: { gt: '2026-01-15T00:00:00Z' } }, [2, 3]],
      ['u', 'uuid', { match: { value: '00000000-0000-0000-0000-000000000002' } }, [2]],
      ['b', 'bool', { match: { value: true } }, [1, 3]],
      ['place', 'geo', near, [1, 2]],
      ['text', { type: 'text', phrase_matching: true }, { match: { text: 'quick brown' } }, [1, 2]],
    ];
    const matching = async (key: string, condition: Json): Promise<number[]> => {
      const filter = { must: [{ key, ...(condition as object) }] };
      const page = await server.result('POST', '/collections/i/points/scroll', { filter });
      return (at(page, ['points']) as { id: number }[]).map((point) => point.id);
    };
    for (const [key, schema, condition, expected] of conditions) {
      if (key !== 'text') expect([key, await matching(key, condition)]).toEqual([key, expected]);
      expect(await index(key, schema)).toMatchObject({ status: 200 });
      expect([key, await matching(key, condition)]).toEqual([key, expected]);
    }
    // These two need their indexes.
    expect(await matching('word', { match: { prefix: 'alpha' } })).toEqual([1, 2]);
    expect(await matching('text', { match: { phrase: 'quick brown' } })).toEqual([1]);
  });
});
