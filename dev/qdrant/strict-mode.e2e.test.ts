import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, type Json } from './testing/json-text.ts';
import { startTestEngine, type TestEngine } from './testing/test-engine.ts';

let server: TestEngine;
beforeAll(async () => {
  server = await startTestEngine();
});
afterAll(() => server[Symbol.asyncDispose]());

const points = Array.from({ length: 20 }, (_, id) => ({
  id,
  vector: { d: [id, 1], s: { indices: [id], values: [1] }, m: [[id, 1]] },
  payload: { word: `w${id % 3}`, n: id, tenant: `t${id % 2}`, items: [{ x: id }] },
}));

/** A collection that held its points before its limits came. */
async function make(strict: Json, more: object = {}): Promise<void> {
  await server.call('DELETE', '/collections/c');
  await server.result('PUT', '/collections/c', {
    vectors: {
      d: { size: 2, distance: 'Dot', ...more },
      m: { size: 2, distance: 'Dot', multivector_config: { comparator: 'max_sim' } },
    },
    sparse_vectors: { s: {} },
  });
  for (const [field_name, field_schema] of Object.entries({ word: 'keyword', f: 'float' })) {
    await server.result('PUT', '/collections/c/index', { field_name, field_schema });
  }
  const field_schema = { type: 'keyword', is_tenant: true };
  await server.result('PUT', '/collections/c/index', { field_name: 'tenant', field_schema });
  await server.result('PUT', '/collections/c/points', { points });
  await server.result('PATCH', '/collections/c', { strict_mode_config: { enabled: true, ...(strict as object) } });
}

const refusal = async (method: string, path: string, body: Json): Promise<[number, Json]> => {
  const answer = await server.call(method, `/collections/c${path}`, body);
  return [answer.status, at(answer.body, ['status', 'error']) ?? null];
};

const is = (key: string, value: Json): Json => ({ must: [{ key, match: { value } }] });
const near: { [key: string]: Json } = { query: [1, 1], using: 'd' };
const vector = { d: [1, 1] };
const noIndex = (key: string, types: string): string =>
  `Bad request: Index required but not found for "${key}" of one of the following types: [${types}]. ` +
  'Help: Create an index for this key or use a different filter.';
const over = (value: number, limit: number, name: string): string =>
  `Bad request: Limit exceeded ${value} > ${limit} for "${name}". ` +
  `Help: Reduce the "${name}" parameter to or below ${limit}.`;

