import { describe, expect, it } from 'vitest';
import { checkQueries, namedQueries } from './named-queries.ts';

const synthetic = {
  synthetic: { points: 100, dimensions: 2, payload: [{ field: 'tenant', type: 'keyword' as const }] },
};
const file = { url: 'https://data.example/x' };
const vectors = { base: file, queries: file, distance: 'Dot' as const };
const query = (filter: Record<string, unknown>) => ({ queries: [{ name: 'plain' }, { name: 'one', filter }] });
const by = (value: string, key = 'tenant') => query({ must: [{ key, match: { value } }] });
const problems = (...args: Parameters<typeof checkQueries>) =>
  checkQueries(...args).map(({ field, message }) => `${field}: ${message}`);

describe('checkQueries', () => {
  it('takes what fits together', () => {
    expect(problems({ dataset: synthetic })).toEqual([]);
    expect(problems({ dataset: synthetic, workload: by('$tenant') })).toEqual([]);
    expect(
      problems({ dataset: synthetic, workload: { payloadIndexes: [{ field: 'tenant', type: 'keyword' }] } }),
    ).toEqual([]);
    // What a file holds is known when it is read.
    const dataset = { vectors: { ...vectors, payload: file, queryVariables: file } };
    expect(
      problems({ dataset, workload: { ...by('$anything'), payloadIndexes: [{ field: 'any', type: 'keyword' }] } }),
    ).toEqual([]);
  });

  it('names the path of what is wrong with a filter', () => {
    const workload = query({ must: [{ key: 'tenant', match: { vlaue: 'x' } }] });
    expect(problems({ dataset: synthetic, workload })[0]).toBe(
      'spec.workload.queries[1].filter.must[0].match.vlaue: unknown field; did you mean "value"?',
    );
  });

  it('knows the variables there will be', () => {
    const field = 'spec.workload.queries[1].filter.must[0].match.value';
    expect(problems({ dataset: synthetic, workload: by('$tennant') })).toEqual([
      `${field}: $tennant is not a variable, did you mean tenant?; add it to spec.dataset.synthetic.payload, or for a literal text write $$tennant`,
    ]);
    expect(problems({ dataset: synthetic, workload: by('$colour') })).toEqual([
      `${field}: $colour is not a variable (there are: tenant); add it to spec.dataset.synthetic.payload, or for a literal text write $$colour`,
    ]);
    expect(problems({ dataset: { vectors }, workload: by('$tenant') })).toEqual([
      `${field}: $tenant is not a variable; add it to spec.dataset.vectors.queryVariables, or for a literal text write $$tenant`,
    ]);
    expect(problems({ dataset: { vectors }, workload: by('$$tenant') })).toEqual([]);
    expect(problems({ dataset: { synthetic: { points: 100, dimensions: 2 } }, workload: by('$x') })).toHaveLength(1);
  });

  it('wants ranges of the kind that an index holds', () => {
    const filter = { must: [{ key: 'tenant', range: { gt: 5 } }] };
    const workload = { ...query(filter), payloadIndexes: [{ field: 'tenant', type: 'datetime' }] };
    expect(problems({ dataset: synthetic, workload })).toEqual([
      "spec.workload.queries[1].filter.must[0].range: the field's index is of type datetime: use times, or another index",
    ]);
  });

  it('wants a field under every index, and fields that can be made up', () => {
    const workload = { payloadIndexes: [{ field: 'tenent', type: 'keyword' }] };
    const index = 'spec.workload.payloadIndexes[0].field: no point has a field tenent';
    expect(problems({ dataset: synthetic, workload })).toEqual([
      `${index}, did you mean tenant?; add it to spec.dataset.synthetic.payload, or remove the index`,
    ]);
    expect(problems({ dataset: { vectors }, workload })).toEqual([
      `${index}; set spec.dataset.vectors.payload, or remove the index`,
    ]);
    expect(problems({ dataset: { synthetic: { points: 100, dimensions: 2 } }, workload })).toHaveLength(1);
    const payload = [{ field: 'tags[]', type: 'keyword' as const }];
    expect(problems({ dataset: { synthetic: { ...synthetic.synthetic, payload } } })).toEqual([
      'spec.dataset.synthetic.payload[0].field: must be names joined by dots, such as meta.lang',
    ]);
  });
});

describe('namedQueries', () => {
  it('fills in weights', () => {
    expect(namedQueries()).toBeUndefined();
    expect(namedQueries({})).toBeUndefined();
    expect(namedQueries({ queries: [{ name: 'a' }, { name: 'b', weight: 3, filter: { must: [] } }] })).toEqual([
      { name: 'a', weight: 1 },
      { name: 'b', weight: 3, filter: { must: [] } },
    ]);
  });
});
