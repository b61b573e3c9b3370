import { describe, expect, it } from 'vitest';
import { sweepStatusSchema, STATUS_BOUNDS } from '../../crds/sweep/sweep-status.ts';
import { decide } from './decide.ts';
import { report, statusMetrics, type Situation } from './report.ts';
import type { Metric } from '../judge/metrics.ts';
import { plainSurface, SimulatedSweep, type Surface } from './simulated.test-support.ts';

const situation = (changes: Partial<Situation> = {}): Situation => ({
  phase: 'Running',
  generation: 1,
  startedAt: '2026-01-01T00:00:00.000Z',
  now: '2026-01-01T00:01:00.000Z',
  running: 1,
  environment: { target: 'a target', qdrantVersion: '1.19.0', datasetDigest: 'sha256:0', notes: ['a note'] },
  benchVersion: '0.1.0',
  ...changes,
});

function finished(surface?: Surface, spec = {}): SimulatedSweep {
  const sweep = new SimulatedSweep({ budget: { builds: 5 }, ...spec }, surface);
  for (;;) {
    const decision = decide(sweep.observe());
    if (decision.action === 'Finish') return sweep;
    sweep.act(decision);
  }
}

const condition = (status: ReturnType<typeof report>, type: string) =>
  status.conditions.find((item) => item.type === type);

