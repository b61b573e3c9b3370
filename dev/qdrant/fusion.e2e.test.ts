import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { best, dbsf, rrf, type Scored } from './testing/brute-force.ts';
import { at, type Json } from './testing/json-text.ts';
import { byA, byB, makeShop, queryShop, shop } from './testing/shop-collection.ts';
import { startTestEngine, type TestEngine } from './testing/test-engine.ts';

const { ids, payloads, queries } = shop;
const [q1 = [], q2 = [], q3 = []] = queries;

let server: TestEngine;
beforeAll(async () => {
  server = await startTestEngine();
  await makeShop(server);
});
afterAll(() => server[Symbol.asyncDispose]());

const query = (body: Json): Promise<Scored[]> => queryShop(server, body);
const close = (scored: Scored[]): Json[] => scored.map(({ id, score }) => ({ id, score: expect.closeTo(score, 4) }));

/** `found` is the best of `scores`: the right scores in the right order, each with an id that has it. */
function expectBest(found: Scored[], scores: Map<number, number>, limit: number): void {
  const expected = [...scores.values()].toSorted((x, y) => y - x).slice(0, limit);
  expect(found.map(({ score }) => score)).toEqual(expected.map((score) => expect.closeTo(score, 4)));
  for (const { id, score } of found) expect([id, scores.get(id)]).toEqual([id, expect.closeTo(score, 4)]);
}

describe('prefetches', () => {
  const lists = [best(ids, 20, byA(q1)), best(ids, 15, byB(q2))];
  const prefetch: Json = [
    { query: q1, using: 'a', limit: 20 },
    { query: q2, using: 'b', limit: 15 },
  ];

  it('are fused by reciprocal rank, with k and weights', async () => {
    expectBest(await query({ prefetch, query: { fusion: 'rrf' }, limit: 12 }), rrf(lists), 12);
    expectBest(await query({ prefetch, query: { rrf: { k: 60 } }, limit: 40 }), rrf(lists, 60), 40);
    expectBest(
      await query({ prefetch, query: { rrf: { k: 5, weights: [3, 1] } }, limit: 12 }),
      rrf(lists, 5, [3, 1]),
      12,
    );
    expectBest(await query({ prefetch, query: { rrf: { weights: [0, 1] } }, limit: 10 }), rrf(lists, 2, [0, 1]), 10);
  });

  it('are fused by the distribution of their scores', async () => {
    expectBest(await query({ prefetch, query: { fusion: 'dbsf' }, limit: 12 }), dbsf(lists), 12);
  });

  it('give pages, a threshold and payloads as a plain query does', async () => {
    const whole = await query({ prefetch, query: { fusion: 'dbsf' }, limit: 12 });
    expect(await query({ prefetch, query: { fusion: 'dbsf' }, limit: 4, offset: 3 })).toEqual(whole.slice(3, 7));
    const score_threshold = (whole[5]?.score ?? 0) - 1e-6;
    expect(await query({ prefetch, query: { fusion: 'dbsf' }, limit: 12, score_threshold })).toEqual(whole.slice(0, 6));
    const hit = at(
      await server.result('POST', '/collections/c/points/query', {
        prefetch,
        query: { fusion: 'rrf' },
        limit: 1,
        with_payload: ['shop'],
        with_vector: ['b'],
      }),
      ['points', 0],
    );
    const id = Number(at(hit, ['id']));
    expect(hit).toMatchObject({ payload: { shop: payloads[id]?.shop } });
    expect(Object.keys(at(hit, ['vector']) as object)).toEqual(['b']);
  });

  it('nest, each with its own filter, and the outer filter holds in all', async () => {
    const shop = (value: number): Json => ({ must: [{ key: 'shop', match: { value } }] });
    const inner = best(ids, 30, (id) => ((payloads[id]?.shop ?? 0) === 1 ? byA(q1)(id) : undefined));
    const middle = best(
      inner.map(({ id }) => id),
      10,
      byB(q2),
    );
    const other = best(ids, 10, byB(q3));
    const nested: Json = [
      { prefetch: { query: q1, using: 'a', limit: 30, filter: shop(1) }, query: q2, using: 'b', limit: 10 },
      { query: q3, using: 'b', limit: 10 },
    ];
    expectBest(await query({ prefetch: nested, query: { fusion: 'rrf' }, limit: 20 }), rrf([middle, other]), 20);
    const found = await query({ prefetch: nested, query: { fusion: 'rrf' }, limit: 20, filter: shop(1) });
    expect(found.length).toBeGreaterThan(0);
    for (const { id } of found) expect(payloads[id]?.shop).toBe(1);
  });

  it('are rescored by a vector, and by a formula', async () => {
    const candidates = best(ids, 25, byA(q1));
    const rescored = await query({ prefetch: { query: q1, using: 'a', limit: 25 }, query: q2, using: 'b', limit: 5 });
    expect(rescored).toEqual(
      close(
        best(
          candidates.map(({ id }) => id),
          5,
          byB(q2),
        ),
      ),
    );
    const formula: Json = {
      sum: ['$score', { mult: [0.02, 'price'] }, { mult: [2, { key: 'shop', match: { value: 1 } }] }, 'missing'],
    };
    const boosted = await query({
      prefetch: { query: q1, using: 'a', limit: 25 },
      query: { formula, defaults: { missing: 0.25 } },
      limit: 6,
    });
    const scores = new Map(candidates.map(({ id, score }) => [id, score]));
    const expected = best(
      candidates.map(({ id }) => id),
      6,
      (id) => {
        const { price = 0, shop = 0 } = payloads[id] ?? {};
        return (scores.get(id) ?? 0) + 0.02 * price + (shop === 1 ? 2 : 0) + 0.25;
      },
    );
    expect(boosted).toEqual(close(expected));
  });

  it('know every operation of a formula', async () => {
    const one = async (formula: Json): Promise<number> => {
      const filter = { must: [{ has_id: [42] }] };
      const found = await query({
        prefetch: { query: q1, using: 'a', limit: 1, filter },
        query: { formula },
        limit: 1,
      });
      return found[0]?.score ?? Number.NaN;
    };
    const price = payloads[42]?.price ?? 0;
    const cases: [Json, number][] = [
      [{ neg: 'price' }, -price],
      [{ abs: { neg: 3 } }, 3],
      [{ div: { left: 'price', right: 4 } }, price / 4],
      [{ div: { left: 1, right: 0, by_zero_default: 7 } }, 7],
      [{ sqrt: 16 }, 4],
      [{ pow: { base: 2, exponent: 5 } }, 32],
      [{ exp: 1 }, Math.E],
      [{ log10: 1000 }, 3],
      [{ ln: { exp: 2 } }, 2],
      [{ lin_decay: { x: 0.25, scale: 0.5 } }, 0.75],
      [{ exp_decay: { x: 3, target: 1, scale: 2, midpoint: 0.5 } }, 0.5],
      [{ gauss_decay: { x: 3, target: 1, scale: 2, midpoint: 0.5 } }, 0.5],
      [{ geo_distance: { origin: { lon: 4.2, lat: 0 }, to: 'place' } }, 0],
      [{ sum: [{ datetime_key: 'at' }, { neg: { datetime: '2026-01-15T00:00:00Z' } }] }, 0],
    ];
    for (const [formula, value] of cases)
      expect([formula, await one(formula)]).toEqual([formula, expect.closeTo(value, 3)]);
  });
});

