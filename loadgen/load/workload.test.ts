import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Dataset } from '../datasets/dataset.ts';
import type { Workload } from '../protocol.ts';
import { queryOrder } from './schedule.ts';
import { compileWorkload, PLAIN_WORKLOAD, questionBodies, weightedOrder } from './workload.ts';

const weightsOf = (list: number[]): number[] => {
  const sum = list.reduce((total, weight) => total + weight, 0);
  return list.map((weight) => weight / sum);
};
const weights = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 6 }).map(weightsOf);
const rows = fc.integer({ min: 1, max: 40 });

const counts = (order: Uint32Array, names: number, each: number): number[] => {
  const found = Array.from({ length: names }, () => 0);
  for (const question of order) found[Math.floor(question / each)] = (found[Math.floor(question / each)] as number) + 1;
  return found;
};

describe('weightedOrder', () => {
  it('asks each named query as often as its weight says, and with all its vectors alike', () => {
    fc.assert(
      fc.property(weights, rows, fc.nat(), (shares, each, seed) => {
        const order = weightedOrder(shares, each, seed);
        counts(order, shares.length, each).forEach((count, name) => {
          expect(Math.abs(count - (shares[name] as number) * order.length)).toBeLessThanOrEqual(shares.length);
          expect(count).toBeGreaterThanOrEqual(1);
        });
        const asked = new Uint32Array(shares.length * each);
        for (const question of order) asked[question] = (asked[question] as number) + 1;
        shares.forEach((_, name) => {
          const own = asked.subarray(name * each, (name + 1) * each);
          // The rarest goes through its vectors at least once.
          expect(Math.min(...own)).toBeGreaterThanOrEqual(1);
          expect(Math.max(...own) - Math.min(...own)).toBeLessThanOrEqual(1);
        });
      }),
    );
  });

  it('is the same for the same seed, another for another, and mixes at random', () => {
    const shares = weightsOf([3, 1]);
    const order = weightedOrder(shares, 500, 7);
    expect(weightedOrder(shares, 500, 7)).toEqual(order);
    expect(weightedOrder(shares, 500, 8)).not.toEqual(order);
    // Runs of the rare query are as long as chance makes them: a quarter of its questions follow one of its own.
    let follow = 0;
    for (let i = 1; i < order.length; i += 1)
      if ((order[i] as number) >= 500 && (order[i - 1] as number) >= 500) follow += 1;
    expect(follow / 500).toBeGreaterThan(0.18);
    expect(follow / 500).toBeLessThan(0.32);
  });

  it('of a single query is the order of query vectors as ever', () => {
    fc.assert(
      fc.property(rows, fc.nat(), (each, seed) => {
        expect(weightedOrder([1], each, seed)).toEqual(queryOrder(each, seed));
      }),
    );
  });

  it('is bounded however rare a query is', () => {
    const order = weightedOrder(weightsOf([1000, 1e-9]), 1000, 1);
    expect(order.length).toBeLessThanOrEqual((1 << 20) + 2);
    expect(counts(order, 2, 1000)[1]).toBe(1);
  });
});

/** A dataset as far as laying out a workload is concerned: three query vectors, filters prepared by name. */
function prepared(filters: Record<string, unknown> = {}, variables?: Record<string, unknown>[]): Dataset {
  const truth = { k: 1, ids: new Int32Array(3), distances: new Float64Array(3) };
  return {
    truth,
    truthOf: (name: string) => (name in filters ? { ...truth } : truth),
    variables: (query: number) => variables?.[query],
    meta: {
      filters: Object.fromEntries(
        Object.entries(filters).map(([name, filter]) => [name, { filter, selectivity: 0.5 }]),
      ),
    },
  } as unknown as Dataset;
}

const vectors = ['[1]', '[2]', '[3]'].map((text) => Buffer.from(text));
const compile = (dataset: Dataset, workload: Partial<Workload> = {}) =>
  compileWorkload(dataset, { ...PLAIN_WORKLOAD, ...workload }, { seed: 1, vectors });

