import { describe, expect, it } from 'vitest';
import type { History, SearchRecord } from '../../../operator/judge/history.ts';
import { problemsOf, type Passage } from './data-checks.ts';

const search = (id: string, recall: number, throughput?: number, verdict: SearchRecord['verdict'] = 'Passed') =>
  ({
    id: `${Math.random()}`,
    build: {},
    search: { 'params.hnsw_ef': id },
    repeat: 0,
    stage: 'Load',
    verdict,
    metrics: [
      { name: 'recall', value: recall },
      ...(throughput === undefined ? [] : [{ name: 'throughput', value: throughput }]),
    ],
  }) as unknown as SearchRecord;

const undisturbed: History = { runs: [], searches: [search('a', 0.9, 1000), search('b', 0.99)] };
const passage = (changes: Partial<Passage> = {}): Passage => ({
  history: undisturbed,
  phase: 'Completed',
  stops: [],
  failures: [],
  collections: [],
  ...changes,
});
const searches = (...found: SearchRecord[]): Partial<Passage> => ({ history: { runs: [], searches: found } });

describe('problemsOf', () => {
  it('is content with a sweep that came through, whatever it told meanwhile', () => {
    const told = { stops: [{ reason: 'TargetUnreachable', message: 'it is away' }], failures: ['lost'] };
    expect(problemsOf(passage(told), undisturbed, { rates: true })).toEqual([]);
  });

  it.each<[string, Partial<Passage>, string]>([
    ['another end', { phase: 'Failed' }, 'the sweep ended Failed, expected Completed'],
    ['a fault of ours', { stops: [{ reason: 'Internal', message: 'oops' }] }, 'taken for one of ours: oops'],
    ['a stop without a word', { stops: [{ reason: 'TargetUnreachable', message: ' ' }] }, 'did not say why'],
    ['a failure without a word', { failures: [''] }, 'an attempt failed without a word'],
    ['what is left', { collections: ['qb-1'] }, 'collection qb-1 was left behind'],
    ['a search lost', searches(search('a', 0.9, 900)), '"b"]] #0 was never measured'],
    [
      'a search twice',
      searches(search('a', 0.9, 900), search('a', 0.9, 900), search('b', 0.99)),
      'a search is in the record twice',
    ],
    ['another recall', searches(search('a', 0.7, 900), search('b', 0.99)), '"a"]] #0 has recall 0.7, undisturbed'],
    ['a false rate', searches(search('a', 0.9, 90), search('b', 0.99)), '"a"]] #0 is said to manage 90.0/s'],
  ])('tells %s', (_name, changes, problem) => {
    expect(problemsOf(passage(changes), undisturbed, { rates: true })).toEqual([expect.stringContaining(problem)]);
  });

  it('lets a rate pass that nobody is to trust, or where rates are not compared', () => {
    const inconclusive = searches(search('a', 0.9, 90, 'Inconclusive'), search('b', 0.99));
    expect(problemsOf(passage(inconclusive), undisturbed, { rates: true })).toEqual([]);
    const slow = searches(search('a', 0.9, 90), search('b', 0.99));
    expect(problemsOf(passage(slow), undisturbed, { rates: false })).toEqual([]);
  });
});
