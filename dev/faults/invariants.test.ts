import { describe, expect, it } from 'vitest';
import type { SweepStatus } from '../../crds/sweep/sweep-status.ts';
import { prepareJob } from '../../operator/jobs/kubernetes/testing/jobs.ts';
import type { SearchRecord } from '../../operator/judge/history.ts';
import type { KubeObject } from '../../operator/runtime/kube.ts';
import type { Said, Started } from './cluster/scene.ts';
import { endViolations, goneViolations, type Violation } from './invariants.ts';
import { normalForm } from './normal-form.ts';
import type { Snapshot } from './snapshot.ts';

const STATUS: SweepStatus = {
  observedGeneration: 1,
  phase: 'Completed',
  conditions: [],
  startedAt: '2026-11-21T10:00:00.000Z',
  progress: { builds: 1, maxBuilds: 1, searches: 1, running: 0, failed: 0, inconclusive: 0 },
  environment: { benchVersion: '0', judgeVersion: '1', target: 'http://127.0.0.1:1234', notes: [] },
  frontier: [],
  nextConfigurations: [],
  recentRuns: [],
};
const search = (id: string): SearchRecord => ({
  id,
  run: 'r1',
  attempt: 1,
  build: {},
  search: { 'params.hnsw_ef': 64 },
  repeat: 0,
  stage: 'Load',
  metrics: [{ name: 'recall', value: 0.97 }],
  verdict: 'Passed',
  reason: 'ConstraintsMet',
  message: 'fine',
  seconds: 1,
  finishedAt: '2026-11-21T10:00:00.000Z',
});
const started = (job: string, jobUid: string, pod: string, at: number, endedAt?: number): Started => ({
  job,
  jobUid,
  pod,
  podUid: pod,
  document: prepareJob(),
  at,
  ...(endedAt === undefined ? {} : { endedAt }),
});
const said = (podUid: string, id: string): Said => ({
  job: 'j',
  jobUid: 'u',
  pod: podUid,
  podUid,
  at: 1,
  message: { type: 'search', id, run: 'r1', repeat: 0, stage: 'Load', metrics: [], seconds: 1 },
});
const object = (kind: string, name: string): KubeObject => ({ apiVersion: 'v1', kind, metadata: { name } });

/** A sweep that came to its end as it should. */
function sound(changes: Partial<Snapshot> = {}): Snapshot {
  return {
    sweep: { ...object('QdrantSweep', 'sweep'), metadata: { name: 'sweep', generation: 1 }, status: STATUS },
    objects: [object('PersistentVolumeClaim', 'dataset')],
    collections: [],
    collectionsMade: ['c-1', 'c-2'],
    record: {
      runs: [
        {
          id: 'r1',
          role: 'Baseline',
          build: {},
          attempt: 1,
          state: 'Finished',
          verdict: 'Passed',
          metrics: [],
          startedAt: '',
        },
      ],
      searches: [search('s1')],
      undeleted: [],
    },
    bus: { consumers: [], messages: {} },
    started: [started('a', 'u1', 'a-1', 0, 10), started('b', 'u2', 'b-1', 10, 20)],
    said: [said('a-1', 's1'), said('b-1', 's2')],
    exits: [{ code: 0, signal: null, wanted: true }],
    ...changes,
  };
}
const wanted = normalForm(sound());
const atEnd = (changes: Partial<Snapshot>, allowed = {}): string[] => {
  const snapshot = sound(changes);
  return texts(endViolations(snapshot, wanted, normalForm(snapshot), allowed));
};
const texts = (violations: Violation[]): string[] => violations.map(({ kind, what }) => `${kind}: ${what}`);
const status = (changes: object): KubeObject =>
  ({ ...(sound().sweep as KubeObject), status: { ...STATUS, ...changes } }) as KubeObject;
const record = (changes: Partial<Snapshot['record']>) => ({ record: { ...sound().record, ...changes } });