describe('strict mode refuses', () => {
  /** The limit, a request beyond it, the error, and a request within it. */
  const cases: [string, Json, [string, string, Json], string, [string, string, Json]][] = [
    [
      'a limit',
      { max_query_limit: 5 },
      ['POST', '/points/query', { ...near, limit: 6 }],
      over(6, 5, 'limit'),
      ['POST', '/points/query', { ...near, limit: 5 }],
    ],
    [
      'the default limit of a scroll',
      { max_query_limit: 5 },
      ['POST', '/points/scroll', {}],
      over(10, 5, 'limit'),
      ['POST', '/points/scroll', { limit: 5 }],
    ],
    [
      'the limit of a prefetch',
      { max_query_limit: 5 },
      ['POST', '/points/query', { prefetch: { ...near, limit: 9 }, query: { fusion: 'rrf' }, limit: 2 }],
      over(9, 5, 'limit'),
      ['POST', '/points/query', { prefetch: { ...near, limit: 4 }, query: { fusion: 'rrf' }, limit: 2 }],
    ],
    [
      'groups times their size',
      { max_query_limit: 5 },
      ['POST', '/points/query/groups', { ...near, group_by: 'word', limit: 2, group_size: 3 }],
      over(6, 5, 'limit'),
      ['POST', '/points/query/groups', { ...near, group_by: 'word', limit: 2, group_size: 2 }],
    ],
    [
      'a timeout',
      { max_timeout: 5 },
      ['POST', '/points/query?timeout=6', near],
      over(6, 5, 'timeout'),
      ['POST', '/points/query?timeout=5', near],
    ],
    [
      'a search by an unindexed field',
      { unindexed_filtering_retrieve: false },
      ['POST', '/points/query', { ...near, filter: is('color', 'red') }],
      noIndex('color', 'keyword'),
      ['POST', '/points/query', { ...near, filter: is('word', 'w1') }],
    ],
    [
      'a range over an unindexed field',
      { unindexed_filtering_retrieve: false },
      ['POST', '/points/count', { filter: { must: [{ key: 'n', range: { gt: 3 } }] } }],
      noIndex('n', 'float, integer'),
      ['POST', '/points/count', { filter: { must: [{ key: 'f', range: { gt: 3 } }] } }],
    ],
    [
      'an index of another type',
      { unindexed_filtering_retrieve: false },
      ['POST', '/points/scroll', { filter: is('word', 7) }],
      noIndex('word', 'integer'),
      ['POST', '/points/scroll', { filter: { must: [{ has_id: [1] }] } }],
    ],
    [
      'an unindexed field in a nested filter',
      { unindexed_filtering_retrieve: false },
      ['POST', '/points/scroll', { filter: { must: [{ nested: { key: 'items', filter: is('x', 1) } }] } }],
      noIndex('items.x', 'integer'),
      ['POST', '/points/scroll', {}],
    ],
    [
      'a formula over an unindexed field',
      { unindexed_filtering_retrieve: false },
      ['POST', '/points/query', { prefetch: near, query: { formula: { sum: ['$score', 'n'] } } }],
      noIndex('n', 'float, integer').replace('a different filter', 'a different formula expression'),
      ['POST', '/points/query', { prefetch: near, query: { formula: { sum: ['$score', 'f'] }, defaults: { f: 1 } } }],
    ],
    [
      'groups by an unindexed field',
      { unindexed_filtering_retrieve: false },
      ['POST', '/points/query/groups', { ...near, group_by: 'n' }],
      'Bad request: Index required but not found for "n". Help: Create an index supporting `match` for this key.',
      ['POST', '/points/query/groups', { ...near, group_by: 'word' }],
    ],
    [
      'groups by an index that does not match',
      { unindexed_filtering_retrieve: false },
      ['POST', '/points/query/groups', { ...near, group_by: 'f' }],
      'Bad request: Index of type "Float" found for "f". Help: Create an index supporting `match` for this key.',
      ['POST', '/points/query/groups', { ...near, group_by: 'tenant' }],
    ],
    [
      'a delete by an unindexed field',
      { unindexed_filtering_update: false },
      ['POST', '/points/delete', { filter: is('color', 'red') }],
      noIndex('color', 'keyword'),
      ['POST', '/points/delete', { filter: is('word', 'none') }],
    ],
    [
      'a payload by an unindexed field',
      { unindexed_filtering_update: false },
      ['POST', '/points/payload', { payload: { a: 1 }, filter: is('color', true) }],
      noIndex('color', 'bool'),
      ['POST', '/points/payload', { payload: { a: 1 }, filter: is('word', 'w1') }],
    ],
    [
      'a large hnsw_ef',
      { search_max_hnsw_ef: 64 },
      ['POST', '/points/query', { ...near, params: { hnsw_ef: 65 } }],
      over(65, 64, 'hnsw_ef'),
      ['POST', '/points/query', { ...near, params: { hnsw_ef: 64 } }],
    ],
    [
      'an exact search',
      { search_allow_exact: false },
      ['POST', '/points/query', { ...near, params: { exact: true } }],
      'Bad request: Exact search disabled!. Help: Set exact=false.',
      ['POST', '/points/query', near],
    ],
    [
      'an exact count',
      { search_allow_exact: false },
      ['POST', '/points/count', {}],
      'Bad request: Exact search disabled!. Help: Set exact=false.',
      ['POST', '/points/count', { exact: false }],
    ],
    [
      'oversampling',
      { search_max_oversampling: 2.5 },
      ['POST', '/points/query', { ...near, params: { quantization: { oversampling: 3 } } }],
      over(3, 2.5, 'oversampling'),
      ['POST', '/points/query', { ...near, params: { quantization: { oversampling: 2 } } }],
    ],
    [
      'a batch of upserts',
      { upsert_max_batchsize: 2 },
      ['PUT', '/points', { points: [1, 2, 3].map((id) => ({ id, vector })) }],
      over(3, 2, 'upsert limit'),
      ['PUT', '/points', { points: [1, 2].map((id) => ({ id, vector })) }],
    ],
    [
      'a batch of vectors',
      { upsert_max_batchsize: 2 },
      ['PUT', '/points/vectors', { points: [1, 2, 3].map((id) => ({ id, vector })) }],
      over(3, 2, 'update limit'),
      ['PUT', '/points/vectors', { points: [1, 2].map((id) => ({ id, vector })) }],
    ],
    [
      'a batch of searches',
      { search_max_batchsize: 1 },
      ['POST', '/points/query/batch', { searches: [near, near] }],
      over(2, 1, 'search batch size'),
      ['POST', '/points/query/batch', { searches: [near] }],
    ],
    [
      'points beyond a number',
      { max_points_count: 20 },
      ['PUT', '/points', { points: [{ id: 100, vector }] }],
      'Bad request: Max points count limit of 20 reached!',
      ['POST', '/points/delete', { points: [1] }],
    ],
    [
      'many conditions',
      { filter_max_conditions: 1 },
      ['POST', '/points/count', { filter: { must: [{ has_id: [1] }], must_not: [{ has_id: [2] }] } }],
      'Bad request: Filter condition limit reached (2 > 1). Help: Reduce the amount of conditions of your filter.',
      ['POST', '/points/count', { filter: { must: [{ has_id: [1] }] } }],
    ],
    [
      'a large condition',
      { condition_max_size: 2 },
      ['POST', '/points/count', { filter: { must: [{ key: 'word', match: { any: ['a', 'b', 'c'] } }] } }],
      'Bad request: Condition size limit reached (3 > 2). Help: Reduce the size of your condition.',
      ['POST', '/points/count', { filter: { must: [{ key: 'word', match: { any: ['a', 'b'] } }] } }],
    ],
    [
      'a long sparse vector',
      { sparse_config: { s: { max_length: 2 } } },
      ['PUT', '/points', { points: [{ id: 1, vector: { s: { indices: [1, 2, 3], values: [1, 2, 3] } } }] }],
      "Bad request: Sparse vector 's' has a limit of 2 indices, but 3 were provided!",
      ['PUT', '/points', { points: [{ id: 1, vector: { s: { indices: [1, 2], values: [1, 2] } } }] }],
    ],
    [
      'a tall multivector',
      { multivector_config: { m: { max_vectors: 1 } } },
      [
        'PUT',
        '/points/vectors',
        {
          points: [
            {
              id: 1,
              vector: {
                m: [
                  [1, 2],
                  [3, 4],
                ],
              },
            },
          ],
        },
      ],
      "Bad request: Multivector 'm' has a limit of 1 vectors, but 2 were provided!",
      ['PUT', '/points/vectors', { points: [{ id: 1, vector: { m: [[1, 2]] } }] }],
    ],
    [
      'one index too many',
      { max_payload_index_count: 3 },
      ['PUT', '/index', { field_name: 'n', field_schema: 'integer' }],
      'Bad request: Collection already has the maximum number of payload indices (3). ' +
        'Help: Please delete an existing index before creating a new one.',
      ['DELETE', '/index/f', null],
    ],
  ];

  /** Every limit of the cases about reads, so high that it limits nothing. */
  const unlimited: Json = {
    enabled: true,
    max_query_limit: 1e6,
    max_timeout: 1e6,
    unindexed_filtering_retrieve: true,
    search_max_hnsw_ef: 1e6,
    search_allow_exact: true,
    search_max_oversampling: 1e6,
    search_max_batchsize: 1e6,
    filter_max_conditions: 1e6,
    condition_max_size: 1e6,
  };
  let reusable = false;

  it.each(cases)('%s', async (_, strict, beyond, error, within) => {
    const reads = beyond[1].startsWith('/points/query') || /scroll|count/.test(beyond[1]);
    if (!reads || !reusable) await make(strict);
    else {
      const strict_mode_config = { ...(unlimited as object), ...(strict as object) };
      await server.result('PATCH', '/collections/c', { strict_mode_config });
    }
    reusable = reads;
    expect(await refusal(...beyond)).toEqual([400, error]);
    expect(await refusal(...within)).toEqual([200, null]);
    // And nothing of it once it is off.
    await server.result('PATCH', '/collections/c', { strict_mode_config: { enabled: false } });
    expect((await refusal(...beyond))[0]).toBe(200);
  });

  it('searches without a graph where exact ones are forbidden', async () => {
    const hnsw = async (config: Json): Promise<void> => make({ search_allow_exact: false }, { hnsw_config: config });
    await hnsw({ m: 0, payload_m: 8 });
    expect(await refusal('POST', '/points/query', near)).toEqual([
      400,
      "Bad request: Request is forbidden on 'd' because global vector indexing is disabled (hnsw_config.m = 0). " +
        'Help: Use tenant-specific filter, enable global vector indexing or enable strict mode `search_allow_exact` option',
    ]);
    expect((await refusal('POST', '/points/query', { ...near, filter: is('tenant', 't1') }))[0]).toBe(200);
    await hnsw({ m: 0 });
    const [status, error] = await refusal('POST', '/points/query', { ...near, filter: is('tenant', 't1') });
    expect([status, error]).toEqual([400, expect.stringContaining('hnsw_config.payload_m = 0')]);
  });

  it('vectors beyond a size', async () => {
    const strict_mode_config = { enabled: true, max_collection_vector_size_bytes: 160 };
    await server.result('PUT', '/collections/v', { vectors: { size: 4, distance: 'Dot' }, strict_mode_config });
    for (let id = 0; id < 10; id += 1) {
      await server.result('PUT', '/collections/v/points', { points: [{ id, vector: [1, 2, 3, 4] }] });
    }
    const answer = await server.call('PUT', '/collections/v/points', { points: [{ id: 10, vector: [1, 2, 3, 4] }] });
    expect([answer.status, at(answer.body, ['status', 'error'])]).toEqual([
      400,
      expect.stringContaining('Max vector storage size limit of'),
    ]);
  });
});

