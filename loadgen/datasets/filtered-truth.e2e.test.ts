import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngine, type Engine } from '../../dev/qdrant/engine.ts';
import { recallOf } from '../evaluate/recall.ts';
import { resolveFilter } from '../filter/resolve.ts';
import type { CollectionInfo } from '../ingest/collection-info.ts';
import { createPayloadIndexes, ignoredIndexes } from '../ingest/payload-index.ts';
import { openDatasetRows } from '../ingest/upload-source.ts';
import { upload } from '../ingest/upload.ts';
import { ANYWHERE } from '../net/address-rules.ts';
import { Rest } from '../rest.ts';
import { smallDataset, temporaryFolder } from '../testing/fixtures.ts';
import type { PayloadIndex } from '../workload.ts';

const LIMIT = 10;
const fields = [
  { field: 'tenant', type: 'keyword', cardinality: 20 },
  { field: 'meta.size', type: 'integer' },
  { field: 'price', type: 'float' },
  { field: 'stocked', type: 'bool' },
  { field: 'title', type: 'text' },
  { field: 'at', type: 'datetime' },
  { field: 'group', type: 'uuid', cardinality: 10 },
  { field: 'place', type: 'geo' },
] as const;
const is = (key: string, test: object) => ({ key, ...test });
const filters: Record<string, Record<string, unknown>> = {
  tenant: { must: [is('tenant', { match: { value: '$tenant' } })] },
  size: { must: [is('meta.size', { match: { value: '$meta.size' } })] },
  cheap: { must: [is('price', { range: { lt: '$price' } }), is('stocked', { match: { value: true } })] },
  word: {
    must: [is('title', { match: { text: '$title' } })],
    must_not: [is('tenant', { match: { value: '$tenant' } })],
  },
  late: { should: [is('at', { range: { gte: '$at' } }), is('group', { match: { any: ['$group'] } })] },
  near: { must: [is('place', { geo_radius: { center: '$place', radius: 3_000_000 } })] },
};
const indexes: PayloadIndex[] = fields.map(({ field, type }) => ({
  field,
  type,
  ...(field === 'tenant' ? { isTenant: true } : {}),
  ...(field === 'at' ? { isPrincipal: true } : {}),
  ...(field === 'price' ? { onDisk: true } : {}),
}));

describe('ground truth under filters, against exact search of the engine', () => {
  let engine: Engine;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    folder = await temporaryFolder();
    engine = await startEngine({
      dataDir: join(folder.path, 'engine'),
      ...(process.env.QDRANT_BIN ? { binary: process.env.QDRANT_BIN } : {}),
    });
  });
  afterAll(async () => {
    await engine?.stop();
    await folder?.[Symbol.asyncDispose]();
  });

  it.each([
    ['with payload indexes of all types', indexes],
    ['without any', []],
  ])('is what comes back, %s', async (_name, made) => {
    const named = Object.entries(filters).map(([name, filter]) => ({ name, weight: 1, filter }));
    const shape = {
      points: 2000,
      queries: 20,
      distance: 'Cosine' as const,
      payload: fields.map((field) => ({ ...field })),
    };
    const { dataset } = await smallDataset(join(folder.path, 'cache'), shape, LIMIT, named);
    const collection = `c${made.length}`;
    const rest = new Rest({ url: engine.url, collection }, 4, ANYWHERE);
    try {
      const path = `/collections/${collection}`;
      await rest.call('PUT', path, { body: '{"vectors":{"size":8,"distance":"Cosine"}}' });
      await createPayloadIndexes(rest, collection, made);
      const rows = await openDatasetRows(dataset);
      await upload(rest, rows, { collection });
      await rows.close();
      const info = await rest.call<CollectionInfo>('GET', path);
      expect(ignoredIndexes(made, info.payload_schema ?? {})).toEqual([]);
      for (const [name, filter] of Object.entries(filters)) {
        const source = { meta: dataset.meta, truth: dataset.truthOf(name), distance: dataset.distance.bind(dataset) };
        let matched = 0;
        for (let query = 0; query < dataset.meta.queries; query += 1) {
          const { points } = await rest.call<{ points: { id: number }[] }>('POST', `${path}/points/query`, {
            body: JSON.stringify({
              query: [...dataset.queries.subarray(query * 8, (query + 1) * 8)],
              filter: resolveFilter(filter, dataset.variables(query)),
              limit: LIMIT,
              params: { exact: true },
            }),
          });
          const wanted = source.truth.ids.subarray(query * LIMIT, (query + 1) * LIMIT).filter((id) => id >= 0).length;
          matched += wanted;
          expect(points.length, `${name}, query ${query}`).toBe(wanted);
          if (wanted === 0) continue;
          const ids = Array.from({ length: LIMIT }, (_, i) => points[i]?.id ?? -1);
          expect(recallOf(source, query, ids, 0, LIMIT), `${name}, query ${query}`).toBe(1);
        }
        expect(matched, name).toBeGreaterThan(0);
      }
    } finally {
      dataset.close();
      await rest.close();
    }
  });
});
