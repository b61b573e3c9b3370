import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { InvalidInput, readSweep } from './input.ts';
import { placesOf } from './places.ts';
import { secretValue, secretVariable } from './secrets.ts';

const folder = mkdtempSync(join(tmpdir(), 'input-'));
afterAll(() => rmSync(folder, { recursive: true }));

const write = (name: string, text: string): string => {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
};

const vectors = (target: string) => `apiVersion: qdrantbench.io/v1alpha1
kind: QdrantSweep
metadata: {name: mine}
spec:
  target: ${target}
  dataset: {vectors: {base: {url: "file:data/base.fvecs"}, queries: {url: "https://x.example/q.fvecs"}, groundTruth: {url: "file:gt.ivecs"}, distance: Euclid}}
`;

describe('reading a sweep', () => {
  it('makes file: URLs absolute, relative to the file, and leaves others', async () => {
    const { spec, metadata } = await readSweep(write('a.yaml', vectors('{kubernetes: {}}')), {});
    expect(spec.dataset.vectors?.base.url).toBe(pathToFileURL(join(folder, 'data/base.fvecs')).href);
    expect(spec.dataset.vectors?.groundTruth?.url).toBe(pathToFileURL(join(folder, 'gt.ivecs')).href);
    expect(spec.dataset.vectors?.queries.url).toBe('https://x.example/q.fvecs');
    expect(metadata.namespace).toBe('default');
  });

  it('lets --qdrant replace the target but not its price, and --namespace the namespace', async () => {
    const file = write('b.yaml', vectors('{kubernetes: {pricePerHour: {amount: "0.5", currency: USD}}}'));
    const { spec, metadata } = await readSweep(file, { qdrant: 'http://localhost:6333/', namespace: 'team' });
    expect(spec.target).toEqual({
      external: { url: 'http://localhost:6333', pricePerHour: { amount: '0.5', currency: 'USD' } },
    });
    expect(metadata.namespace).toBe('team');
  });

  it.each([
    ['a file that is not there', 'gone.yaml', undefined, 'does not exist'],
    ['a folder', '.', undefined, 'is a folder'],
    ['a file of nonsense', 'c.yaml', 'a: [', 'not valid YAML'],
    ['a file with a wrong field', 'd.yaml', vectors('{kubernets: {}}'), 'did you mean "kubernetes"?'],
    ['a huge file', 'e.yaml', '#'.repeat(1_100_000), 'larger than'],
  ])('refuses %s', async (_, name, text, message) => {
    const file = text === undefined ? join(folder, name) : write(name, text);
    await expect(readSweep(file, {})).rejects.toThrow(InvalidInput);
    await expect(readSweep(file, {})).rejects.toThrow(message);
  });

  it('refuses what this version cannot do, field by field', async () => {
    const file = write('g.yaml', vectors('{kubernetes: {nodes: 3, storage: 1Gi}}'));
    const refused = readSweep(file, {});
    await expect(refused).rejects.toThrow(InvalidInput);
    await expect(refused).rejects.toThrow('spec.target.kubernetes.nodes: 3 is not supported by this version');
    await expect(refused).rejects.toThrow('spec.target.kubernetes.storage: not supported by this version');
    // Another target takes their place.
    await expect(readSweep(file, { qdrant: 'http://localhost:6333' })).resolves.toBeDefined();
  });

  it('refuses a namespace that is none', async () => {
    await expect(readSweep(write('f.yaml', vectors('{kubernetes: {}}')), { namespace: 'Not Good' })).rejects.toThrow(
      'metadata.namespace',
    );
  });
});

describe('places', () => {
  it('are inside a folder store, and keyed beside a Postgres', () => {
    expect(placesOf('/s', {})).toEqual({ record: '/s/record', engines: '/s/engines', datasets: '/s/datasets' });
    const url = 'postgres://u:secret@h/db';
    const places = placesOf(url, { XDG_DATA_HOME: '/data' });
    expect(places.record).toBe(url);
    expect(places.engines).toMatch(/^\/data\/qdrant-bench\/postgres-[0-9a-f]{12}\/engines$/);
    expect(places.engines).not.toContain('secret');
  });

  it('follow the XDG data directory and ignore a relative one', () => {
    expect(placesOf(undefined, { XDG_DATA_HOME: '/data' }).record).toBe('/data/qdrant-bench/store/record');
    expect(placesOf(undefined, { XDG_DATA_HOME: 'data' }).record).toMatch(
      /\/\.local\/share\/qdrant-bench\/store\/record$/,
    );
  });
});

describe('secrets', () => {
  it('come from a variable named after Secret and key', () => {
    expect(secretVariable({ name: 'my-qdrant', key: 'api.key' })).toBe('QDRANT_BENCH_SECRET_MY_QDRANT_API_KEY');
    expect(secretValue('f', { name: 'q', key: 'k' }, { QDRANT_BENCH_SECRET_Q_K: 'v' })).toBe('v');
    expect(() => secretValue('spec.x', { name: 'q', key: 'k' }, {})).toThrow(
      'spec.x names key k of Secret q; in a local run set QDRANT_BENCH_SECRET_Q_K',
    );
  });
});