describe('a rate limit', () => {
  const send = (path: string, body: Json, method: 'POST' | 'PUT' = 'POST'): Promise<Response> =>
    fetch(`${server.engine.url}/collections/c${path}`, { method, body: JSON.stringify(body) });
  /** The answers until one is not 200, and that one. */
  async function drain(request: () => Promise<Response>): Promise<{ passed: number; last: Response }> {
    for (let passed = 0; ; passed += 1) {
      const last = await request();
      if (last.status !== 200) return { passed, last };
      await last.text();
    }
  }

  it('stops reads with 429 and says when to come back', async () => {
    await make({ read_rate_limit: 12 });
    const { passed, last } = await drain(() => send('/points/query', near));
    // Twelve at the start, one more every five seconds.
    expect(passed).toBeGreaterThanOrEqual(12);
    expect(passed).toBeLessThan(40);
    const seconds = Number(last.headers.get('retry-after'));
    expect([1, 2, 3, 4, 5]).toContain(seconds);
    const { status } = (await last.json()) as { status: { error: string } };
    expect([last.status, status.error]).toEqual([
      429,
      expect.stringMatching(
        /^Rate limiting exceeded: Read rate limit exceeded: Operation requires 1 tokens but only 0\.\d were available\. Retry after \ds$/,
      ),
    ]);
    // Writes have a bucket of their own.
    expect((await send('/points/payload', { payload: { a: 1 }, points: [1] })).status).toBe(200);
    // A request that never fits has no time at which it would.
    const never = await send('/points', { ids: Array.from({ length: 13 }, (_, id) => id) });
    expect([never.status, never.headers.get('retry-after')]).toEqual([429, null]);
    expect(await never.text()).toContain('request larger than rate limiter capacity');
  });

  it('counts the points of a write and the conditions of a read', async () => {
    await make({ write_rate_limit: 20, read_rate_limit: 20 });
    // Five points, then the seven the filter is about, leave no room for ten more.
    expect((await send('/points', { points: points.slice(0, 5) }, 'PUT')).status).toBe(200);
    expect((await send('/points/payload', { payload: { b: 1 }, filter: is('word', 'w0') })).status).toBe(200);
    expect((await send('/points/delete', { points: Array.from({ length: 10 }, (_, id) => id) })).status).toBe(429);
    expect((await send('/points/delete', { points: [1, 2, 3, 4] })).status).toBe(200);
    // One for the search and one for each condition.
    const filter = { must: Array.from({ length: 14 }, () => ({ has_id: [1] })) };
    expect((await send('/points/query', { ...near, filter })).status).toBe(200);
    expect((await send('/points/query', { ...near, filter })).status).toBe(429);
    expect((await send('/points/scroll', {})).status).toBe(200);
    // A new limit starts a new bucket.
    await server.result('PATCH', '/collections/c', { strict_mode_config: { read_rate_limit: 30 } });
    expect((await send('/points/query', { ...near, filter })).status).toBe(200);
  });
});

