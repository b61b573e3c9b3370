import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { crdName, KINDS } from '../kinds.ts';
import { EXPERIMENT } from '../experiment/experiment.ts';
import { parseResource, parseSweep } from '../parse.ts';
import { PROMOTION } from '../promotion/promotion.ts';
import { SWEEP } from '../sweep/sweep.ts';
import { sweepStatusSchema, type SweepStatus } from '../sweep/sweep-status.ts';
import { CrdServer } from '../testing/crd-server.ts';
import { fuzzedResources } from '../testing/fuzz.ts';
import { changedExample, fullExample, type TestObject } from '../testing/objects.ts';
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

describe('a sweep that exists', () => {
  const patch = (name: string, body: unknown, subresource: string[] = []) =>
    kubectl(['patch', SWEEP.shortName, name, '--type=merge', '-p', JSON.stringify(body), ...subresource], {
      fails: true,
    });

  it('keeps its kind of target, and its dataset once that is prepared', async () => {
    await kubectl(['create', '-f', '-'], { input: sweep('kept') });
    const external = { spec: { target: { kubernetes: null, external: { url: 'http://q:6333' } } } };
    expect((await patch('kept', external)).stderr).toContain(
      'spec.target: Invalid value: the kind of target is immutable',
    );
    const bigger = { spec: { dataset: { synthetic: { points: 60_000 } } } };
    expect((await patch('kept', bigger)).code).toBe(0);
    const status = { ...filledStatus(), environment: { ...filledStatus().environment, datasetDigest: undefined } };
    expect((await patch('kept', { status }, ['--subresource=status'])).code).toBe(0);
    expect((await patch('kept', { spec: { dataset: { synthetic: { points: 70_000 } } } })).code).toBe(0);
    const prepared = { status: { environment: { datasetDigest: 'sha256:abc' } } };
    expect((await patch('kept', prepared, ['--subresource=status'])).code).toBe(0);
    const refused = await patch('kept', { spec: { dataset: { synthetic: { points: 80_000 } } } });
    expect(refused.stderr).toContain('spec.dataset: Invalid value: immutable once prepared');
    expect((await patch('kept', { spec: { budget: { builds: 9 } } })).code).toBe(0);
  });

  it('shows its figures', async () => {
    await kubectl(['create', '-f', '-'], { input: sweep('shown') });
    const before = (await kubectl(['get', 'qsw', 'shown'])).stdout;
    expect(words(before)[0]).toEqual(['NAME', 'PHASE', 'BUILDS', 'RECALL', 'THROUGHPUT', 'P95', 'COST', 'AGE']);
    const status = sweepStatusSchema.parse(filledStatus());
    expect(await patch('shown', { status }, ['--subresource=status'])).toMatchObject({ code: 0 });
    const [, row] = words((await kubectl(['get', 'qsw', 'shown'])).stdout);
    expect(row?.slice(0, 8)).toEqual(['shown', 'Running', '3/4', '0.962', '812/s', '11.8ms', '0.61', 'USD']);
    const wide = (await kubectl(['get', 'qdrantbench', '-o', 'wide'])).stdout;
    expect(wide).toContain('GOAL');
    expect(wide).toContain('Measuring');
    expect(wide).toContain('m=32 · hnsw_ef=96');
    const stored = JSON.parse((await kubectl(['get', 'qsw', 'shown', '-o', 'json'])).stdout) as { status: unknown };
    expect(stored.status).toEqual(status);
  });

  it('has its status checked', async () => {
    await kubectl(['create', '-f', '-'], { input: sweep('checked') });
    const bad = { ...filledStatus(), phase: 'Done', conditions: [condition, condition] };
    const { code, stderr } = await patch('checked', { status: bad }, ['--subresource=status']);
    expect(code).not.toBe(0);
    expect(stderr).toContain('status.phase: Unsupported value: "Done"');
    expect(stderr).toContain('status.conditions[1]: Duplicate value');
  });
});

