import type { FinalsJob, MeasureJob, PrepareJob } from '../../../../loadgen/protocol.ts';
import type { SweepRef } from '../../../owned/sweep-ref.ts';
import type { LoadgenPodSettings } from '../job-objects.ts';

export const SWEEP: SweepRef = {
  apiVersion: 'qdrantbench.io/v1alpha1',
  kind: 'QdrantSweep',
  namespace: 'team',
  name: 'products',
  uid: '6e2f9a57-3f4e-4d1c-9d6e-0f6b0c2a7d11',
};

export const SETTINGS: LoadgenPodSettings = {
  image: 'qdrant-bench:test',
  imagePullPolicy: 'Never',
  addresses: { allow: ['10.0.0.0/8', 'data.example'], deny: ['10.96.0.0/12'] },
  natsUrl: 'nats://nats.qdrant-bench:4222',
  resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '1', memory: '1Gi' } },
  datasetStorage: '1Gi',
  deadlineSeconds: 3600,
};

const rules = {
  recallMin: 0.9,
  latency: [],
  errorRateMax: 0.001,
  windowSeconds: 1,
  windowRequests: 10,
  warmupSeconds: 0,
  loadedSearches: 1,
};

export const prepareJob = (changes: Partial<PrepareJob> = {}): PrepareJob => ({
  kind: 'Prepare',
  dataset: { synthetic: { points: 1000, dimensions: 8 } },
  limit: 10,
  cacheDir: '/var/lib/qdrant-bench/datasets',
  ...changes,
});

export const measureJob = (changes: Partial<MeasureJob> = {}): MeasureJob => ({
  kind: 'Measure',
  run: '0123456789ab',
  attempt: 1,
  seed: 1,
  endpoint: { url: 'http://qdrant:6333', collection: 'qdrantbench-1' },
  datasetDir: '/var/lib/qdrant-bench/datasets/1',
  limit: 10,
  collectionBody: {},
  searches: [{ id: 's', search: {}, params: {}, load: 'Always' }],
  rules,
  done: [],
  readyTimeoutSeconds: 60,
  ...changes,
});

export const finalsJob = (changes: Partial<FinalsJob> = {}): FinalsJob => ({
  kind: 'Finals',
  seed: 1,
  datasetDir: '/var/lib/qdrant-bench/datasets/1',
  limit: 10,
  rules,
  repeats: 1,
  arms: [
    {
      run: '0123456789ab',
      endpoint: { url: 'http://qdrant:6333', collection: 'qdrantbench-1' },
      search: {},
      params: {},
      ids: ['f'],
      startRate: 10,
    },
  ],
  done: [],
  ...changes,
});
