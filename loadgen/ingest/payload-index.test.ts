import { describe, expect, it } from 'vitest';
import { ANYWHERE } from '../net/address-rules.ts';
import { Rest } from '../rest.ts';
import { startStub } from '../testing/stub-qdrant.ts';
import type { PayloadIndex } from '../workload.ts';
import { createPayloadIndexes, fieldSchema, ignoredIndexes } from './payload-index.ts';

const indexes: PayloadIndex[] = [
  { field: 'tenant', type: 'keyword', isTenant: true, onDisk: false },
  { field: 'at', type: 'datetime', isPrincipal: true },
  { field: 'title', type: 'text' },
];

describe('payload indexes', () => {
  it("are made in Qdrant's own words, one after the other", async () => {
    const stub = await startStub();
    const rest = new Rest({ url: stub.url, collection: 'a b' }, 2, ANYWHERE);
    await createPayloadIndexes(rest, 'a b', indexes);
    expect(stub.seen).toEqual(indexes.map(() => 'PUT /collections/a%20b/index?wait=true'));
    expect(stub.indexes).toEqual({
      tenant: { data_type: 'keyword', params: { type: 'keyword', is_tenant: true, on_disk: false } },
      at: { data_type: 'datetime', params: { type: 'datetime', is_principal: true } },
      title: { data_type: 'text', params: { type: 'text', tokenizer: 'word', lowercase: true } },
    });
    expect(ignoredIndexes(indexes, stub.indexes)).toEqual([]);
    await rest.close();
    await stub.close();
  });

  it('end the build where the server refuses one, with its words', async () => {
    const stub = await startStub({
      faults: [() => ({ status: 400, body: '{"status":{"error":"Wrong input: no such type"}}' })],
    });
    const rest = new Rest({ url: stub.url, collection: 'c' }, 2, ANYWHERE);
    await expect(createPayloadIndexes(rest, 'c', indexes)).rejects.toMatchObject({
      reason: 'BuildFailed',
      message: expect.stringMatching(/^payload index on tenant \(keyword\): .*Wrong input: no such type/) as string,
    });
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    await expect(createPayloadIndexes(rest, 'c', indexes, stop.signal)).rejects.toThrow('enough');
    await rest.close();
    await stub.close();
  });

  it('tell what is not in effect', () => {
    expect(
      ignoredIndexes(indexes, {
        tenant: { data_type: 'keyword', params: { type: 'keyword', is_tenant: false } },
        at: { data_type: 'integer' },
      }),
    ).toEqual([
      'payload index at: asked datetime, applied integer',
      'payload index tenant: is_tenant: asked true, applied false',
      'payload index title: asked text, applied nothing',
    ]);
    expect(ignoredIndexes(indexes.slice(0, 1), { tenant: { data_type: 'keyword' } })).toEqual([
      'payload index tenant: is_tenant: asked true, applied nothing',
    ]);
    expect(fieldSchema({ field: 'a', type: 'geo', onDisk: true })).toEqual({ type: 'geo', on_disk: true });
  });
});
