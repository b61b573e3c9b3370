import type { SearchRecord, SearchStage } from '../../judge/history.ts';
import type { NewAttempt, NewExperiment } from '../run-store.ts';

export const NOW = '2026-11-21T10:00:00.000Z';

/** An experiment by its history key. */
export function newExperiment(historyKey: string, change: Partial<NewExperiment> = {}): NewExperiment {
  return {
    namespace: 'default',
    name: 'quickstart',
    historyKey,
    kind: 'QdrantSweep',
    spec: { dataset: { synthetic: { points: 1000 } }, budget: { builds: 12 } },
    dataset: { points: 1000, dimensions: 32, distance: 'Cosine', queries: 100, digest: 'sha256:abc' },
    target: { kind: 'Url', url: 'http://127.0.0.1:6333', qdrantVersion: '1.19.0', description: 'a local Qdrant' },
    ...change,
  };
}

export function newAttempt(run: string, change: Partial<NewAttempt> = {}): NewAttempt {
  return {
    run,
    role: 'Trial',
    build: { 'hnsw_config.m': 16, quantization_config: 'scalar' },
    startedAt: NOW,
    collection: (attempt) => `bench-${run}-${String(attempt)}`,
    ...change,
  };
}

export function newSearch(id: string, stage: SearchStage = 'Load', change: Partial<SearchRecord> = {}): SearchRecord {
  return {
    id,
    run: 'run-1',
    attempt: 1,
    build: { 'hnsw_config.m': 16 },
    search: { 'params.hnsw_ef': 64, 'params.exact': false },
    repeat: 0,
    stage,
    metrics: [{ name: 'recall', value: 0.97, low: 0.96, high: 0.98, unit: '1' }],
    verdict: 'Passed',
    reason: 'ConstraintsMet',
    message: `measured as ${stage}`,
    seconds: 1.5,
    finishedAt: NOW,
    ...change,
  };
}
