import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { best, dot, rrf, type Scored } from './testing/brute-force.ts';
import { at, type Json } from './testing/json-text.ts';
import { byA, makeShop, queryShop, shop } from './testing/shop-collection.ts';
import { startTestEngine, type TestEngine } from './testing/test-engine.ts';

const { ids, a, size, count, queries } = shop;
const [q1 = [], q2 = []] = queries;

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

describe('examples', () => {
  const sigmoid = (x: number): number => x / (1 + Math.abs(x));
  const similar = (id: number, example: number): number => dot(a[id] ?? [], a[example] ?? []);
  const others = (...named: number[]): number[] => ids.filter((id) => !named.includes(id));

  it('recommend by their average, by the best score, and by the sum of scores', async () => {
    const recommend = { positive: [3, 5, q1], negative: [8] };
    const positives = [a[3] ?? [], a[5] ?? [], q1];
    const negative = a[8] ?? [];
    const mean = q1.map((_, i) => positives.reduce((sum, vector) => sum + (vector[i] ?? 0), 0) / 3);
    const target = mean.map((value, i) => 2 * value - (negative[i] ?? 0));
    const average = { query: { recommend }, using: 'a', limit: 8 };
    expect(await query(average)).toEqual(close(best(others(3, 5, 8), 8, byA(target))));
    const scores = (id: number): number[] => positives.map((vector) => dot(vector, a[id] ?? []));
    const bestScore = best(others(3, 5, 8), 8, (id) => {
      const [plus, minus] = [Math.max(...scores(id)), dot(negative, a[id] ?? [])];
      return plus > minus ? 0.5 * (sigmoid(plus) + 1) : -0.5 * (sigmoid(minus) + 1);
    });
    const by = (strategy: string): Json => ({ ...average, query: { recommend: { ...recommend, strategy } } });
    expect(await query(by('best_score'))).toEqual(close(bestScore));
    const sums = best(others(3, 5, 8), 8, (id) => scores(id).reduce((x, y) => x + y, 0) - dot(negative, a[id] ?? []));
    expect(await query(by('sum_scores'))).toEqual(close(sums));
    expect(await query(by('average_vector'))).toEqual(await query(average));
  });

  it('discover near a target on the right side of pairs, and find the context of pairs', async () => {
    const context = [
      { positive: 10, negative: 20 },
      { positive: 30, negative: 40 },
    ];
    const rank = (id: number): number =>
      context.reduce((sum, pair) => sum + Math.sign(similar(id, pair.positive) - similar(id, pair.negative)), 0);
    const found = best(others(10, 20, 30, 40), 8, (id) => rank(id) + 0.5 * (sigmoid(byA(q1)(id)) + 1));
    expect(await query({ query: { discover: { target: q1, context } }, using: 'a', limit: 8 })).toEqual(close(found));
    const loss = (id: number): number =>
      context.reduce(
        (sum, pair) => sum + sigmoid(Math.min(similar(id, pair.positive) - similar(id, pair.negative), 0)),
        0,
      );
    const inContext = new Map(others(10, 20, 30, 40).map((id) => [id, loss(id)]));
    expectBest(await query({ query: { context }, using: 'a', limit: 8 }), inContext, 8);
  });

  it('take feedback on earlier results into account', async () => {
    const plain = await query({ query: q1, using: 'a', limit: 5 });
    const strategy = (c: number): Json => ({ naive: { a: 1, b: 1, c } });
    const feedback = [
      { example: 50, score: 0.9 },
      { example: 60, score: 0.1 },
    ];
    const ask = (c: number): Promise<Scored[]> =>
      query({ query: { relevance_feedback: { target: q1, feedback, strategy: strategy(c) } }, using: 'a', limit: 5 });
    // Without weight the feedback changes nothing; with weight it brings points like the good example up.
    expect((await ask(0)).map(({ id }) => id)).toEqual(
      plain.map(({ id }) => id).filter((id) => id !== 50 && id !== 60),
    );
    const mean = (found: Scored[]): number => found.reduce((sum, { id }) => sum + similar(id, 50) - similar(id, 60), 0);
    expect(mean(await ask(50))).toBeGreaterThan(mean(plain));
  });

  it('may come from another collection', async () => {
    await server.result('PUT', '/collections/other', { vectors: { x: { size, distance: 'Dot' } } });
    await server.result('PUT', '/collections/other/points?wait=true', { points: [{ id: 7, vector: { x: q2 } }] });
    const lookup_from = { collection: 'other', vector: 'x' };
    // The point 7 of this collection is not the one that is named.
    expect(await query({ query: 7, using: 'a', lookup_from, limit: count })).toEqual(close(best(ids, count, byA(q2))));
    const prefetch = { query: { recommend: { positive: [7] } }, using: 'a', lookup_from, limit: 6 };
    expectBest(await query({ prefetch, query: { fusion: 'rrf' }, limit: 6 }), rrf([best(ids, 6, byA(q2))]), 6);
    const missing = await server.call('POST', '/collections/c/points/query', { query: 8, using: 'a', lookup_from });
    expect(missing.status).toBe(404);
  });
});