describe('strict_mode_config', () => {
  it('is merged by a PATCH, read back, and kept', async () => {
    await make({ max_query_limit: 7, read_rate_limit: 1000 });
    await server.result('PATCH', '/collections/c', { strict_mode_config: { max_query_limit: 8 } });
    const expected = { enabled: true, max_query_limit: 8, read_rate_limit: 1000 };
    const read = async (): Promise<Json | undefined> =>
      at(await server.result('GET', '/collections/c'), ['config', 'strict_mode_config']);
    expect(await read()).toEqual(expected);
    await server.engine.stop();
    await server.restart();
    expect(await read()).toEqual(expected);
    expect((await refusal('POST', '/points/query', { ...near, limit: 9 }))[0]).toBe(400);
  });

  it('is refused where nothing would enforce it', async () => {
    const cases: [Json, number, string][] = [
      [{ max_collection_payload_size_bytes: 1 }, 400, 'is not supported'],
      [{ max_resident_memory_percent: 50 }, 400, 'is not supported'],
      [{ max_collection_vector_size_bytes: 9 }, 400, 'it knows the size of dense vectors only'],
      [{ max_query_limit: 0 }, 422, 'strict_mode_config.max_query_limit: value 0 invalid'],
      [{ sparse_config: { s: { max_length: 0 } } }, 422, 'sparse_config.s.max_length'],
      [{ no_such_limit: 1 }, 400, 'unknown field `no_such_limit`'],
    ];
    await make({});
    for (const [strict_mode_config, status, text] of cases) {
      const answer = await server.call('PATCH', '/collections/c', { strict_mode_config });
      expect([strict_mode_config, answer.status, at(answer.body, ['status', 'error'])]).toEqual([
        strict_mode_config,
        status,
        expect.stringContaining(text),
      ]);
    }
  });
});
