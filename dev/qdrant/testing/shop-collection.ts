import { dot, type Scored, scoredOf } from './brute-force.ts';
import type { Json } from './json-text.ts';
import type { TestEngine } from './test-engine.ts';
import { clusters, uniform } from './vectors.ts';

/** A collection `c` of points with two vectors each and a payload with an index on each field. */
const size = 8;
const count = 300;
const random = uniform(4);
const ids = Array.from({ length: count }, (_, id) => id);

export const shop = {
  size,
  count,
  ids,
  a: clusters(count, size, 1),
  b: clusters(count, size, 2),
  queries: clusters(3, size, 3),
  payloads: ids.map((id) => ({
    group: `g${Math.floor(random() ** 2 * 6)}`,
    shop: Math.floor(random() * 5),
    tags: [`t${id % 2}`, `t${id % 3}`],
    price: Number((random() * 100).toFixed(2)),
    at: `2026-01-${String(1 + (id % 28)).padStart(2, '0')}T00:00:00Z`,
    place: { lon: id / 10, lat: 0 },
  })),
};

export async function makeShop(server: TestEngine): Promise<void> {
  await server.result('PUT', '/collections/c', {
    vectors: { a: { size, distance: 'Dot' }, b: { size, distance: 'Dot' } },
  });
  for (const [field_name, field_schema] of Object.entries({
    group: 'keyword',
    shop: 'integer',
    tags: 'keyword',
    price: 'float',
    at: 'datetime',
    place: 'geo',
  })) {
    await server.result('PUT', '/collections/c/index', { field_name, field_schema });
  }
  const points = ids.map((id) => ({ id, vector: { a: shop.a[id], b: shop.b[id] }, payload: shop.payloads[id] }));
  await server.result('PUT', '/collections/c/points?wait=true', { points });
  await server.green('c');
}

export const byA = (vector: number[]) => (id: number) => dot(vector, shop.a[id] ?? []);
export const byB = (vector: number[]) => (id: number) => dot(vector, shop.b[id] ?? []);

export const queryShop = async (server: TestEngine, body: Json): Promise<Scored[]> =>
  scoredOf(await server.result('POST', '/collections/c/points/query', body));
