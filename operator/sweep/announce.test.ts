import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { SearchRecord } from '../judge/history.ts';
import { MemoryKube } from '../jobs/kubernetes/testing/memory-kube.ts';
import { EventRecorder } from '../runtime/events.ts';
import { announce } from './announce.ts';
import type { SweepEvent } from './ports.ts';

const search: SearchRecord = {
  id: 's',
  run: 'r',
  attempt: 1,
  build: {},
  search: {},
  repeat: 0,
  stage: 'Load',
  metrics: [],
  verdict: 'Passed',
  reason: 'ConstraintsMet',
  message: 'all constraints hold',
  seconds: 1,
  finishedAt: '2026-01-01T00:00:00.000Z',
};
const run: SweepEvent = {
  type: 'run',
  role: 'Trial',
  run: 'r',
  build: { 'hnsw_config.m': 8 },
  number: 3,
  of: 12,
  attempt: 1,
  why: '',
};

/** What is said of an event: lines of the log, and Kubernetes events. */
async function said(event: SweepEvent) {
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    { level: 'debug', base: null, timestamp: false },
    {
      write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
    },
  );
  const kube = new MemoryKube();
  const events = new EventRecorder({ kube, log: pino({ level: 'silent' }), controller: 'c', instance: 'i' });
  const object = {
    apiVersion: 'qdrantbench.io/v1alpha1',
    kind: 'QdrantSweep',
    metadata: { name: 'products', namespace: 'team', uid: 'u' },
  };
  announce(event, object, events, log);
  await events.flush();
  const told = kube.of('Event').map(({ type, reason, note, regarding }) => ({ type, reason, note, regarding }));
  return { lines, told };
}

describe('what happens in a sweep is announced', () => {
  it.each<[string, SweepEvent, string, string, RegExp]>([
    ['a run', run, 'Normal', 'RunStarted', /^build 3 of 12: .*8[^.]*$/],
    [
      'why it was chosen',
      { ...run, why: 'm is the cheapest to lower' },
      'Normal',
      'RunStarted',
      /\. m is the cheapest to lower$/,
    ],
    ['another attempt', { ...run, attempt: 2 }, 'Normal', 'RunStarted', /^build 3 of 12, attempt 2: /],
    [
      'an attempt that failed',
      { type: 'attemptFailed', run: 'r', attempt: 2, message: 'OOMKilled' },
      'Warning',
      'AttemptFailed',
      /^attempt 2 of run r: OOMKilled$/,
    ],
    [
      'finals',
      { type: 'finals', arms: 2, repeats: 3 },
      'Normal',
      'FinalsStarted',
      /^2 configurations, 3 repeats each, interleaved$/,
    ],
  ])('as a Kubernetes event and in the log: %s', async (_what, event, type, reason, note) => {
    const { lines, told } = await said(event);
    expect(told).toMatchObject([
      { type, reason, note: expect.stringMatching(note) as string, regarding: { uid: 'u' } },
    ]);
    expect(lines).toMatchObject([{ level: type === 'Warning' ? 40 : 30 }]);
  });

  it.each<[string, SweepEvent, object]>([
    ['a search', { type: 'search', search }, { level: 30, search: 's', stage: 'Load', verdict: 'Passed' }],
    ['a phase', { type: 'phase', message: 'looking for the target' }, { level: 30, phase: 'looking for the target' }],
    [
      'progress, for those who want to know it all',
      { type: 'progress', progress: { type: 'progress', phase: 'Uploading', done: 1, total: 2 } },
      { level: 20, done: 1, total: 2 },
    ],
  ])('only in the log, for there are many: %s', async (_what, event, line) => {
    const { lines, told } = await said(event);
    expect(told).toEqual([]);
    expect(lines).toMatchObject([line]);
  });
});
