import { QdrantClient } from '@qdrant/js-client-rest';
import { expect, it } from 'vitest';
import { startTestEngine } from './testing/test-engine.ts';

it('the official client writes, changes and queries hybrid data', async () => {
  await using server = await startTestEngine();
  const client = new QdrantClient({ url: server.engine.url });
  await client.createCollection('c', {
    vectors: { dense: { size: 2, distance: 'Dot' } },
    sparse_vectors: { words: { modifier: 'idf' } },
    strict_mode_config: { enabled: true, max_query_limit: 50 },
  });
  await client.createPayloadIndex('c', { field_name: 'kind', field_schema: { type: 'keyword' }, wait: true });
  const points = [1, 2, 3, 4].map((id) => ({
    id,
    vector: { dense: [id, 1], words: { indices: [id, 9], values: [1, 1] } },
    payload: { kind: id % 2 === 0 ? 'even' : 'odd' },
  }));
  await client.upsert('c', { wait: true, points });
  await client.setPayload('c', { wait: true, payload: { seen: true }, points: [1] });
  await client.overwritePayload('c', { wait: true, payload: { kind: 'odd', only: 1 }, points: [3] });
  await client.deletePayload('c', { wait: true, keys: ['only'], points: [3] });
  await client.updateVectors('c', { wait: true, points: [{ id: 4, vector: { dense: [0, 1] } }] });
  await client.deleteVectors('c', { wait: true, vector: ['words'], points: [2] });
  await client.batchUpdate('c', { wait: true, operations: [{ clear_payload: { points: [4] } }] });
  expect(await client.retrieve('c', { ids: [1, 3, 4], with_vector: ['dense'] })).toEqual([
    { id: 1, payload: { kind: 'odd', seen: true }, vector: { dense: [1, 1] } },
    { id: 3, payload: { kind: 'odd' }, vector: { dense: [3, 1] } },
    { id: 4, payload: {}, vector: { dense: [0, 1] } },
  ]);
  const { points: fused } = await client.query('c', {
    prefetch: [
      { query: [1, 0], using: 'dense', limit: 2 },
      { query: { indices: [1], values: [1] }, using: 'words', limit: 2 },
    ],
    query: { fusion: 'rrf' },
    limit: 3,
  });
  expect(fused.map(({ id }) => id).toSorted()).toEqual([1, 2, 3]);
  const { groups } = await client.queryGroups('c', { query: [1, 0], using: 'dense', group_by: 'kind', group_size: 1 });
  expect(groups.map(({ id, hits }) => [id, hits[0]?.id])).toEqual([
    ['odd', 3],
    ['even', 2],
  ]);
  expect(await client.facet('c', { key: 'kind', exact: true })).toEqual({
    hits: [
      { value: 'odd', count: 2 },
      { value: 'even', count: 1 },
    ],
  });
  expect((await client.searchMatrixPairs('c', { using: 'dense', sample: 4, limit: 1 })).pairs).toHaveLength(4);
  await expect(client.query('c', { query: [1, 0], using: 'dense', limit: 51 })).rejects.toThrow('Bad Request');
});