describe('a query that contradicts itself', () => {
  const prefetch = { query: q1, using: 'a' };
  const cases: [string, Json, number, string][] = [
    ['query', { prefetch }, 400, 'A query is needed to merge the prefetches'],
    ['query', { query: { fusion: 'rrf' } }, 400, 'A fusion needs prefetches'],
    ['query', { query: { formula: '$score' } }, 400, 'give `prefetch`'],
    ['query', { prefetch, query: { fusion: 'rrf' }, using: 'a' }, 400, "cannot be combined with the 'using' field"],
    ['query', { query: { order_by: 'price' }, score_threshold: 1 }, 400, 'score_threshold with an order_by'],
    ['query', { score_threshold: 1 }, 400, 'A query is needed to use the score_threshold'],
    ['query', { query: { order_by: 'no' } }, 400, 'No range index'],
    ['query', { prefetch, query: { rrf: { weights: [1, 2] } } }, 400, 'RRF weights length (2)'],
    ['query', { prefetch, query: { rrf: { k: 0 } } }, 422, 'internal.query.rrf.k'],
    ['query', { prefetch: [prefetch, { ...prefetch, limit: 0 }], query: q1 }, 422, 'internal.prefetch[1].limit'],
    ['query', { query: { nearest: q1, mmr: { diversity: 2 } }, using: 'a' }, 422, 'mmr.diversity'],
    ['query', { query: { nearest: q1, mmr: { candidates_limit: 20000 } }, using: 'a' }, 422, 'mmr.candidates_limit'],
    ['query', { query: { nearest: q1, fusion: 'rrf' } }, 400, 'in one way'],
    ['query', { query: { mmr: {} } }, 400, '`mmr` goes with `nearest`'],
    ['query', { query: {} }, 400, 'an empty query object'],
    ['query', { query: { no_such: 1 } }, 400, 'unknown field `no_such`'],
    ['query', { query: { recommend: {} }, using: 'a' }, 400, 'Positive vectors should not be empty'],
    [
      'query',
      { query: { recommend: { strategy: 'best_score' } }, using: 'a' },
      400,
      'At least one positive or negative',
    ],
    ['query', { query: { recommend: { positive: [9999] } }, using: 'a' }, 404, 'No point with id 9999 found'],
    ['query', { query: 1, using: 'a', lookup_from: { collection: 'nope' } }, 404, "`nope` doesn't exist"],
    ['query', { prefetch, query: { formula: { max: [] } } }, 400, 'Format error'],
    ['query', { prefetch, query: { formula: { sqrt: [1] } } }, 400, 'is no expression'],
    ['scroll', { order_by: 'price', offset: 5 }, 400, 'Cannot use an `offset` when using `order_by`'],
    ['query/groups', { query: q1, using: 'a' }, 400, 'missing field `group_by`'],
    ['query/groups', { query: q1, using: 'a', group_by: 'shop', group_size: 0 }, 422, 'internal.group_size'],
    ['query/groups', { query: q1, using: 'a', group_by: 'shop', with_lookup: 'nope' }, 404, "`nope` doesn't exist"],
    ['search/matrix/pairs', { sample: 1, using: 'a' }, 422, 'sample: value 1'],
    ['search/matrix/pairs', { using: 'z' }, 400, 'Not existing vector name error: z'],
  ];

  it.each(cases)('%s %j is refused', async (path, body, status, text) => {
    const answer = await server.call('POST', `/collections/c/points/${path}`, body);
    expect([answer.status, at(answer.body, ['status', 'error'])]).toEqual([status, expect.stringContaining(text)]);
  });

  it('as a facet of a field without an index is', async () => {
    const answer = await server.call('POST', '/collections/c/facet', { key: 'no' });
    expect(answer.status).toBe(400);
  });
});
