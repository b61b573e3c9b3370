import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { EXPERIMENT } from '../experiment/experiment.ts';
import { KINDS } from '../kinds.ts';
import { PROMOTION } from '../promotion/promotion.ts';
import { SWEEP } from '../sweep/sweep.ts';
import { sweepStatusSchema, type SweepStatus } from '../sweep/sweep-status.ts';
import { CrdServer } from '../testing/crd-server.ts';
import { changedExample, fullExample, type TestObject } from '../testing/objects.ts';

let server: CrdServer;
beforeAll(async () => {
  server = await CrdServer.start();
}, 900_000);
afterAll(() => server?.stop());

const kubectl: CrdServer['kubectl'] = (...args) => server.kubectl(...args);

const quickstart = parse(
  readFileSync(join(import.meta.dirname, '../../examples/quickstart.yaml'), 'utf8'),
) as TestObject;

/** The quickstart under a name, as JSON. */
const sweep = (name: string): string => JSON.stringify({ ...quickstart, metadata: { name } });

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