describe('other kinds that exist', () => {
  const create = (object: TestObject) => kubectl(['create', '-f', '-'], { input: JSON.stringify(object) });
  const patch = (kind: string, name: string, body: unknown, more: string[] = []) =>
    kubectl(['patch', kind, name, '--type=merge', '-p', JSON.stringify(body), ...more], { fails: true });

  it('keep what is immutable', async () => {
    await create(changedExample(EXPERIMENT, {}, 'kept'));
    const external = { spec: { target: { qdrantCloud: null, external: { url: 'http://q:6333' } } } };
    expect((await patch('emx', 'kept', external)).stderr).toContain(
      'spec.target: Invalid value: the kind of target is immutable; make a new EmbeddingExperiment instead',
    );
    const pages = (maxPages: number) => ({ spec: { corpus: { documents: { maxPages } } } });
    expect((await patch('emx', 'kept', pages(300))).code).toBe(0);
    const prepared = { status: { environment: { corpusDigest: 'sha256:abc' } } };
    expect((await patch('emx', 'kept', prepared, ['--subresource=status'])).code).toBe(0);
    expect((await patch('emx', 'kept', pages(200))).stderr).toContain(
      'spec.corpus: Invalid value: immutable once prepared',
    );
    await create(changedExample(PROMOTION, {}, 'kept'));
    expect((await patch('qpr', 'kept', { spec: { alias: 'other' } })).stderr).toContain(
      'spec.alias: Invalid value: immutable: an alias has one owner',
    );
  });

  it('show their figures', async () => {
    for (const kind of [EXPERIMENT, PROMOTION]) {
      const { metadata, ...object } = fullExample(kind);
      const shown = { ...object, metadata: { ...metadata, name: 'shown' } };
      await create(shown);
      expect((await patch(kind.shortName, 'shown', { status: shown.status }, ['--subresource=status'])).code).toBe(0);
    }
    const tableOf = async (shortName: string) =>
      words((await kubectl(['get', shortName, 'shown', '-o', 'wide'])).stdout);
    const [experimentHead, experiment] = await tableOf('emx');
    expect(experimentHead).toEqual([
      'NAME',
      'PHASE',
      'ARMS',
      'READY',
      'WINNER',
      'BY',
      'AGE',
      'GOAL',
      'ACCEPTED',
      'DRIFTED',
    ]);
    expect(experiment?.slice(0, 6)).toEqual(['shown', 'Completed', '3', '3', 'both', 'Quality']);
    expect(experiment?.at(-1)).toBe('SignificantlyBetter');
    const [promotionHead, promotion] = await tableOf('qpr');
    expect(promotionHead).toEqual(['NAME', 'ALIAS', 'PHASE', 'COLLECTION', 'MODEL', 'AGE', 'APPROVED', 'ACCEPTED']);
    expect(promotion?.slice(0, 5)).toEqual(['shown', 'handbook', 'Live', 'qb-77aa', 'large']);
  });
});

describe('two who apply one resource', () => {
  it('own a parameter each', async () => {
    const apply = (manager: string, parameters: unknown[]) => {
      const { apiVersion, kind } = quickstart;
      const spec = manager === 'first' ? { ...quickstart.spec, parameters } : { parameters };
      const input = JSON.stringify({ apiVersion, kind, metadata: { name: 'shared' }, spec });
      return kubectl(['apply', '--server-side', '--field-manager', manager, '-f', '-'], { input });
    };
    await apply('first', [{ name: 'hnsw_config.m', numbers: [8, 16] }]);
    await apply('second', [{ name: 'params.hnsw_ef', numbers: [64, 128] }]);
    const stored = JSON.parse((await kubectl(['get', 'qsw', 'shared', '-o', 'json'])).stdout) as TestObject;
    expect(stored.spec['parameters']).toEqual([
      { name: 'hnsw_config.m', numbers: [8, 16] },
      { name: 'params.hnsw_ef', numbers: [64, 128] },
    ]);
  });
});

describe('kubectl explain', () => {
  it.each(KINDS)('reads like documentation for $kind', async ({ shortName, description }) => {
    const { stdout } = await kubectl(['explain', shortName, '--recursive']);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(description);
  });

  it('tells of a field what it is', async () => {
    const { stdout } = await kubectl(['explain', 'qsw.spec.dataset']);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('What is searched: exactly one of vectors, synthetic, embedded.');
    expect(stdout).toContain('Made-up vectors with planted clusters');
  });
});

const words = (table: string): string[][] =>
  table
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/));

const condition: SweepStatus['conditions'][number] = {
  type: 'GoalMet',
  status: 'False',
  reason: 'Measuring',
  message: 'three builds measured',
  lastTransitionTime: '2026-11-21T08:00:00Z',
};

function filledStatus(): SweepStatus {
  return {
    observedGeneration: 1,
    phase: 'Running',
    summary: { progress: '3/4', recall: '0.962', throughput: '812/s', latencyP95: '11.8ms', cost: '0.61 USD' },
    conditions: [condition],
    startedAt: '2026-11-21T08:00:00.123Z',
    progress: { builds: 3, maxBuilds: 4, searches: 20, running: 1, failed: 0, inconclusive: 0 },
    environment: {
      benchVersion: '0.1.0',
      judgeVersion: '1',
      target: 'one pod',
      datasetDigest: 'sha256:abc',
      notes: [],
    },
    best: {
      configuration: {
        collection: { hnsw_config: { m: 32 }, quantization_config: { scalar: { type: 'int8', quantile: 0.99 } } },
        search: { hnsw_ef: 96, quantization: { oversampling: 1.5 } },
        summary: 'm=32 · hnsw_ef=96',
      },
      metrics: [{ name: 'recall', value: 0.962, low: 0.958, high: 0.966 }],
      verdict: 'Passed',
      reason: 'ConstraintsMet',
      message: 'recall 0.962 ≥ 0.95',
      constraints: [{ name: 'recall', verdict: 'Passed', value: 0.962, bound: 0.95 }],
      run: '3f9c',
    },
    frontier: [],
    nextConfigurations: [],
    recentRuns: [],
  };
}
