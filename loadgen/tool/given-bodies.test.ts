import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../testing/fixtures.ts';
import { readGivenBodies, type GivenBodies } from './given-bodies.ts';
import type { QueryShape } from './query-bodies.ts';

async function read(lines: string, shape: Partial<QueryShape> = {}): Promise<GivenBodies> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'bodies.jsonl');
  await writeFile(path, lines);
  return await readGivenBodies(path, { limit: 10, params: {}, ...shape });
}

const texts = async (...args: Parameters<typeof read>): Promise<string[]> => (await read(...args)).bodies.map(String);

describe('readGivenBodies', () => {
  it('sends what is written as it is written', async () => {
    const line =
      '{"query":{"fusion":"rrf"},"prefetch":[{"query":[1.0]}],"limit":3,"filter":{"must":[{"has_id":[9007199254740993]}]}}';
    expect(await texts(`${line}\n`)).toEqual([line]);
  });

  it('adds what a body leaves out and the command line says', async () => {
    expect(await texts('{"query":[1]}\n{ }', { params: { hnsw_ef: 8 }, using: 'a' })).toEqual([
      '{"query":[1],"limit":10,"params":{"hnsw_ef":8},"using":"a"}',
      '{ "limit":10,"params":{"hnsw_ef":8},"using":"a"}',
    ]);
    const [first] = await texts('{"query":[1]}');
    expect(JSON.parse(first as string)).toEqual({ query: [1], limit: 10 });
  });

  it.each([
    ['{"with_payload":true}', true],
    ['{"with_payload":{"include":["a"]}}', true],
    ['{"with_payload":false}', false],
    ['{"with_payload":null}', false],
    ['{}', false],
  ])('knows of %s whether payloads come', async (line, withPayload) => {
    expect((await read(`{}\n${line}`)).withPayload).toBe(withPayload);
  });

  it.each<[string, Partial<QueryShape>, RegExp]>([
    ['', {}, /is empty; expected one query body a line/],
    ['{}\n[1]', {}, /row 1: is no JSON object/],
    ['{"limit":11}', {}, /row 0: its limit is 11; expected 1 to 10, raise --limit/],
    ['{"limit":null}', {}, /row 0: its limit is null/],
    ['{"limit":"5"}', {}, /row 0: its limit is "5"/],
    ['{"params":{"exact":true}}', { params: { hnsw_ef: 8 } }, /row 0: has params of its own; leave out --param/],
    ['{"using":"a"}', { using: 'b' }, /row 0: names a vector by using; leave out --using/],
  ])('refuses %j', async (lines, shape, message) => {
    await expect(read(lines, shape)).rejects.toMatchObject({
      reason: 'DatasetInvalid',
      message: expect.stringMatching(message) as string,
    });
  });

  it('names a file that is not there', async () => {
    const reading = readGivenBodies('/nonexistent/b.jsonl', { limit: 1, params: {} });
    await expect(reading).rejects.toThrow(/^--bodies \/nonexistent\/b.jsonl: cannot be read/);
  });
});
