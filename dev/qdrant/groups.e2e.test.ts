import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { best, dot, type Scored } from './testing/brute-force.ts';
import { at, type Json } from './testing/json-text.ts';
import { byA, makeShop, shop } from './testing/shop-collection.ts';
import { startTestEngine, type TestEngine } from './testing/test-engine.ts';

const { ids, a, payloads, count, queries } = shop;
const [q1 = [], q2 = []] = queries;

let server: TestEngine;
beforeAll(async () => {
  server = await startTestEngine();
  await makeShop(server);
});
afterAll(() => server[Symbol.asyncDispose]());

const close = (scored: Scored[]): Json[] => scored.map(({ id, score }) => ({ id, score: expect.closeTo(score, 4) }));

describe('groups', () => {
  /** The best `limit` groups, by their best hit, with up to `group_size` hits each. */
  function grouped(keys: (id: number) => (string | number)[], limit: number, groupSize: number): Json[] {
    const groups = new Map<string | number, Scored[]>();
    for (const scored of best(ids, count, byA(q1))) {
      for (const key of new Set(keys(scored.id))) groups.set(key, [...(groups.get(key) ?? []), scored]);
    }
    return [...groups.entries()].slice(0, limit).map(([id, hits]) => ({ id, hits: close(hits.slice(0, groupSize)) }));
  }
  const ask = async (body: object, path = 'query'): Promise<Json[]> => {
    const url = `/collections/c/points/${path}/groups`;
    return at(await server.result('POST', url, { with_payload: false, ...body }), ['groups']) as Json[];
  };

  it('gather hits by a field, of one value or several', async () => {
    const base = { query: q1, using: 'a' };
    expect(await ask({ ...base, group_by: 'group', limit: 4, group_size: 2 })).toMatchObject(
      grouped((id) => [payloads[id]?.group ?? ''], 4, 2),
    );
    expect(await ask({ ...base, group_by: 'shop' })).toMatchObject(grouped((id) => [payloads[id]?.shop ?? 0], 10, 3));
    // A point in two groups may be the best of both: they come in any order.
    const sorted = (groups: Json[]): Json[] =>
      (groups as { id: string }[]).toSorted((x, y) => x.id.localeCompare(y.id));
    expect(sorted(await ask({ ...base, group_by: 'tags', limit: 3, group_size: 4 }))).toMatchObject(
      sorted(grouped((id) => payloads[id]?.tags ?? [], 3, 4)),
    );
    const older = { vector: { name: 'a', vector: q1 }, group_by: 'shop', limit: 2, group_size: 2 };
    expect(await ask(older, 'search')).toMatchObject(grouped((id) => [payloads[id]?.shop ?? 0], 2, 2));
  });

  it('look up the point of another collection that is named as the group', async () => {
    await server.result('PUT', '/collections/shops', { vectors: { size: 2, distance: 'Dot' } });
    const points = [0, 1, 2].map((id) => ({ id, vector: [id, 1], payload: { name: `shop ${id}`, x: 1 } }));
    await server.result('PUT', '/collections/shops/points?wait=true', { points });
    const with_lookup = { collection: 'shops', with_payload: ['name'], with_vectors: true };
    const body = { query: q1, using: 'a', group_by: 'shop', group_size: 1 };
    for (const group of (await ask({ ...body, with_lookup })) as { id: number; lookup?: Json }[]) {
      const found =
        group.id < 3 ? { id: group.id, payload: { name: `shop ${group.id}` }, vector: [group.id, 1] } : undefined;
      expect([group.id, group.lookup]).toEqual([group.id, found]);
    }
    const [first] = await ask({
      ...body,
      with_lookup: 'shops',
      filter: { must: [{ key: 'shop', match: { value: 1 } }] },
    });
    expect(at(first, ['lookup'])).toEqual({ id: 1, payload: { name: 'shop 1', x: 1 } });
  });

  it('come from fused prefetches too', async () => {
    const body = {
      prefetch: [
        { query: q1, using: 'a', limit: 30 },
        { query: q2, using: 'b', limit: 30 },
      ],
      query: { fusion: 'rrf' },
      group_by: 'group',
      limit: 3,
      group_size: 2,
      with_payload: true,
    };
    const groups = (await ask(body)) as { id: string; hits: { payload: { group: string } }[] }[];
    expect(groups).toHaveLength(3);
    for (const { id, hits } of groups) for (const hit of hits) expect(hit.payload.group).toBe(id);
  });
});

