import { describe, expect, it } from 'vitest';
import type { MeasuredConfiguration, SweepStatus } from '../crds/sweep/sweep-status.ts';
import { exitCode } from './exit-codes.ts';
import { resultText, table } from './table.ts';

const measured = (summary: string, verdict: 'Passed' | 'Failed', run = 'r'): MeasuredConfiguration => ({
  configuration: { collection: { hnsw_config: { m: 32 } }, search: { hnsw_ef: 64 }, summary },
  metrics: [
    { name: 'recall', value: 0.96 },
    { name: 'throughput', value: 812.4, low: 790, high: 830 },
    { name: 'memory', value: 64 * 2 ** 20 },
  ],
  verdict,
  reason: verdict === 'Passed' ? 'ConstraintsMet' : 'RecallTooLow',
  message: `${summary} message`,
  constraints: [],
  run,
});

const status = (changes: Partial<SweepStatus>): SweepStatus => ({
  observedGeneration: 1,
  phase: 'Completed',
  conditions: [],
  progress: { builds: 1, maxBuilds: 1, searches: 1, running: 0, failed: 0, inconclusive: 0 },
  environment: { benchVersion: '0', judgeVersion: '1', target: 't', notes: ['a note'] },
  frontier: [],
  nextConfigurations: [],
  recentRuns: [],
  ...changes,
});

const goal = (value: 'True' | 'False') => ({
  type: 'GoalMet' as const,
  status: value,
  reason: 'BudgetSpent',
  message: 'goal message',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

describe('the result', () => {
  it('labels figures of clients that waited for their answers', () => {
    const closed: MeasuredConfiguration = {
      ...measured('x', 'Passed'),
      metrics: [
        { name: 'recall', value: 0.96 },
        { name: 'throughput', value: 812.4, source: 'closed loop, 8 clients' },
        { name: 'latencyP95', value: 9.5, source: 'closed loop, 8 clients' },
      ],
    };
    const text = resultText(status({ best: closed }));
    expect(text).toContain('812 closed loop');
    expect(text).toContain('9.50 closed loop');
    expect(text).toContain('0.9600  ');
    expect(resultText(status({ best: measured('x', 'Passed') }))).not.toContain('closed');
  });

  it('shows baseline, best, frontier, what to paste, what is next, and notes', () => {
    const text = resultText(
      status({
        baseline: measured('the defaults', 'Passed'),
        best: measured('the best', 'Passed', 'b'),
        frontier: [measured('the best', 'Passed', 'b'), measured('another', 'Passed', 'c')],
        nextConfigurations: [
          {
            configuration: { collection: {}, search: {}, summary: 'm=48' },
            source: 'Model',
            change: 'Recreate',
            expected: [],
            probabilityFeasible: 0.83,
            rationale: 'because',
          },
          {
            configuration: { collection: {}, search: {}, summary: 'm=8' },
            source: 'Start',
            change: 'Recreate',
            expected: [],
            rationale: 'why not',
          },
        ],
      }),
    );
    expect(text).toMatch(
      /baseline\s+the defaults\s+0\.9600\s+812 \(790–830\)\s+–\s+–\s+64\.0 MiB\s+Passed ConstraintsMet/,
    );
    expect(text.match(/^frontier/gm)).toHaveLength(1);
    expect(text).toContain('collection {"hnsw_config":{"m":32}}');
    expect(text).toContain('1. m=48  [Model, Recreate, feasible 83 %]\n     because');
    expect(text).toContain('2. m=8  [Start, Recreate]');
    expect(text).toContain('Note: a note');
  });

  it('says why the goal was not met, and what came nearest', () => {
    const text = resultText(status({ nearestMiss: measured('nearly', 'Failed'), conditions: [goal('False')] }));
    expect(text).toContain('Goal not met: goal message.');
    expect(text).toContain('Nearest miss: nearly message.');
  });

  it('is empty without rows', () => expect(table([])).toBe(''));
});

describe('exit codes', () => {
  it.each([
    [undefined, 'True', 0],
    [undefined, 'False', 1],
    ['InvalidSpec', 'False', 2],
    ['DatasetInvalid', 'False', 2],
    ['TargetUnreachable', 'False', 3],
    ['DatasetUnreachable', 'False', 3],
    ['StoreUnreachable', 'False', 3],
    ['Interrupted', 'False', 4],
    ['StoreFull', 'False', 4],
    ['StoreLocked', 'False', 4],
    ['StoreCorrupt', 'False', 70],
    ['Internal', 'False', 70],
  ] as const)('%s with the goal %s is %d', (stopped, met, code) => {
    expect(exitCode({ status: status({ conditions: [goal(met)] }), ...(stopped ? { stopped } : {}) })).toBe(code);
  });
});
