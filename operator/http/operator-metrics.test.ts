import { describe, expect, it } from 'vitest';
import type { SearchRecord } from '../judge/history.ts';
import { OperatorMetrics } from './operator-metrics.ts';

/** The lines of a metric, without comments. */
const lines = async (metrics: OperatorMetrics, name: string): Promise<string[]> =>
  (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith(name));

const search = { stage: 'Load', verdict: 'Passed' } as SearchRecord;

describe('the operator’s metrics', () => {
  it('count what the runtime does, under the names dashboards know', async () => {
    const metrics = new OperatorMetrics();
    metrics.reconciled('sweep', 'success', 0.01);
    metrics.reconciled('sweep', 'requeue_after', 0.01);
    metrics.reconciled('sweep', 'error', 2);
    for (const why of ['terminal', 'panic', 'timeout'] as const) metrics.reconcileFailed('sweep', why);
    metrics.workers('sweep', 2, 4);
    metrics.queueDepth('sweep', 3);
    metrics.queueAdded('sweep');
    metrics.requested('GET', 200);
    metrics.requested('PATCH', 0);
    metrics.leading('qdrant-bench', true);
    metrics.wrote('kube create Job', 'done');
    metrics.queueWaited('sweep', 0.2);
    metrics.queueRetried('sweep');
    metrics.watchRestarted('QdrantSweep', 'expired');
    metrics.handlerFailed('QdrantSweep');
    metrics.eventLost();
    metrics.statusWritten('written');
    const text = await metrics.registry.metrics();
    for (const line of [
      'controller_runtime_reconcile_total{controller="sweep",result="success"} 1',
      'controller_runtime_reconcile_total{controller="sweep",result="error"} 1',
      'controller_runtime_reconcile_errors_total{controller="sweep"} 1',
      'controller_runtime_reconcile_time_seconds_count{controller="sweep"} 3',
      'controller_runtime_reconcile_time_seconds_bucket{le="0.025",controller="sweep"} 2',
      'controller_runtime_reconcile_total{controller="sweep",result="requeue_after"} 1',
      'controller_runtime_terminal_reconcile_errors_total{controller="sweep"} 1',
      'controller_runtime_reconcile_panics_total{controller="sweep"} 1',
      'controller_runtime_reconcile_timeouts_total{controller="sweep"} 1',
      'controller_runtime_active_workers{controller="sweep"} 2',
      'controller_runtime_max_concurrent_reconciles{controller="sweep"} 4',
      'workqueue_depth{name="sweep",controller="sweep"} 3',
      'workqueue_adds_total{name="sweep",controller="sweep"} 1',
      'workqueue_queue_duration_seconds_count{name="sweep",controller="sweep"} 1',
      'workqueue_work_duration_seconds_count{name="sweep",controller="sweep"} 3',
      'workqueue_retries_total{name="sweep",controller="sweep"} 1',
      'leader_election_master_status{name="qdrant-bench"} 1',
      'rest_client_requests_total{code="200",method="GET"} 1',
      'rest_client_requests_total{code="<error>",method="PATCH"} 1',
      'qdrant_bench_writes_total{what="kube create Job",outcome="done"} 1',
      'qdrant_bench_watch_restarts_total{kind="QdrantSweep",why="expired"} 1',
      'qdrant_bench_watch_handler_errors_total{kind="QdrantSweep"} 1',
      'qdrant_bench_events_lost_total 1',
      'qdrant_bench_status_writes_total{outcome="written"} 1',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).toContain('process_cpu_user_seconds_total');
  });

  it('count what happens in sweeps, and not every word of progress', async () => {
    const metrics = new OperatorMetrics();
    metrics.sweepEvent({ type: 'search', search });
    metrics.sweepEvent({ type: 'search', search });
    metrics.sweepEvent({ type: 'run', role: 'Baseline', run: 'r', build: {}, number: 1, of: 2, attempt: 1, why: '' });
    metrics.sweepEvent({ type: 'attemptFailed', run: 'r', attempt: 1, message: 'lost' });
    metrics.sweepEvent({ type: 'phase', message: 'x' });
    expect(await lines(metrics, 'qdrant_bench_')).toEqual([
      'qdrant_bench_events_lost_total 0',
      'qdrant_bench_searches_total{stage="Load",verdict="Passed"} 2',
      'qdrant_bench_runs_started_total{role="Baseline"} 1',
      'qdrant_bench_attempts_failed_total 1',
    ]);
  });

  it('ask for the rest when somebody looks; a phase that no sweep is in any more is gone', async () => {
    const metrics = new OperatorMetrics();
    const phases = new Map([['Running', 2]]);
    let stale = 4;
    metrics.watch({
      phases: () => phases,
      staleSeconds: () => stale,
      queues: () => new Map([['sweep', { sum: 5, longest: 3 }]]),
      messages: () => ({ results: 5, garbage: 1 }),
    });
    expect(await lines(metrics, 'workqueue_unfinished')).toEqual([
      'workqueue_unfinished_work_seconds{name="sweep",controller="sweep"} 5',
    ]);
    expect(await lines(metrics, 'workqueue_longest')).toEqual([
      'workqueue_longest_running_processor_seconds{name="sweep",controller="sweep"} 3',
    ]);
    expect(await lines(metrics, 'qdrant_bench_sweeps')).toEqual(['qdrant_bench_sweeps{phase="Running"} 2']);
    expect(await lines(metrics, 'qdrant_bench_watch_stale')).toEqual(['qdrant_bench_watch_stale_seconds 4']);
    expect(await lines(metrics, 'qdrant_bench_bus')).toEqual([
      'qdrant_bench_bus_messages{outcome="results"} 5',
      'qdrant_bench_bus_messages{outcome="garbage"} 1',
    ]);
    phases.clear();
    phases.set('Completed', 1);
    stale = 0;
    expect(await lines(metrics, 'qdrant_bench_sweeps')).toEqual(['qdrant_bench_sweeps{phase="Completed"} 1']);
    expect(await lines(metrics, 'qdrant_bench_watch_stale')).toEqual(['qdrant_bench_watch_stale_seconds 0']);
  });
});
