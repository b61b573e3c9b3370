import { describe, expect, it } from 'vitest';
import type { SweepStatus } from '../../crds/sweep/sweep-status.ts';
import type { KubeObject } from '../../operator/runtime/kube.ts';
import { followSweep, progressLine } from './follow.ts';

const status = (changes: Partial<SweepStatus> = {}): SweepStatus => ({
  observedGeneration: 1,
  phase: 'Running',
  conditions: [],
  progress: { builds: 1, maxBuilds: 4, searches: 7, running: 1, failed: 0, inconclusive: 0 },
  environment: { benchVersion: '0', judgeVersion: '1', target: 't', notes: [] } as SweepStatus['environment'],
  frontier: [],
  nextConfigurations: [],
  recentRuns: [],
  ...changes,
});
const condition = (type: 'TargetReady' | 'Reconciling', is: 'True' | 'False', reason: string, message: string) => ({
  type,
  status: is,
  reason,
  message,
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

describe('what the demo says of a sweep', () => {
  it.each<[string, Partial<SweepStatus>]>([
    ['Preparing', { phase: 'Preparing' }],
    ['Preparing: no route', { phase: 'Preparing', conditions: [condition('TargetReady', 'False', 'X', 'no route')] }],
    [
      'Running: waiting for Qdrant: Insufficient cpu',
      { conditions: [condition('Reconciling', 'True', 'Waiting', 'Qdrant: Insufficient cpu')] },
    ],
    ['1 of 4 builds, 7 searches measured', {}],
    [
      'build 2 of 4: scalar, 7 searches measured; best so far 812/s at recall 0.962',
      {
        recentRuns: [{ run: 'r', summary: 'scalar', startedAt: '2026-01-01T00:00:00Z' }],
        summary: { throughput: '812/s', recall: '0.962' },
      },
    ],
    ['the finalists again, 7 searches measured', { progress: { ...status().progress, builds: 4 } }],
  ])('%s', (line, changes) => {
    expect(progressLine(status(changes))).toBe(line);
  });

  it('goes on over an API server that is away for a moment, tells each finished run once, and returns the end', async () => {
    const run = {
      run: 'r',
      summary: 'scalar',
      verdict: 'Passed' as const,
      message: 'fine',
      startedAt: '2026-01-01T00:00:00Z',
      finishedAt: '2026-01-01T00:01:00Z',
    };
    const later = new Date(Date.now() + 60_000).toISOString();
    const answers = [
      undefined,
      status({ recentRuns: [run], progress: { ...status().progress, estimatedCompletionAt: later } }),
      status({ phase: 'Completed', recentRuns: [run] }),
    ];
    const said: string[] = [];
    const get = (): Promise<KubeObject> => {
      const answer = answers.shift();
      if (!answer) return Promise.reject(new Error('connection refused'));
      return Promise.resolve({ apiVersion: 'v', kind: 'k', metadata: { name: 's' }, status: answer });
    };
    const never = new AbortController().signal;
    const end = await followSweep({ get }, { namespace: 'n', name: 's' }, (line) => said.push(line), never);
    expect(end.phase).toBe('Completed');
    expect(said.filter((line) => line.includes('scalar: Passed, fine'))).toHaveLength(1);
    expect(said[0]).toContain('to the end');
  });

  it('ends when the sweep is deleted', async () => {
    const gone = followSweep(
      { get: () => Promise.resolve(undefined) },
      { namespace: 'n', name: 's' },
      () => undefined,
      new AbortController().signal,
    );
    await expect(gone).rejects.toThrow('was deleted meanwhile');
  });
});
