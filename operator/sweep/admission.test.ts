import { describe, expect, it } from 'vitest';
import { SWEEP } from '../../crds/sweep/sweep.ts';
import { STATUS_BOUNDS } from '../../crds/sweep/sweep-status.ts';
import { fullExample } from '../../crds/testing/objects.ts';
import { admit } from './admission.ts';

const sweep = (spec: object = {}, metadata: object = {}) => ({
  apiVersion: 'qdrantbench.io/v1alpha1',
  kind: 'QdrantSweep',
  metadata: { name: 'products', namespace: 'team', uid: 'u', managedFields: [], ...metadata },
  spec: { target: { kubernetes: {} }, dataset: { synthetic: { points: 1000, dimensions: 8 } }, ...spec },
  status: { phase: 'Running' },
});
const vectors = (base: string) => ({
  dataset: {
    vectors: { base: { url: base }, queries: { url: 'https://data.example/queries.fvecs' }, distance: 'Cosine' },
  },
});

describe('a sweep from the API server', () => {
  it('is worked on when it is valid; what Kubernetes adds to it is left out', () => {
    const { sweep: admitted, refused } = admit(sweep());
    expect(refused).toBeUndefined();
    expect(admitted?.metadata).toEqual({ name: 'products', namespace: 'team' });
    expect(admitted).not.toHaveProperty('status');
  });

  it('may lie in no namespace it names', () => {
    expect(admit(sweep({}, { namespace: undefined })).refused).toBeUndefined();
  });

  it.each<[string, ReturnType<typeof sweep>, string]>([
    ['is of another version', { ...sweep(), apiVersion: 'qdrantbench.io/v1' }, 'apiVersion'],
    ['has no target', sweep({ target: {} }), 'spec.target'],
    [
      'names a target by what is no URL, though it looks like one',
      sweep({ target: { external: { url: 'http://[]/' } } }),
      'spec.target.external.url: Invalid value: "http://[]/": this is no URL of a server',
    ],
    [
      'names a dataset by what is no URL, though it looks like one',
      sweep(vectors('http://a:b')),
      'spec.dataset.vectors.base.url: Invalid value: "http://a:b": this is no URL of a file',
    ],
    ['has a name that is a domain', sweep({}, { name: 'a.b' }), 'metadata.name'],
    [
      'names a parameter Qdrant does not have',
      sweep({ parameters: [{ name: 'hnsw_config.em', numbers: [8] }] }),
      'hnsw_config.em',
    ],
    [
      'names a quantization that is not given',
      sweep({ parameters: [{ name: 'quantization_config', choices: ['mine'] }] }),
      'mine',
    ],
    [
      'names a preset there is not',
      sweep({ workload: { preset: 'Filterd' } }),
      'spec.workload.preset: Unsupported value: "Filterd": there are ReadHeavy, WriteHeavy, Filtered, MultiTenant, LowMemory; did you mean "Filtered"?',
    ],
    [
      'lacks the payload its preset needs',
      sweep({ ...vectors('https://data.example/base.fvecs'), workload: { preset: 'MultiTenant' } }),
      'spec.dataset.vectors.payload: Required value: preset MultiTenant needs the payload fields tenant (keyword)',
    ],
    [
      'writes copies of points whose ids a filter names',
      sweep({
        workload: {
          writes: { deletes: { rate: 1 } },
          queries: [{ name: 'some', filter: { must_not: [{ has_id: [1] }] } }],
        },
      }),
      'spec.workload.writes: cannot be together with has_id in the filter of query some',
    ],
  ])('is refused by the field when it %s', (_what, object, field) => {
    const { refused, sweep: admitted } = admit(object);
    expect(admitted).toBeUndefined();
    expect(refused?.reason).toBe('InvalidSpec');
    expect(refused?.message).toContain(field);
  });

  it('may not read files of the operator’s', () => {
    const { refused } = admit(sweep(vectors('file:///etc/passwd')));
    expect(refused?.message).toContain('spec.dataset.vectors.base.url: Invalid value');
    expect(refused?.message).toContain('serve it by http(s)');
  });

  it('may read what is served', () => {
    expect(admit(sweep(vectors('https://data.example/base.fvecs'))).refused).toBeUndefined();
  });

  it('is refused for all it asks that this version cannot do', () => {
    const { refused, sweep: admitted } = admit(
      sweep({ workload: { writes: { deletes: { rate: 1 } }, preset: 'Hybrid' }, parallelism: 2 }),
    );
    expect(admitted).toBeUndefined();
    expect(refused?.reason).toBe('NotSupported');
    expect(refused?.message.split('\n')).toEqual([
      expect.stringMatching(/^spec\.workload\.preset: "Hybrid" is not supported by this version; .*sparse vectors/),
      'spec.parallelism: 2 is not supported by this version; leave it out or set 1',
    ]);
  });

  it('is invalid rather than not supported when it is both', () => {
    const { refused } = admit(sweep({ parallelism: 2, parameters: [{ name: 'hnsw_config.em', numbers: [8] }] }));
    expect(refused?.reason).toBe('InvalidSpec');
    expect(refused?.message).toContain('hnsw_config.em');
    expect(refused?.message).toContain('spec.parallelism: 2 is not supported');
  });

  it('is told of all of it: a condition has room for every field there is', () => {
    const { refused } = admit({ ...fullExample(SWEEP) });
    expect(refused?.reason).toBe('NotSupported');
    expect(refused?.message.split('\n').length).toBeGreaterThan(3);
    expect(refused?.message.length).toBeLessThan(STATUS_BOUNDS.conditionMessage);
  });
});