describe('MMR', () => {
  /** The greedy choice: each time what is near the query and unlike what was chosen. */
  function chosen(limit: number, diversity: number, candidates: Scored[]): number[] {
    const picked = candidates.slice(0, 1).map(({ id }) => id);
    while (picked.length < limit) {
      const [next] = best(
        candidates.map(({ id }) => id).filter((id) => !picked.includes(id)),
        1,
        (id) =>
          (1 - diversity) * byA(q1)(id) - diversity * Math.max(...picked.map((p) => dot(a[id] ?? [], a[p] ?? []))),
      );
      picked.push(next?.id ?? -1);
    }
    return picked;
  }

  it.each([0.2, 0.5, 0.9])('trades nearness for diversity %f', async (diversity) => {
    const mmr = { diversity, candidates_limit: 40 };
    const found = await query({ query: { nearest: q1, mmr }, using: 'a', limit: 8, params: { exact: true } });
    expect(found.map(({ id }) => id)).toEqual(chosen(8, diversity, best(ids, 40, byA(q1))));
  });

  it('returns only the vectors that were asked for', async () => {
    const ask = async (with_vector: Json): Promise<Json | undefined> =>
      at(
        await server.result('POST', '/collections/c/points/query', {
          query: { nearest: q1, mmr: {} },
          using: 'a',
          limit: 2,
          with_vector,
        }),
        ['points', 0, 'vector'],
      );
    expect(await ask(false)).toBeUndefined();
    expect(Object.keys((await ask(['b'])) as object)).toEqual(['b']);
    expect(Object.keys((await ask(true)) as object).toSorted()).toEqual(['a', 'b']);
  });
});

describe('the older search', () => {
  it('answers as a query for one vector does, alone and in a batch', async () => {
    const filter = { must: [{ key: 'shop', match: { value: 1 } }] };
    const body = { vector: { name: 'a', vector: q1 }, limit: 5, offset: 2, filter, with_payload: ['shop'] };
    const { vector: _, ...more } = body;
    const asked = await server.result('POST', '/collections/c/points/query', { ...more, query: q1, using: 'a' });
    const expected = at(asked, ['points']);
    expect(expected).toHaveLength(5);
    expect(await server.result('POST', '/collections/c/points/search', body)).toEqual(expected);
    const batch = { searches: [body, { ...body, limit: 1 }] };
    expect(await server.result('POST', '/collections/c/points/search/batch', batch)).toEqual([
      expected,
      (expected as Json[]).slice(0, 1),
    ]);
    const unnamed = await server.call('POST', '/collections/c/points/search', { vector: q1, limit: 5 });
    expect(unnamed.status).toBe(400);
  });
});
