import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 5, 30, 120];

/** A queue's two labels, as controller-runtime has them. */
export const named = (name: string): { name: string; controller: string } => ({ name, controller: name });

/** The runtime's metrics under the names of controller-runtime and client-go, which dashboards and alerts know. */
export function runtimeMetrics(registry: Registry) {
  const about = (name: string, help: string, ...labelNames: string[]) => ({
    name,
    help,
    labelNames,
    registers: [registry],
  });
  const reconcile = (what: string, help: string, ...labels: string[]) =>
    about(`controller_runtime_${what}`, help, 'controller', ...labels);
  const queue = (what: string, help: string) => about(`workqueue_${what}`, help, 'name', 'controller');
  return {
    reconciles: new Counter(reconcile('reconcile_total', 'Reconciliations.', 'result')),
    reconcileErrors: new Counter(reconcile('reconcile_errors_total', 'Reconciliations that failed.')),
    terminal: new Counter(reconcile('terminal_reconcile_errors_total', 'Those that are not tried again.')),
    panic: new Counter(reconcile('reconcile_panics_total', 'Those that failed by a fault of the program.')),
    timeout: new Counter(reconcile('reconcile_timeouts_total', 'Those that took too long.')),
    reconcileSeconds: new Histogram({
      ...reconcile('reconcile_time_seconds', 'Length of a reconciliation.'),
      buckets: SECONDS,
    }),
    activeWorkers: new Gauge(reconcile('active_workers', 'Workers at work.')),
    maxWorkers: new Gauge(reconcile('max_concurrent_reconciles', 'Workers there are.')),
    depth: new Gauge(queue('depth', 'Keys that wait for a worker.')),
    adds: new Counter(queue('adds_total', 'Keys that began to wait for a worker.')),
    queueSeconds: new Histogram({
      ...queue('queue_duration_seconds', 'Time a key waited for a worker.'),
      buckets: SECONDS,
    }),
    workSeconds: new Histogram({ ...queue('work_duration_seconds', 'Time a key was worked on.'), buckets: SECONDS }),
    retries: new Counter(queue('retries_total', 'Keys put back after a failure.')),
    leader: new Gauge(about('leader_election_master_status', 'Whether this process leads.', 'name')),
    requests: new Counter(
      about('rest_client_requests_total', 'Requests to the API server, by its answer.', 'code', 'method'),
    ),
  };
}

/** Asked for only when somebody looks. */
export function unfinishedWork(
  registry: Registry,
  queues: () => ReadonlyMap<string, { sum: number; longest: number }>,
): void {
  const gauge = (what: string, help: string, of: 'sum' | 'longest'): void => {
    const metric: Gauge = new Gauge({
      name: `workqueue_${what}`,
      help,
      labelNames: ['name', 'controller'],
      registers: [registry],
      collect: () => {
        for (const [name, seconds] of queues()) metric.set(named(name), seconds[of]);
      },
    });
  };
  gauge('unfinished_work_seconds', 'Time the keys under way have taken, together.', 'sum');
  gauge('longest_running_processor_seconds', 'Time the longest of them has taken.', 'longest');
}
