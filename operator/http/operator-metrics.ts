import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { RuntimeMetrics } from '../runtime/runtime-metrics.ts';
import type { SweepEvent } from '../sweep/ports.ts';

/** What is read when Prometheus asks. */
export interface MetricSources {
  /** How many sweeps are in each phase. */
  phases: () => ReadonlyMap<string, number>;
  /** Seconds since the API server last told us anything. */
  staleSeconds: () => number;
  /** Messages of load generators, by what became of them. */
  messages: () => Readonly<Record<string, number>>;
}

/**
 * The operator's metrics. The runtime's are named as controller-runtime names them, so that known dashboards and alerts
 * work; no names of objects are labels.
 */
export class OperatorMetrics implements RuntimeMetrics {
  readonly registry = new Registry();
  readonly #reconciles = this.#counter('controller_runtime_reconcile_total', 'Reconciliations.', [
    'controller',
    'result',
  ]);
  readonly #failures = this.#counter('controller_runtime_reconcile_errors_total', 'Reconciliations that failed.', [
    'controller',
  ]);
  readonly #seconds = this.#histogram('controller_runtime_reconcile_time_seconds', 'Length of a reconciliation.');
  readonly #depth = this.#gauge('workqueue_depth', 'Keys that wait for a worker.', ['name']);
  readonly #waited = this.#histogram('workqueue_queue_duration_seconds', 'Time a key waited for a worker.', 'name');
  readonly #retries = this.#counter('workqueue_retries_total', 'Keys put back after a failure.', ['name']);
  readonly #watches = this.#counter('qdrant_bench_watch_restarts_total', 'Watches opened again.', ['kind', 'why']);
  readonly #handlers = this.#counter('qdrant_bench_watch_handler_errors_total', 'Events whose handling failed.', [
    'kind',
  ]);
  readonly #events = this.#counter('qdrant_bench_events_lost_total', 'Kubernetes events that were not written.');
  readonly #statuses = this.#counter('qdrant_bench_status_writes_total', 'Writes of a status.', ['outcome']);
  readonly #searches = this.#counter('qdrant_bench_searches_total', 'Searches measured.', ['stage', 'verdict']);
  readonly #runs = this.#counter('qdrant_bench_runs_started_total', 'Runs started, attempts counted each.', ['role']);
  readonly #attempts = this.#counter('qdrant_bench_attempts_failed_total', 'Attempts that were lost or failed.');

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** Connects what is asked for only when somebody looks. */
  watch(sources: MetricSources): void {
    const { registry } = this;
    const phases: Gauge = new Gauge({
      name: 'qdrant_bench_sweeps',
      help: 'QdrantSweeps by phase.',
      labelNames: ['phase'],
      registers: [registry],
      collect: () => {
        phases.reset();
        for (const [phase, count] of sources.phases()) phases.set({ phase }, count);
      },
    });
    const stale: Gauge = new Gauge({
      name: 'qdrant_bench_watch_stale_seconds',
      help: 'Seconds since the API server was last heard of.',
      registers: [registry],
      collect: () => stale.set(sources.staleSeconds()),
    });
    const messages: Gauge = new Gauge({
      name: 'qdrant_bench_bus_messages',
      help: 'Messages of load generators since the start, by what became of them.',
      labelNames: ['outcome'],
      registers: [registry],
      collect: () => {
        for (const [outcome, count] of Object.entries(sources.messages())) messages.set({ outcome }, count);
      },
    });
  }

  /** Counts what happens in sweeps. */
  sweepEvent(event: SweepEvent): void {
    if (event.type === 'search') this.#searches.inc({ stage: event.search.stage, verdict: event.search.verdict });
    if (event.type === 'run') this.#runs.inc({ role: event.role });
    if (event.type === 'attemptFailed') this.#attempts.inc();
  }

  reconciled: RuntimeMetrics['reconciled'] = (controller, result, seconds) => {
    this.#reconciles.inc({ controller, result });
    this.#seconds.observe({ controller }, seconds);
    if (result === 'error') this.#failures.inc({ controller });
  };
  queueDepth: RuntimeMetrics['queueDepth'] = (name, depth) => this.#depth.set({ name }, depth);
  queueWaited: RuntimeMetrics['queueWaited'] = (name, seconds) => this.#waited.observe({ name }, seconds);
  queueRetried: RuntimeMetrics['queueRetried'] = (name) => this.#retries.inc({ name });
  watchRestarted: RuntimeMetrics['watchRestarted'] = (kind, why) => this.#watches.inc({ kind, why });
  handlerFailed: RuntimeMetrics['handlerFailed'] = (kind) => this.#handlers.inc({ kind });
  eventLost: RuntimeMetrics['eventLost'] = () => this.#events.inc();
  statusWritten: RuntimeMetrics['statusWritten'] = (outcome) => this.#statuses.inc({ outcome });

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #gauge(name: string, help: string, labelNames: string[]): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram(name: string, help: string, label = 'controller'): Histogram {
    const buckets = [0.005, 0.025, 0.1, 0.5, 1, 5, 30, 120];
    return new Histogram({ name, help, labelNames: [label], buckets, registers: [this.registry] });
  }
}
