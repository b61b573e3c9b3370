import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { crdName, KINDS } from '../kinds.ts';
import { parseResource, parseSweep } from '../parse.ts';
import { CrdServer } from '../testing/crd-server.ts';
import { fuzzedResources } from '../testing/fuzz.ts';
import { changedExample, type TestObject } from '../testing/objects.ts';
import { REFUSED } from '../testing/refused.ts';

const root = join(import.meta.dirname, '../..');
/** The contract's own examples, where they are at hand. */
const contract = join(process.env['QDRANT_BENCH_DATA'] ?? join(root, '../shared/data'), '../design/api');

/** Every object in the YAML files of a folder, with the file's name. */
function objectsIn(folder: string): [file: string, object: TestObject][] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.yaml'));
  return files.flatMap((file) => {
    // Two checksums there stand for any: an ellipsis, and digits that YAML takes for the number 0.
    const text = readFileSync(join(folder, file), 'utf8').replaceAll(
      /sha256: ("…"|0{64})/g,
      `sha256: "${'0'.repeat(64)}"`,
    );
    return parseAllDocuments(text).map((document): [string, TestObject] => [file, document.toJS() as TestObject]);
  });
}

const examples = objectsIn(join(root, 'examples'));
const contracts = existsSync(contract) ? objectsIn(contract) : [];

let server: CrdServer;
beforeAll(async () => {
  server = await CrdServer.start();
}, 900_000);
afterAll(() => server?.stop());

const kubectl: CrdServer['kubectl'] = (...args) => server.kubectl(...args);

const quickstart = examples.find(([file]) => file === 'quickstart.yaml')?.[1] as TestObject;

/** The quickstart under a name with some parts of its spec replaced; `undefined` removes one. As JSON: no YAML version has a say. */
const sweep = (name: string, spec: Record<string, unknown> = {}): string =>
  JSON.stringify({ ...quickstart, metadata: { name }, spec: { ...quickstart.spec, ...spec } });

const dryRun = (input: string) => kubectl(['create', '--dry-run=server', '-f', '-'], { input, fails: true });

