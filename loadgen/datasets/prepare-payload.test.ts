import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { JobError } from '../job-error.ts';
import { localAccess } from '../net/access.ts';
import type { PrepareJob } from '../protocol.ts';
import { smallDataset, temporaryFolder } from '../testing/fixtures.ts';
import { fvecs, ivecs } from '../testing/vecs.ts';
import { openDataset } from './dataset.ts';
import { prepareDataset } from './prepare.ts';

const quiet = { progress: () => undefined, access: localAccess({}) };

const FILES = {
  'base.fvecs': fvecs([
    [0, 0],
    [1, 0],
    [0, 2],
    [5, 5],
  ]),
  'queries.fvecs': fvecs([
    [0, 0],
    [4, 4],
  ]),
  'truth.ivecs': ivecs([
    [0, 1],
    [3, 2],
  ]),
  'payload.jsonl': '{"tenant": "a", "price": 1.0}\n{"tenant":"b"}\n{"tenant":"a"}\n{"tenant":"b"}\n',
  'variables.jsonl': '{"tenant":"b"}\n{"tenant":"a"}',
};
const byTenant = { must: [{ key: 'tenant', match: { value: '$tenant' } }] };
const queries: NonNullable<PrepareJob['queries']> = [
  { name: 'plain', weight: 3 },
  { name: 'one-tenant', weight: 1, filter: byTenant },
];

async function job(
  folder: string,
  changed: Partial<Record<keyof typeof FILES, string | Buffer | undefined>> = {},
  more: Partial<PrepareJob> = {},
): Promise<PrepareJob> {
  const url = async (name: keyof typeof FILES): Promise<{ url: string }> => {
    const path = join(folder, name);
    await writeFile(path, changed[name] ?? FILES[name]);
    return { url: pathToFileURL(path).href };
  };
  return {
    kind: 'Prepare',
    dataset: {
      vectors: {
        base: await url('base.fvecs'),
        queries: await url('queries.fvecs'),
        groundTruth: await url('truth.ivecs'),
        ...('payload.jsonl' in changed && !changed['payload.jsonl'] ? {} : { payload: await url('payload.jsonl') }),
        queryVariables: await url('variables.jsonl'),
        distance: 'Euclid',
      },
    },
    limit: 2,
    queries,
    cacheDir: join(folder, 'cache'),
    ...more,
  };
}

