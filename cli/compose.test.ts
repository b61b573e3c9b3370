import { describe, expect, it } from 'vitest';
import type { QdrantSweep } from '../crds/sweep/sweep.ts';
import { datasetSecrets } from './compose.ts';
import { InvalidInput } from './input.ts';

const sweep = (dataset: QdrantSweep['spec']['dataset']): QdrantSweep => ({
  apiVersion: 'qdrantbench.io/v1alpha1',
  kind: 'QdrantSweep',
  metadata: { name: 'x' },
  spec: { target: { kubernetes: {} }, dataset },
});

describe('the headers a dataset names', () => {
  const reference = { name: 'data', key: 'headers' };
  const vectors = {
    base: { url: 'https://data.example/base.fvecs', headersSecretRef: reference },
    queries: { url: 'https://data.example/queries.fvecs' },
    distance: 'Cosine' as const,
  };

  it('come from the environment in a local run, each for its own file', () => {
    const env = { QDRANT_BENCH_SECRET_DATA_HEADERS: 'a: b' };
    expect(datasetSecrets(sweep({ vectors }), env)).toEqual({ QDRANT_BENCH_HEADERS_BASE: 'a: b' });
    expect(datasetSecrets(sweep({ synthetic: { points: 100, dimensions: 4 } }), env)).toEqual({});
  });

  it('are missed by the name of their variable', () => {
    const missing = () => datasetSecrets(sweep({ vectors }), {});
    expect(missing).toThrow(InvalidInput);
    expect(missing).toThrow(
      'spec.dataset.vectors.base.headersSecretRef names key headers of Secret data; in a local run set QDRANT_BENCH_SECRET_DATA_HEADERS',
    );
  });
});