describe('compileWorkload', () => {
  it('asks plain questions as ever, at no further cost', () => {
    const plain = compile(prepared());
    expect(plain).toMatchObject({
      named: undefined,
      tellsNames: false,
      order: queryOrder(3, 1),
      each: queryOrder(3, 1),
    });
    expect(questionBodies(plain, vectors, 5, { hnsw_ef: 8 }).map(String)).toEqual(
      [1, 2, 3].map(
        (i) => `{"query":[${i}],"limit":5,"params":{"hnsw_ef":8},"with_payload":false,"with_vector":false}`,
      ),
    );
  });

  it("puts each query's own variables into its filter, whatever their type", () => {
    const filter = {
      must: [{ key: 'tenant', match: { value: '$tenant' } }],
      must_not: [{ key: 'tenant', match: { any: ['$$tenant', 'a $tenant'] } }],
    };
    const variables = [{ tenant: 'a"b' }, { tenant: 7 }, { tenant: true }];
    const workload = compile(prepared({ mine: filter }, variables), {
      queries: [
        { name: 'plain', weight: 3 },
        { name: 'mine', weight: 1, filter },
      ],
      withPayload: true,
    });
    expect(workload.weights).toEqual([0.75, 0.25]);
    expect(workload.named?.names).toEqual(['plain', 'mine']);
    expect([...(workload.named?.of ?? [])]).toEqual([0, 0, 0, 1, 1, 1]);
    expect([...workload.each].sort()).toEqual([0, 1, 2, 3, 4, 5]);
    const bodies = questionBodies(workload, vectors, 5, {}).map((body) => JSON.parse(String(body)) as object);
    expect(bodies).toEqual([
      ...[1, 2, 3].map((i) => ({ query: [i], limit: 5, params: {}, with_payload: true, with_vector: false })),
      ...variables.map(({ tenant }, i) => ({
        query: [i + 1],
        filter: {
          must: [{ key: 'tenant', match: { value: tenant } }],
          must_not: [{ key: 'tenant', match: { any: ['$tenant', 'a $tenant'] } }],
        },
        limit: 5,
        params: {},
        with_payload: true,
        with_vector: false,
      })),
    ]);
  });

  it('tells a single query by its name if it has one', () => {
    const queries = [{ name: 'mine', weight: 5 }];
    expect(compile(prepared(), { queries })).toMatchObject({ tellsNames: true, named: undefined, weights: [1] });
  });

  it('names the query and the variable that is missing', () => {
    const filter = { must: [{ key: 'a', match: { value: '$nobody' } }] };
    expect(() => compile(prepared({ q: filter }, [{ a: 1 }]), { queries: [{ name: 'q', weight: 1, filter }] })).toThrow(
      /query q, query vector 0: .*\$nobody/,
    );
  });

  it.each([
    ['was not prepared for it', {}],
    ['was prepared for another filter', { q: { must: [{ key: 'a', match: { value: 2 } }] } }],
  ])('refuses a filter when the dataset %s', (_, filters) => {
    const filter = { must: [{ key: 'a', match: { value: 1 } }] };
    expect(() => compile(prepared(filters), { queries: [{ name: 'q', weight: 1, filter }] })).toThrow(
      'not prepared for the filter of query q',
    );
  });

  it('asks with a sample of the vectors, the same for each query, where all would not fit into memory', () => {
    const many = Array.from({ length: 64 }, () => ({ length: 64 * 2 ** 20 }) as Buffer);
    const queries = ['a', 'b'].map((name) => ({ name, weight: 1 }));
    const { rows: asked, order } = compileWorkload(
      prepared(),
      { ...PLAIN_WORKLOAD, queries },
      { seed: 1, vectors: many },
    );
    expect(asked.length).toBe(4);
    expect(new Set(asked).size).toBe(4);
    expect(order.every((question) => question < 8)).toBe(true);
    expect(compileWorkload(prepared(), PLAIN_WORKLOAD, { seed: 1, vectors: many }).rows.length).toBe(64);
  });
});