describe('report', () => {
  it('has the shape of the resource’s status and stays under 64 KiB, at every step of a sweep', () => {
    const sweep = new SimulatedSweep({
      budget: { builds: 8 },
      objectives: [
        { metric: 'throughput', goal: 'Maximize' },
        { metric: 'recall', goal: 'Maximize' },
      ],
    });
    for (;;) {
      const status = report(situation(), sweep.observe());
      expect(sweepStatusSchema.safeParse(status).error?.issues ?? []).toEqual([]);
      expect(JSON.stringify(status).length).toBeLessThan(64 * 1024);
      const decision = decide(sweep.observe());
      if (decision.action === 'Finish') break;
      sweep.act(decision);
    }
  });

  it('says what it knows before there is any history', () => {
    const status = report(situation({ phase: 'Preparing' }));
    expect(sweepStatusSchema.safeParse(status).error?.issues ?? []).toEqual([]);
    expect(status).toMatchObject({ nextConfigurations: [], frontier: [], recentRuns: [] });
    expect(condition(status, 'Reconciling')?.status).toBe('True');
  });

  it('reports best, gain and next configurations once the goal is met', () => {
    const observed = finished().observe();
    const status = report(
      situation({ phase: 'Completed', outcome: { reason: 'BudgetSpent', message: 'all spent', failed: false } }),
      observed,
    );
    expect(condition(status, 'GoalMet')).toMatchObject({ status: 'True', reason: 'BudgetSpent' });
    expect(status.best).toMatchObject({ verdict: 'Passed', reason: 'ConstraintsMet' });
    expect(status.best?.message).toMatch(/throughput against Qdrant's default build at equal recall \(95 % CI/);
    expect(status.nextConfigurations.length).toBeGreaterThan(0);
    expect(condition(status, 'Reconciling')).toBeUndefined();
  });

  it('reports the nearest miss when nothing passed', () => {
    const poor: Surface = (build, search) => ({ ...plainSurface(build, search), recall: 0.5 });
    const status = report(situation({ phase: 'Completed' }), finished(poor).observe());
    expect(status.best).toBeUndefined();
    expect(status.nearestMiss?.verdict).toBe('Failed');
    expect(condition(status, 'GoalMet')).toMatchObject({ status: 'False' });
  });

  it('says when measurements were inconclusive, rather than that they fell short', () => {
    const observed = finished().observe();
    const searches = observed.study.history.searches.map((search) =>
      search.stage === 'Recall'
        ? search
        : {
            ...search,
            metrics: [],
            verdict: 'Inconclusive' as const,
            reason: 'ClientLimited' as const,
            message: 'busy',
          },
    );
    const limited = { ...observed, study: { ...observed.study, history: { ...observed.study.history, searches } } };
    const status = report(situation({ phase: 'Completed' }), limited);
    expect(status.best).toBeUndefined();
    expect(condition(status, 'GoalMet')?.message).toMatch(
      /measurements under load were inconclusive \(ClientLimited\)/,
    );
  });

  it.each([
    ['InvalidSpec', 'Accepted'],
    ['DatasetInvalid', 'DatasetReady'],
    ['TargetUnreachable', 'TargetReady'],
  ])('a stop for %s shows in %s, Failed and Stalled', (reason, type) => {
    const status = report(situation({ phase: 'Failed', outcome: { reason, message: 'why', failed: true } }));
    expect(condition(status, type)).toMatchObject({ status: 'False', reason, message: 'why' });
    expect(condition(status, 'Failed')?.status).toBe('True');
    expect(condition(status, 'Stalled')?.status).toBe('True');
  });

  it('keeps the time of a condition’s last transition while its status stays', () => {
    const first = report(situation());
    const later = report(situation({ now: '2026-01-01T00:09:00.000Z', before: first }));
    expect(condition(later, 'Accepted')?.lastTransitionTime).toBe('2026-01-01T00:01:00.000Z');
    const over = report(
      situation({ now: '2026-01-01T00:10:00.000Z', phase: 'Completed', before: later }),
      finished().observe(),
    );
    expect(condition(over, 'GoalMet')?.lastTransitionTime).toBe('2026-01-01T00:10:00.000Z');
  });

  it('cuts long messages to their bound', () => {
    const status = report(situation({ environment: { target: 'x', notes: ['n'.repeat(5000)] } }));
    expect(status.environment.notes[0]?.length).toBe(1024);
  });

  it.each([
    ['TargetUnreachable', 'TargetReady'],
    ['DatasetUnreachable', 'DatasetReady'],
    ['Internal', undefined],
  ])('what is tried again is no failure, and work is still under way: %s', (reason, type) => {
    const outcome = { reason, message: 'why', failed: true, retry: true };
    const status = report(situation({ phase: 'Preparing', outcome }));
    if (type) expect(condition(status, type)).toMatchObject({ status: 'False', reason, message: 'why' });
    expect(condition(status, 'Failed')).toBeUndefined();
    expect(condition(status, 'Stalled')).toBeUndefined();
    expect(condition(status, 'Reconciling')).toMatchObject({ status: 'True', reason });
    expect(condition(status, 'Reconciling')?.message).toMatch(/it will be tried again.*why/);
    expect(condition(status, 'GoalMet')?.status).toBe('Unknown');
  });

  it('says what is waited for', () => {
    const waiting = report(situation({ waiting: 'Qdrant: no node takes its pod' }));
    expect(condition(waiting, 'Reconciling')).toMatchObject({
      reason: 'Waiting',
      message: 'Qdrant: no node takes its pod',
    });
  });

  it.each(['Completed', 'Suspended'] as const)('is not under way when it is %s', (phase) => {
    const outcome = { reason: 'X', message: 'why', failed: false };
    expect(condition(report(situation({ phase, outcome })), 'Reconciling')).toBeUndefined();
  });

  it('sums up in short texts for columns, and only what is known', () => {
    expect(report(situation()).summary).toEqual({});
    const price = { amount: '3.60', currency: 'USD' };
    const observed = finished(undefined, { target: { kubernetes: { pricePerHour: price } } }).observe();
    const { summary = {} } = report(situation(), { ...observed, elapsedSeconds: 1800 });
    expect(summary.progress).toBe('5/5');
    expect(summary.recall).toMatch(/^[01]\.\d{3}$/);
    expect(summary.throughput).toMatch(/^\d+\/s$/);
    expect(summary.latencyP95).toBeUndefined();
  });

  it.each([
    ['open', { open: { rate: 300 } }, /^300\/s$/],
    ['closed', { closed: { concurrency: 8 } }, /^\d+\/s closed$/],
  ])('of a load that is %s compares by the first objective, and labels clients that wait', (_, load, shown) => {
    const observed = finished(undefined, { workload: { load } }).observe();
    const status = report(situation({ phase: 'Completed' }), observed);
    expect(sweepStatusSchema.safeParse(status).error?.issues ?? []).toEqual([]);
    expect(status.summary?.throughput).toMatch(shown);
    expect(status.best?.verdict).toBe('Passed');
    expect(status.best?.message).toMatch(/loop\); −\d+ % p95 against Qdrant's default build/);
    expect(condition(status, 'GoalMet')?.status).toBe('True');
  });

  it('has a digit after the point where a figure is small', () => {
    const slow: Surface = (build, search) => ({ ...plainSurface(build, search), rate: 4.56 });
    const observed = finished(slow).observe();
    expect(report(situation(), observed).summary?.throughput).toMatch(/^4\.6\/s$/);
    const latency = (value: number) => {
      const searches = observed.study.history.searches.map((search) => ({
        ...search,
        metrics: [...search.metrics, { name: 'latencyP95' as const, value, unit: 'ms' }],
      }));
      const study = { ...observed.study, history: { ...observed.study.history, searches } };
      return report(situation(), { ...observed, study }).summary?.latencyP95;
    };
    expect(latency(3.14)).toBe('3.1ms');
    expect(latency(31.4)).toBe('31ms');
  });
});

describe('the metrics a status has room for', () => {
  it('are all of the totals, then what named queries reached, the worst recall first', () => {
    const names = Array.from({ length: 16 }, (_, i) => `q${i}`);
    const totals: Metric[] = ['throughput', 'recall', 'latencyP95'].map((name) => ({
      name: name as 'recall',
      value: 1,
    }));
    const named = names.flatMap((query, i): Metric[] => [
      { name: 'latencyP99', value: i, query },
      { name: 'recall', value: 0.9 + ((i * 7) % 16) / 1000, query },
      { name: 'latencyP95', value: i, query },
    ]);
    const shown = statusMetrics([...named, ...totals]);
    expect(shown).toHaveLength(STATUS_BOUNDS.metrics);
    expect(shown.slice(0, 3)).toEqual(totals);
    const recalls = shown.slice(3, 19).map(({ value }) => value);
    expect(recalls).toEqual(recalls.toSorted((a, b) => a - b));
    expect(shown.slice(19).every(({ name }) => name === 'latencyP95')).toBe(true);
  });

  it('leave room for named queries beside many figures of writes', () => {
    const details = Array.from({ length: 40 }, (): Metric => ({ name: 'upsertP95', value: 1 }));
    const recall: Metric = { name: 'recall', value: 0.9 };
    const rare: Metric = { ...recall, query: 'rare' };
    const shown = statusMetrics([...details, recall, rare]);
    expect(shown.slice(0, 3)).toEqual([recall, rare, details[0]]);
    expect(shown).toHaveLength(STATUS_BOUNDS.metrics);
    expect(statusMetrics([recall])).toEqual([recall]);
  });
});