describe('the API server', () => {
  it.each(KINDS)('takes the CRD of $kind as structural and within the cost of its rules', async (kind) => {
    const { stdout } = await kubectl(['get', 'crd', crdName(kind), '-o', 'json']);
    const { status } = JSON.parse(stdout) as { status: { conditions: { type: string; status: string }[] } };
    const conditions = Object.fromEntries(status.conditions.map(({ type, status }) => [type, status]));
    expect(conditions).toEqual({ NamesAccepted: 'True', Established: 'True' });
  });

  const applied = async (object: TestObject) => {
    const input = stringify({ ...object, metadata: { ...object.metadata, namespace: 'default' } });
    const apply = ['apply', '--server-side', '--validate=strict', '-f', '-'];
    expect(await kubectl(apply, { input, fails: true })).toMatchObject({ code: 0, stderr: '' });
    if (object.status === undefined) return;
    expect(await kubectl([...apply, '--subresource=status'], { input, fails: true })).toMatchObject({
      code: 0,
      stderr: '',
    });
    const { kind, metadata } = object;
    const stored = await kubectl(['get', kind, metadata.name, '-o', 'json']);
    expect((JSON.parse(stored.stdout) as TestObject).status).toEqual(object.status);
  };

  it.each(examples)('takes examples/%s, spec and status, by server-side apply', (_, object) => applied(object));

  it.skipIf(contracts.length === 0)(
    "takes the contract's examples, spec and status, by server-side apply",
    async () => {
      expect(new Set(contracts.map(([, { kind }]) => kind)).size).toBe(KINDS.length);
      for (const [, object] of contracts) await applied(object);
    },
  );

  const file = { url: 'file:a.fvecs' };
  const price = { amount: '0.20', currency: 'USD' };
  it.each<[string, Record<string, unknown>]>([
    [
      'a target with every field',
      { target: { kubernetes: { version: 'v1.19.0', resources: { cpu: '1', memory: '4Gi' }, pricePerHour: price } } },
    ],
    [
      'an external target',
      {
        target: {
          external: {
            url: 'https://q.example:6333',
            apiKeySecretRef: { name: 'q', key: 'apiKey' },
            pricePerHour: price,
          },
        },
      },
    ],
    [
      'vectors',
      {
        dataset: {
          vectors: {
            base: { ...file, sha256: 'a'.repeat(64), format: 'fvecs' },
            queries: file,
            groundTruth: { url: 'https://data.example/a.ivecs' },
            distance: 'Dot',
          },
        },
      },
    ],
    [
      'a workload',
      {
        workload: {
          limit: 10,
          load: { saturation: { arrivals: 'Poisson' } },
          duration: '1m30s',
          warmup: '500ms',
          repeats: 3,
        },
      },
    ],
    [
      'quantizations of the user, bodies as Qdrant has them',
      { quantizations: [{ name: 'my-int8', config: { scalar: { type: 'int8', quantile: 0.99, always_ram: true } } }] },
    ],
    [
      'parameters of each kind',
      {
        parameters: [
          { name: 'hnsw_config.m', numbers: [8, 16.5] },
          { name: 'quantization_config', choices: ['none', 'my-int8'] },
          { name: 'params.hnsw_ef', range: { min: 16, max: 512, scale: 'Log' } },
          { name: 'hnsw_config.ef_construct', range: { min: 0, max: 512 } },
        ],
      },
    ],
    [
      'constraints of each kind',
      {
        constraints: {
          recall: { min: 0.95 },
          latency: [50, 95, 99, 99.9].map((percentile) => ({ percentile, max: '20ms' })),
          errorRate: { max: 0 },
          memory: { max: '4Gi' },
        },
      },
    ],
    [
      'the rest',
      {
        suspend: true,
        judge: { strategy: 'Grid', seed: 4_294_967_295 },
        budget: { builds: 1000, duration: '168h' },
        parallelism: 1,
      },
    ],
  ])('accepts %s, as the CLI does', async (_, spec) => {
    const text = sweep('good', spec);
    expect(parseSweep(text).errors).toBeUndefined();
    expect(await dryRun(text)).toMatchObject({ code: 0, stderr: '' });
  });

  it.each(REFUSED)('refuses %s, in the words of the CLI', async (_, kind, changes) => {
    const text = JSON.stringify(changedExample(kind, changes));
    const { errors = [] } = parseResource(kind, text);
    const { code, stderr } = await dryRun(text);
    expect(code).not.toBe(0);
    expect(errors.length).toBeGreaterThan(0);
    for (const { field, message } of errors) {
      expect(stderr).toContain(field);
      expect(stderr).toContain(essence(message));
    }
  });

  it.each(KINDS)('and the CLI agree on any $kind, valid or hostile', async (kind) => {
    const made = fuzzedResources(kind, { seed: 20_261_121, count: 200 });
    const apart: unknown[] = [];
    let accepted = 0;
    for (const { body, hostile } of made) {
      const { errors } = parseResource(kind, body);
      const { status, message } = await server.wouldCreate(kind, body);
      expect(status).toBeLessThan(500);
      if (status < 300) accepted += 1;
      if (status < 300 !== (errors === undefined)) apart.push({ hostile, errors, message, body });
    }
    expect(apart).toEqual([]);
    expect(accepted).toBeGreaterThan(10);
    expect(accepted).toBeLessThan(190);
  });

  it.each(['two.labels', 'a'.repeat(64)])(
    'refuses the name %s, which other objects could not carry on',
    async (name) => {
      const { code, stderr } = await dryRun(sweep(name));
      expect(parseSweep(sweep(name)).errors?.[0]?.field).toBe('metadata.name');
      expect(code).not.toBe(0);
      expect(stderr).toContain('metadata.name');
    },
  );
});

/** What is wrong, without the value it repeats and without our hints, which the API server does not have. */
function essence(message: string): string {
  return message
    .replace(/^Invalid value: ("(?:[^"\\]|\\.)*"|[^:]*): /, '')
    .replace(/^Duplicate value: .*$/s, 'Duplicate value')
    .replace(/^.* in body must be of type .*$/s, 'in body must be of type')
    .replace(/^unknown field; .*$/s, 'unknown field')
    .replace(/; did you mean .*$/s, '')
    .replace(/^Required value: .*$/s, 'Required value');
}
