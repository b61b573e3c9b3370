import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../charts/testing/run.ts';
import { startApiServer, type TestApiServer } from '../../dev/cluster/testing/api-server.ts';
import { ensureGoTools } from '../../dev/go/tools.ts';
import { parseSweep } from '../parse.ts';
import { sweepStatusSchema, type SweepStatus } from '../sweep/sweep-status.ts';
import { CRD_NAME } from './custom-resource-definition.ts';

const root = join(import.meta.dirname, '../..');
const crdFile = join(root, 'crds', `${CRD_NAME}.yaml`);
const examples = readdirSync(join(root, 'examples'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => [file, readFileSync(join(root, 'examples', file), 'utf8')] as const);

let server: TestApiServer;
let kubectlPath: string;
beforeAll(async () => {
  const onProgress = (line: string) => process.stderr.write(`  ${line}\n`);
  ({ kubectl: kubectlPath } = await ensureGoTools(['kubectl'], { onProgress }));
  server = await startApiServer({ onProgress });
  await kubectl(['apply', '--server-side', '-f', crdFile]);
  await kubectl(['wait', '--for=condition=Established', '--timeout=60s', `crd/${CRD_NAME}`]);
  // Established is said a moment before the server serves the kind, and its documentation, everywhere.
  for (
    let tries = 0;
    (await kubectl(['explain', 'qdrantsweeps'], { fails: true })).code !== 0 && tries < 100;
    tries += 1
  ) {
    await sleep(200);
  }
}, 900_000);
afterAll(() => server?.stop());

/** Runs kubectl against the server; a failure that is not expected throws with what it said. */
async function kubectl(
  args: readonly string[],
  { input = '', fails = false }: { input?: string; fails?: boolean } = {},
) {
  // Its own cache folder: kubectl keeps a server's discovery for hours, by its address.
  const own = ['--kubeconfig', server.kubeconfig, '--cache-dir', join(server.dir, 'kubectl-cache')];
  const result = await run(kubectlPath, [...own, ...args], input);
  if (result.code !== 0 && !fails) throw new Error(`kubectl ${args.join(' ')}: ${result.stderr}`);
  return result;
}

const quickstart = parseSweep(examples.find(([file]) => file === 'quickstart.yaml')?.[1] ?? '').sweep;

/** The quickstart under a name with some parts of its spec replaced; `undefined` removes one. As JSON: no YAML version has a say. */
const sweep = (name: string, spec: Record<string, unknown> = {}): string =>
  JSON.stringify({ ...quickstart, metadata: { name }, spec: { ...quickstart?.spec, ...spec } });

const dryRun = (input: string) => kubectl(['create', '--dry-run=server', '-f', '-'], { input, fails: true });

describe('the API server', () => {
  it('takes the CRD as structural and within the cost of its rules', async () => {
    const { stdout } = await kubectl(['get', 'crd', CRD_NAME, '-o', 'json']);
    const { status } = JSON.parse(stdout) as { status: { conditions: { type: string; status: string }[] } };
    const conditions = Object.fromEntries(status.conditions.map(({ type, status }) => [type, status]));
    expect(conditions).toEqual({ NamesAccepted: 'True', Established: 'True' });
  });

  it.each(examples)('accepts examples/%s', async (_, text) => {
    expect(await dryRun(text)).toMatchObject({ code: 0, stderr: '' });
  });

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

  it.each<[string, Record<string, unknown>]>([
    ['a missing part', { dataset: undefined }],
    ['two targets', { target: { kubernetes: {}, external: { url: 'http://localhost:6333' } } }],
    ['no target', { target: {} }],
    ['a misspelt field', { budgte: { builds: 2 } }],
    ['a misspelt nested field', { budget: { bilds: 2 } }],
    ['a number too small', { budget: { builds: 0 } }],
    ['a number too large', { constraints: { recall: { min: 1.5 } } }],
    ['a text for a boolean', { suspend: 'yes' }],
    ['a text for a number', { constraints: { recall: { min: 'high' } } }],
    ['a list for an object', { budget: [] }],
    ['an unknown choice', { judge: { strategy: 'grid' } }],
    ['a missing choice', { objectives: [{ goal: 'Maximize' }] }],
    ['a bad duration', { budget: { duration: 'about 7 days' } }],
    ['a negative duration', { workload: { duration: '-5s' } }],
    ['a duration too short', { budget: { duration: '10ms' } }],
    ['a bad quantity', { constraints: { memory: { max: '4 GB' } } }],
    ['too many items', { objectives: Array.from({ length: 5 }, () => ({ metric: 'recall', goal: 'Maximize' })) }],
    ['too few items', { objectives: [] }],
    ['a text too long', { parameters: [{ name: `a${'b'.repeat(200)}`, numbers: [1] }] }],
    ['an empty text', { parameters: [{ name: 'x', choices: [''] }] }],
    ['a range upside down', { parameters: [{ name: 'x', range: { min: 3, max: 1 } }] }],
    ['a log range from 0', { parameters: [{ name: 'x', range: { min: 0, max: 1, scale: 'Log' } }] }],
    ['two ways to give values', { parameters: [{ name: 'x', numbers: [1], choices: ['a'] }] }],
    ['a percentile we do not measure', { constraints: { latency: [{ percentile: 42, max: '1s' }] } }],
    ['a URL with credentials', { target: { external: { url: 'https://u:p@host' } } }],
    ['a URL with a path', { target: { external: { url: 'https://host/a' } } }],
    ['a URL of another kind', { dataset: { vectors: { base: { url: 'ftp://x' }, queries: file, distance: 'Dot' } } }],
    ['a short checksum', { dataset: { vectors: { base: { ...file, sha256: 'ab' }, queries: file, distance: 'Dot' } } }],
    ['money as a float', { target: { kubernetes: { pricePerHour: { amount: 'a lot', currency: 'dollar' } } } }],
    [
      'a Secret name in capitals',
      { target: { external: { url: 'http://q', apiKeySecretRef: { name: 'Q', key: 'k' } } } },
    ],
    ['several at once', { budget: { builds: 0 }, parallelism: 2, workload: { repeats: 50 } }],
  ])('refuses %s with all that the CLI says', async (_, spec) => {
    const text = sweep('bad', spec);
    const { errors = [] } = parseSweep(text);
    const { code, stderr } = await dryRun(text);
    expect(code).not.toBe(0);
    expect(errors.length).toBeGreaterThan(0);
    for (const { field, message } of errors) {
      expect(stderr).toContain(field);
      expect(stderr).toContain(essence(message));
    }
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
    .replace(/^.* in body must be of type .*$/s, 'in body must be of type')
    .replace(/^unknown field; .*$/s, 'unknown field')
    .replace(/; did you mean .*$/s, '')
    .replace(/^Required value: .*$/s, 'Required value');
}

describe('a sweep that exists', () => {
  const patch = (name: string, body: unknown, subresource: string[] = []) =>
    kubectl(['patch', 'qsw', name, '--type=merge', '-p', JSON.stringify(body), ...subresource], { fails: true });

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

describe('kubectl explain', () => {
  it('reads like documentation', async () => {
    const { stdout } = await kubectl(['explain', 'qsw.spec.dataset']);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('What is searched: exactly one of vectors, synthetic.');
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
