import { expect, it } from 'vitest';
import { describe as taken } from '../../dev/faults/proxy/api-fault.ts';
import { ApiCalls, callKind } from './api-calls.ts';

const SWEEPS = '/apis/qdrantbench.io/v1alpha1';

it.each([
  ['GET', `${SWEEPS}/qdrantsweeps?watch=true&resourceVersion=5`, 'WATCH qdrantsweeps'],
  ['GET', `${SWEEPS}/qdrantsweeps?limit=500`, 'LIST qdrantsweeps'],
  ['GET', `${SWEEPS}/namespaces/a/qdrantsweeps/one`, 'GET qdrantsweeps'],
  ['PATCH', `${SWEEPS}/namespaces/a/qdrantsweeps/one/status`, 'PATCH qdrantsweeps/status'],
  ['POST', '/api/v1/namespaces/a/secrets', 'CREATE secrets'],
  ['DELETE', '/api/v1/namespaces/a/secrets/one', 'DELETE secrets'],
])('calls %s %s a %s', (method, url, kind) => {
  expect(callKind(taken(method, url))).toBe(kind);
});

it('counts by kind, the most frequent first, and begins anew', () => {
  const calls = new ApiCalls();
  calls.count(taken('POST', '/api/v1/namespaces/a/secrets'));
  for (const name of ['one', 'two']) calls.count(taken('GET', `/api/v1/namespaces/a/secrets/${name}`));
  expect(Object.entries(calls.byKind())).toEqual([
    ['GET secrets', 2],
    ['CREATE secrets', 1],
  ]);
  expect(calls.total).toBe(3);
  calls.clear();
  expect(calls.total).toBe(0);
});