describe('preparing payload, variables and filters', () => {
  it('keeps payloads as they are written, and a ground truth of each filtered query', async () => {
    await using folder = await temporaryFolder();
    const prepared = await prepareDataset(await job(folder.path), quiet);
    expect(prepared.selectivity).toEqual({ 'one-tenant': 0.5 });
    const dataset = await openDataset(prepared.datasetDir);
    expect(dataset.hasPayload).toBe(true);
    expect(await dataset.payloadRows(0, 2)).toEqual(['{"tenant": "a", "price": 1.0}', '{"tenant":"b"}']);
    expect(dataset.payloadBytes).toEqual({ mean: 75 / 4, longest: 30 });
    expect([dataset.variables(0), dataset.variables(1), dataset.variables(2)]).toEqual([
      { tenant: 'b' },
      { tenant: 'a' },
      undefined,
    ]);
    // The given ground truth is of queries without a filter; under the filter it is computed.
    expect(dataset.meta.groundTruth).toBe('given');
    expect([...dataset.truthOf('plain').ids]).toEqual([0, 1, 3, 2]);
    expect([...dataset.truthOf('one-tenant').ids]).toEqual([1, 3, 2, 0]);
    expect(dataset.truthOf('one-tenant').distances[1]).toBeCloseTo(Math.hypot(5, 5));
    expect(dataset.meta.filters).toEqual({ 'one-tenant': { filter: byTenant, selectivity: 0.5 } });
    dataset.close();
  });

  it('is one dataset with or without a filter, and another with another payload', async () => {
    await using folder = await temporaryFolder();
    const first = await prepareDataset(await job(folder.path), quiet);
    const plain = await prepareDataset(await job(folder.path, {}, { queries: [{ name: 'x', weight: 1 }] }), quiet);
    expect(plain.digest).toBe(first.digest);
    expect(plain.selectivity).toBeUndefined();
    const other = await prepareDataset(
      await job(folder.path, { 'payload.jsonl': '{"tenant":"a"}\n'.repeat(4) }, { queries: [] }),
      quiet,
    );
    expect(other.digest).not.toBe(first.digest);
    const variables = '{"tenant":"a"}\n{"tenant":"a"}';
    const asked = await prepareDataset(await job(folder.path, { 'variables.jsonl': variables }), quiet);
    expect(asked.digest).not.toBe(first.digest);
    // Weights are no matter of the data, and neither is the order of queries.
    const again = await prepareDataset(
      await job(folder.path, {}, { queries: [{ name: 'one-tenant', weight: 9, filter: byTenant }] }),
      quiet,
    );
    expect(again.datasetDir).toBe(first.datasetDir);
  });

  it.each([
    [{ 'payload.jsonl': '{"a":1}\n' }, /payload file:.*payload\.jsonl: has 1 rows, but there are 4 base vectors/],
    [{ 'payload.jsonl': '{"a":1}\n'.repeat(9) }, /has more than 4 rows, but there are 4 base vectors/],
    [{ 'payload.jsonl': '{"a":1}\nnull\n' }, /payload file:.*payload\.jsonl: row 1: is no JSON object/],
    [{ 'variables.jsonl': '{}\n' }, /queryVariables file:.*: has 1 rows, but there are 2 query vectors/],
    [
      { 'variables.jsonl': '{"tenant":"a"}\n{}\n' },
      /query one-tenant, query vector 1: \$tenant is not a variable \(there are: none\)/,
    ],
    [
      { 'variables.jsonl': '{"tenant":1.5}\n{}\n' },
      /query one-tenant, query vector 0: with its variables it is no filter: /,
    ],
    [
      { 'payload.jsonl': undefined },
      /query one-tenant: its filter matches no base row in any of 2 queries; check the names/,
    ],
  ])('refuses %j', async (changed, message) => {
    await using folder = await temporaryFolder();
    const error = await prepareDataset(await job(folder.path, changed), quiet).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(JobError);
    expect(error).toMatchObject({ reason: 'DatasetInvalid', message: expect.stringMatching(message) as string });
  });

  it('tells when a prepared folder is not as it was', async () => {
    await using folder = await temporaryFolder();
    const { datasetDir } = await prepareDataset(await job(folder.path), quiet);
    await writeFile(join(datasetDir, 'variables.jsonl'), '{}\n');
    await expect(openDataset(datasetDir)).rejects.toMatchObject({
      reason: 'DatasetChanged',
      message: expect.stringContaining('variables.jsonl has 1 rows, expected 2') as string,
    });
    await truncate(join(datasetDir, 'payload.jsonl'), 5);
    await expect(openDataset(datasetDir)).rejects.toThrow('payload.jsonl has 5 bytes, expected 75');
    // Preparing again heals it.
    expect((await prepareDataset(await job(folder.path), quiet)).datasetDir).toBe(datasetDir);
    expect(await readFile(join(datasetDir, 'payload.jsonl'), 'utf8')).toBe(FILES['payload.jsonl']);
  });

  it('makes payloads up beside the same vectors', async () => {
    await using folder = await temporaryFolder();
    const { dataset: plain } = await smallDataset(folder.path);
    const payload = [
      { field: 'tenant', type: 'keyword' as const, cardinality: 5 },
      { field: 'price', type: 'float' as const },
    ];
    const filter = { must: [{ key: 'price', range: { gte: '$price' } }] };
    const { dataset, dir } = await smallDataset(folder.path, { payload }, 5, [{ name: 'costly', weight: 1, filter }]);
    expect([...dataset.queries]).toEqual([...plain.queries]);
    expect([...dataset.truth.ids]).toEqual([...plain.truth.ids]);
    expect(dataset.meta.digest).not.toBe(plain.meta.digest);
    expect(await readFile(dataset.basePath)).toEqual(await readFile(plain.basePath));
    const rows = (await dataset.payloadRows(0, 200)).map((text) => JSON.parse(text as string) as { price: number });
    const shares = Array.from({ length: 20 }, (_, query) => {
      const { price } = dataset.variables(query) as { price: number };
      return rows.filter((row) => row.price >= price).length / 200;
    });
    const selectivity = dataset.meta.filters?.['costly']?.selectivity;
    expect(selectivity).toBeCloseTo(shares.reduce((sum, share) => sum + share) / 20, 12);
    expect(plain.hasPayload).toBe(false);
    expect(await plain.payloadRows(3, 2)).toEqual([undefined, undefined]);
    expect(plain.variables(0)).toBeUndefined();
    expect(plain.truthOf('costly')).toBe(plain.truth);
    dataset.close();
    expect((await openDataset(dir)).truthOf('costly').ids).toEqual(dataset.truthOf('costly').ids);
  });
});
