import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { inProcess, printed, sweepYaml, temporaryFolder, type Printed } from './cli.test-support.ts';

const data = resolve(process.env['QDRANT_BENCH_DATA'] ?? join(import.meta.dirname, '../../shared/data'), 'bigann10k');
const { path: folder, remove } = temporaryFolder();
afterAll(remove);

const url = (name: string): { url: string } => ({ url: pathToFileURL(join(data, name)).href });

/** SIFT descriptors with exact neighbours, thresholds low enough that graphs are built and used. */
const SPEC = {
  dataset: {
    vectors: {
      base: url('base.fvecs'),
      queries: url('query.fvecs'),
      groundTruth: url('groundtruth.ivecs'),
      distance: 'Euclid',
    },
  },
  parameters: [
    { name: 'hnsw_config.m', numbers: [8, 16] },
    { name: 'hnsw_config.full_scan_threshold', numbers: [10] },
    { name: 'optimizers_config.indexing_threshold', numbers: [100] },
    { name: 'params.hnsw_ef', numbers: [8, 16, 32, 64, 128, 256] },
    { name: 'params.exact', choices: ['false', 'true'] },
  ],
  constraints: { recall: { min: 0.95 } },
  budget: { builds: 3 },
  workload: { repeats: 3, duration: '1s' },
};

describe.skipIf(!existsSync(data))('bigann10k', () => {
  let result: Printed;
  const recalls = (pick: (summary: string) => boolean): number[] =>
    result.searches
      .filter(({ repeat, summary }) => repeat === 0 && pick(summary))
      .map(({ summary, metrics }) => ({
        ef: Number(/hnsw_ef=(\d+)/.exec(summary)?.[1] ?? 0),
        recall: metrics.find(({ name }) => name === 'recall')?.value ?? NaN,
      }))
      .toSorted((a, b) => a.ef - b.ef)
      .map(({ recall }) => recall);

  it('is swept to its goal', { timeout: 300_000 }, async () => {
    const file = join(folder, 'bigann.yaml');
    writeFileSync(file, sweepYaml('bigann', SPEC));
    const said = await inProcess(['run', file, '--store', join(folder, 'store'), '--output', 'json']);
    expect(said.code, said.err + said.out.slice(0, 5000)).toBe(0);
    result = printed(said);
  });

  it('exact search has recall 1', () => {
    const exact = recalls((summary) => summary.includes('exact=true'));
    expect(exact.length).toBeGreaterThan(0);
    for (const recall of exact) expect(recall).toBe(1);
  });

  it('recall grows with hnsw_ef', () => {
    const ladder = recalls((summary) => summary.includes('m=8') && /hnsw_ef=/.test(summary));
    expect(ladder.length).toBeGreaterThanOrEqual(5);
    expect(ladder[0]).toBeLessThan(0.95);
    // The last steps may touch 1 and waver by a query or two.
    for (let i = 1; i < ladder.length; i += 1)
      expect(ladder[i] as number).toBeGreaterThanOrEqual((ladder[i - 1] as number) - 0.002);
    expect(ladder.at(-1)).toBeGreaterThan(0.98);
  });

  it('the best meets the constraint, and is no slower than Qdrant’s default build at equal recall, with the interval', () => {
    const { best } = result.status;
    expect(best?.verdict).toBe('Passed');
    expect(best?.metrics.find(({ name }) => name === 'recall')?.value).toBeGreaterThanOrEqual(0.95);
    const throughput = best?.metrics.find(({ name }) => name === 'throughput');
    expect(throughput?.low).toBeLessThanOrEqual(throughput?.value as number);
    const interval = /equal recall \(95 % CI ([+−])(\d+) % to ([+−])(\d+) %\)/.exec(best?.message ?? '');
    expect(interval, best?.message).not.toBeNull();
    const high = Number(interval?.[4]) * (interval?.[3] === '+' ? 1 : -1);
    expect(high).toBeGreaterThanOrEqual(0);
  });
});