describe('a facet', () => {
  it('counts the values of a field, exactly and under a filter', async () => {
    const counts = (key: 'group' | 'shop', of: number[]): Map<string | number, number> => {
      const found = new Map<string | number, number>();
      for (const id of of) {
        const value = payloads[id]?.[key] ?? '';
        found.set(value, (found.get(value) ?? 0) + 1);
      }
      return found;
    };
    const ask = async (body: object): Promise<{ value: string | number; count: number }[]> =>
      at(await server.result('POST', '/collections/c/facet', body), ['hits']) as { value: string; count: number }[];
    for (const exact of [true, false]) {
      for (const key of ['group', 'shop'] as const) {
        const hits = await ask({ key, exact });
        expect(new Map(hits.map(({ value, count: n }) => [value, n]))).toEqual(counts(key, ids));
        expect(hits.map((hit) => hit.count)).toEqual(hits.map((hit) => hit.count).toSorted((x, y) => y - x));
      }
    }
    const filter = { must: [{ key: 'price', range: { lt: 40 } }] };
    const cheap = ids.filter((id) => (payloads[id]?.price ?? 0) < 40);
    const hits = await ask({ key: 'shop', exact: true, filter, limit: 2 });
    expect(hits).toHaveLength(2);
    for (const { value, count: n } of hits) expect(n).toBe(counts('shop', cheap).get(value));
  });
});

describe('a matrix', () => {
  it('compares a sample with itself, as pairs and as offsets', async () => {
    const filter = { must: [{ key: 'shop', match: { value: 2 } }] };
    const all = ids.filter((id) => payloads[id]?.shop === 2);
    const body = { sample: count, limit: 4, using: 'a', filter };
    const { pairs } = (await server.result('POST', '/collections/c/points/search/matrix/pairs', body)) as {
      pairs: { a: number; b: number; score: number }[];
    };
    const near = (id: number): Scored[] =>
      best(
        all.filter((other) => other !== id),
        4,
        (other) => dot(a[id] ?? [], a[other] ?? []),
      );
    for (const id of all) {
      const row = pairs.filter((pair) => pair.a === id).map((pair) => ({ id: pair.b, score: pair.score }));
      expect(row).toEqual(close(near(id)));
    }
    const offsets = (await server.result('POST', '/collections/c/points/search/matrix/offsets', body)) as {
      ids: number[];
      offsets_row: number[];
      offsets_col: number[];
      scores: number[];
    };
    expect(
      offsets.scores.map((score, i) => ({
        a: offsets.ids[offsets.offsets_row[i] ?? -1],
        b: offsets.ids[offsets.offsets_col[i] ?? -1],
        score,
      })),
    ).toEqual(pairs);
  });
});

describe('an order', () => {
  const byPrice = ids.toSorted((x, y) => (payloads[x]?.price ?? 0) - (payloads[y]?.price ?? 0));
  const idsOf = (result: Json): number[] => (at(result, ['points']) as { id: number }[]).map(({ id }) => id);

  it('by a field pages through a scroll, and ranks a query', async () => {
    const scroll = (order_by: Json, limit: number): Promise<Json> =>
      server.result('POST', '/collections/c/points/scroll', { order_by, limit });
    const page = await scroll('price', 5);
    expect(idsOf(page)).toEqual(byPrice.slice(0, 5));
    expect(at(page, ['next_page_offset'])).toBe(null);
    expect(idsOf(await scroll({ key: 'price', direction: 'desc' }, 5))).toEqual(byPrice.toReversed().slice(0, 5));
    const start_from = payloads[byPrice[100] ?? 0]?.price ?? 0;
    expect(idsOf(await scroll({ key: 'price', start_from }, 3))).toEqual(byPrice.slice(100, 103));
    const result = await server.result('POST', '/collections/c/points/query', {
      query: { order_by: { key: 'price', direction: 'desc' } },
      limit: 4,
    });
    expect(idsOf(result)).toEqual(byPrice.toReversed().slice(0, 4));
    expect(at(result, ['points', 0, 'order_value'])).toBe(payloads[byPrice.at(-1) ?? 0]?.price);
    const cheapestNear = best(ids, 20, byA(q1)).map(({ id }) => id);
    expect(
      idsOf(
        await server.result('POST', '/collections/c/points/query', {
          prefetch: { query: q1, using: 'a', limit: 20 },
          query: { order_by: 'price' },
          limit: 3,
        }),
      ),
    ).toEqual(byPrice.filter((id) => cheapestNear.includes(id)).slice(0, 3));
  });

  it('at random gives other points each time', async () => {
    const ask = async (): Promise<number[]> =>
      idsOf(await server.result('POST', '/collections/c/points/query', { query: { sample: 'random' }, limit: 20 }));
    const [first, second] = [await ask(), await ask()];
    expect(new Set(first).size).toBe(20);
    expect(first).not.toEqual(second);
  });
});
