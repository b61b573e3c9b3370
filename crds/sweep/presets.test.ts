import { describe, expect, it } from 'vitest';
import { namedQueriesSchema, payloadIndexSchema } from '../../loadgen/workload.ts';
import { changedExample } from '../testing/objects.ts';
import { unsupportedFields } from '../unsupported-fields.ts';
import { LATER_PRESETS, PRESETS, resolveDataset, resolveWorkload, workloadProblems } from './presets.ts';
import { SWEEP } from './sweep.ts';
import type { SweepSpec } from './sweep-spec.ts';

const synthetic = (payload?: object[]) =>
  ({ synthetic: { points: 1000, dimensions: 8, ...(payload ? { payload } : {}) } }) as SweepSpec['dataset'];
const vectors = (more: object = {}) =>
  ({
    vectors: {
      base: { url: 'https://a.example/b.fvecs' },
      queries: { url: 'https://a.example/q.fvecs' },
      distance: 'Dot',
      ...more,
    },
  }) as SweepSpec['dataset'];

describe.each(Object.entries(PRESETS))('preset %s', (name, { workload, fields }) => {
  it('is a workload that can be written out, and works on a synthetic dataset', () => {
    expect(namedQueriesSchema.safeParse(workload.queries).success).toBe(true);
    for (const index of workload.payloadIndexes) expect(payloadIndexSchema.safeParse(index).success).toBe(true);
    const spec = { dataset: synthetic(), workload: { preset: name } };
    expect(workloadProblems(spec)).toEqual([]);
    expect(resolveWorkload(spec)).toEqual(workload);
    // Everything it filters by or indexes is made up.
    const made = fields.map(({ field }) => field);
    const named = JSON.stringify(workload.queries).match(/"key":"([^"]+)"/g) ?? [];
    for (const key of named) expect(made).toContain(/"key":"([^"]+)"/.exec(key)?.[1]);
    for (const { field, type } of workload.payloadIndexes) {
      expect(fields).toContainEqual(expect.objectContaining({ field, type }));
    }
    expect(resolveDataset(spec)).toMatchObject(fields.length > 0 ? { synthetic: { payload: fields } } : synthetic());
  });

  it('needs payload of vectors only if it filters', () => {
    const problems = workloadProblems({ dataset: vectors(), workload: { preset: name } });
    expect(problems.some(({ field }) => field === 'spec.dataset.vectors.payload')).toBe(fields.length > 0);
    const given = vectors({ payload: { url: 'p.jsonl' }, queryVariables: { url: 'v.jsonl' } });
    expect(workloadProblems({ dataset: given, workload: { preset: name } })).toEqual([]);
  });
});

describe('presets', () => {
  it('leave fields that are there as they are, and refuse those of another type', () => {
    const tenant = { field: 'tenant', type: 'keyword', cardinality: 7 };
    const other = { field: 'other', type: 'bool' };
    const workload = { preset: 'MultiTenant' };
    expect(resolveDataset({ dataset: synthetic([other, tenant]), workload })).toEqual(synthetic([other, tenant]));
    expect(workloadProblems({ dataset: synthetic([other, { ...tenant, type: 'integer' }]), workload })).toEqual([
      {
        field: 'spec.dataset.synthetic.payload[1].type',
        message: expect.stringContaining('preset MultiTenant needs tenant to be keyword') as string,
      },
    ]);
  });

  it('ask of vectors only what is not overridden', () => {
    const problems = (workload: object, dataset = vectors()) =>
      workloadProblems({ dataset, workload: { preset: 'Filtered', ...workload } }).map(({ field }) => field);
    expect(problems({})).toEqual(['spec.dataset.vectors.payload', 'spec.dataset.vectors.queryVariables']);
    expect(problems({ queries: [{ name: 'a' }] })).toEqual(['spec.dataset.vectors.payload']);
    expect(problems({ queries: [{ name: 'a' }], payloadIndexes: [] })).toEqual([]);
    expect(problems({}, vectors({ payload: {} }))).toEqual(['spec.dataset.vectors.queryVariables']);
  });

  it.each(LATER_PRESETS)('do not have %s yet, and say what is missing', (name) => {
    const object = changedExample(SWEEP, {
      workload: { preset: name },
      dataset: { synthetic: { points: 100, dimensions: 2 } },
    });
    const [problem] = unsupportedFields(SWEEP.schema, object, []).filter(
      ({ field }) => field === 'spec.workload.preset',
    );
    expect(problem?.message).toBe(
      '"Hybrid" is not supported by this version; use one of ReadHeavy, WriteHeavy, Filtered, MultiTenant, LowMemory; Hybrid needs sparse vectors, for which dataset has no place yet',
    );
    expect(workloadProblems({ dataset: synthetic(), workload: { preset: name } })).toEqual([]);
  });

  it('have no names that objects are born with', () => {
    expect(workloadProblems({ dataset: synthetic(), workload: { preset: 'ToString' } })).toHaveLength(1);
    expect(resolveWorkload({ workload: { preset: 'constructor' } }).queries).toEqual([{ name: 'default', weight: 1 }]);
  });
});