describe('a sweep that came to its end', () => {
  it('as an undisturbed one breaks no promise', () => {
    expect(atEnd({})).toEqual([]);
  });

  it.each<[string, Partial<Snapshot>, string]>([
    ['is gone', { sweep: undefined }, 'lost: the sweep is gone'],
    [
      'has no status',
      { sweep: { ...(sound().sweep as KubeObject), status: undefined } },
      'lost: the sweep has no status',
    ],
    [
      'has another status',
      { sweep: status({ phase: 'Failed' }) },
      'lost: the final status differs: phase: "Failed" instead of "Completed"',
    ],
    ['has an older status', { sweep: status({ observedGeneration: 0 }) }, 'wrong: status is of generation 0, not 1'],
    ['has a status of another shape', { sweep: status({ more: 1 }) }, 'wrong: status is not of its schema'],
    ['has a status that is too large', { sweep: status({ padding: 'x'.repeat(65_536) }) }, 'wrong: status has 65'],
    ['has lost a search', record({ searches: [] }), 'lost: searches: {"build":{}'],
    ['has a search more', record({ searches: [search('s1'), search('s2')] }), 'wrong: searches: {"build":{}'],
    ['has lost a run', record({ runs: [] }), 'lost: runs: {"build":{}'],
    ['has a search twice', record({ searches: [search('s1'), search('s1')] }), 'doubled: two rows of search s1'],
    [
      'measured a search twice',
      { said: [said('a-1', 's1'), said('b-1', 's1')] },
      'doubled: measured twice: search s1 (Load, repeat 0)',
    ],
    ['made a collection twice', { collectionsMade: ['c-1', 'c-1'] }, 'doubled: made twice: collection c-1'],
    [
      'made a Job twice',
      { started: [started('a', 'u1', 'a-1', 0, 1), started('a', 'u2', 'a-2', 1, 2)] },
      'doubled: two Jobs of the name a',
    ],
    [
      'has two pods of a Job',
      { started: [started('a', 'u1', 'a-1', 0, 1), started('a', 'u1', 'a-2', 1, 2)] },
      'doubled: two pods of Job a (u1)',
    ],
    [
      'measured two things at a time',
      { started: [started('b', 'u2', 'b-1', 9), started('a', 'u1', 'a-1', 0, 10)] },
      'doubled: load generators at the same time: a-1 and b-1',
    ],
    ['left a Secret', { objects: [object('Secret', 's')] }, 'orphaned: Secret s is there after the end'],
    [
      'left a collection',
      { collections: ['c-1'] },
      'orphaned: collection c-1 is there after the end, and the record does not know',
    ],
    [
      'left a collection that is known',
      { collections: ['c-1'], ...record({ undeleted: [{ run: 'r1', attempt: 1, collection: 'c-1' }] }) },
      'orphaned: collection c-1 is there after the end',
    ],
    [
      'takes a collection to be there',
      record({ undeleted: [{ run: 'r1', attempt: 1, collection: 'c-1' }] }),
      'orphaned: the record still takes collection c-1 to be there',
    ],
    [
      'left a consumer',
      { bus: { consumers: ['x'], messages: {} } },
      'orphaned: NATS consumer x is there after the end',
    ],
    ['left messages', { bus: { consumers: [], messages: { 'qb.x': 3 } } }, 'orphaned: NATS keeps 3 messages of qb.x'],
    [
      'was left by its operator',
      { exits: [{ code: 1, signal: null, wanted: false }] },
      'wrong: an operator ended by exit code 1',
    ],
    [
      'has an operator that crashed',
      { exits: [{ code: null, signal: 'SIGSEGV', wanted: false }] },
      'wrong: an operator ended by SIGSEGV',
    ],
    [
      'has one that ended badly',
      { exits: [{ code: 1, signal: null, wanted: true }] },
      'wrong: an operator ended by exit code 1',
    ],
  ])('but %s is seen', (_, changes, violation) => {
    const found = atEnd(changes);
    expect(
      found.some((text) => text.startsWith(violation)),
      found.join('\n'),
    ).toBe(true);
  });

  it('may have done again what was taken away from it', () => {
    const again = {
      started: [started('a', 'u1', 'a-1', 0, 1), started('a', 'u2', 'a-2', 1, 2)],
      said: [said('a-1', 's1'), said('a-2', 's1')],
      exits: [{ code: 3, signal: null, wanted: false }],
    };
    expect(atEnd(again)).toHaveLength(3);
    expect(atEnd(again, { remadeJobs: true, remeasuring: true, exitCodes: [3] })).toEqual([]);
  });

  it('may differ in times, ids, names and the order of what was begun again', () => {
    const run = (name: string) => ({ run: name, summary: name, startedAt: STATUS.startedAt });
    const one = sound({
      sweep: status({
        recentRuns: [run('r1'), run('r2')],
        finishedAt: 'now',
        environment: { ...STATUS.environment, target: 'a' },
      }),
    });
    const other = sound({
      sweep: status({ recentRuns: [run('r2'), run('q1')], environment: { ...STATUS.environment, target: 'b' } }),
      ...record({ runs: [{ ...sound().record.runs[0]!, id: 'q1', attempt: 2 }] }),
    });
    const summaries = { r1: 'run {}', q1: 'run {}' };
    expect(normalForm(one, { a: 'x', ...summaries })).toEqual(normalForm(other, { b: 'x', ...summaries }));
    expect(normalForm(one)).not.toEqual(normalForm(other));
  });
});

describe('a sweep that was deleted', () => {
  const gone = (changes: Partial<Snapshot>) =>
    texts(goneViolations(sound({ sweep: undefined, objects: [], ...changes })));

  it('may leave its history', () => {
    expect(gone({})).toEqual([]);
  });

  it.each<[string, Partial<Snapshot>, string]>([
    [
      'a claim',
      { objects: [object('PersistentVolumeClaim', 'c')] },
      'orphaned: PersistentVolumeClaim c is there after the sweep',
    ],
    ['a collection', { collections: ['c'] }, 'orphaned: collection c is there after the sweep'],
    ['a consumer', { bus: { consumers: ['x'], messages: {} } }, 'orphaned: NATS consumer x is there after the end'],
  ])('and left %s is seen', (_, changes, violation) => {
    expect(gone(changes)).toEqual([violation]);
  });
});
