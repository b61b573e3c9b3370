import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { choice, notYet, notYetWhen } from './support.ts';
import { SWEEP } from './sweep/sweep.ts';
import { changedExample, fullExample } from './testing/objects.ts';
import { unsupportedFields } from './unsupported-fields.ts';

describe('fields this version cannot do', () => {
  it('are all named, each by the outermost of it', () => {
    const errors = unsupportedFields(SWEEP.schema, fullExample(SWEEP), []);
    expect(errors.map(({ field }) => field)).toEqual([
      'spec.target.kubernetes.image',
      'spec.target.kubernetes.storage',
      'spec.target.kubernetes.storageClassName',
      'spec.target.kubernetes.nodeSelector',
      'spec.target.kubernetes.tolerations',
      'spec.dataset.vectors.base.format',
      'spec.dataset.vectors.base.key',
      'spec.dataset.vectors.queries.persistentVolumeClaim',
      'spec.dataset.vectors.queries.format',
      'spec.dataset.vectors.queries.column',
      'spec.loadgen',
      'spec.judge.llm',
      'spec.budget.cost',
      'spec.parallelism',
    ]);
    expect(errors).toContainEqual({
      field: 'spec.loadgen',
      message: 'not supported by this version; leave it out',
    });
    expect(errors).toContainEqual({
      field: 'spec.parallelism',
      message: '2 is not supported by this version; leave it out or set 1',
    });
    expect(errors).toContainEqual({
      field: 'spec.dataset.vectors.base.format',
      message: '"hdf5" is not supported by this version; use one of fvecs, bvecs, ivecs',
    });
  });

  it.each([
    [
      'a file that says by its name what it is',
      { 'dataset.vectors.queries': { url: 'https://files.example/q.NPY?v=1#a' } },
      'spec.dataset.vectors.queries',
    ],
    ['another target', { target: { qdrantCloud: {} } }, 'spec.target.qdrantCloud'],
    ['texts to embed', { dataset: { embedded: {} } }, 'spec.dataset.embedded'],
    ['another load', { workload: { load: { open: { rate: 3 } } } }, 'spec.workload.load.open'],
    ['another strategy', { judge: { strategy: 'Rules' } }, 'spec.judge.strategy'],
    ['another metric', { objectives: [{ metric: 'disk', goal: 'Minimize' }] }, 'spec.objectives[0].metric'],
  ])('are %s', (_, changes, field) => {
    const object = changedExample(SWEEP, changes);
    expect(unsupportedFields(SWEEP.schema, object, []).map((error) => error.field)).toContain(field);
  });

  it('are none when what is asked for can be done', () => {
    const schema = z.strictObject({
      a: notYet(z.string().max(1)),
      b: notYetWhen(z.boolean(), { is: (value) => value === true, instead: 'set false' }).optional(),
      c: z.array(z.strictObject({ d: choice(['X'], ['Y']) })).max(2),
    });
    const found = (value: unknown) => unsupportedFields(schema, schema.parse(value), []);
    expect(found({ b: false, c: [{ d: 'X' }] })).toEqual([]);
    expect(found({ a: 'a', b: true, c: [{ d: 'X' }, { d: 'Y' }] })).toEqual([
      { field: 'a', message: 'not supported by this version; leave it out' },
      { field: 'b', message: 'true is not supported by this version; set false' },
      { field: 'c[1].d', message: '"Y" is not supported by this version; use X' },
    ]);
  });
});
