import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { RuntimeMetrics } from '../runtime/runtime-metrics.ts';
import type { SweepEvent } from '../sweep/ports.ts';
import { named, runtimeMetrics, unfinishedWork } from './runtime-metrics.ts';

/** What is read when Prometheus asks. */
export interface MetricSources {
  /** How many sweeps are in each phase. */
  phases: () => ReadonlyMap<string, number>;
  /** Seconds since the API server last told us anything. */
  staleSeconds: () => number;
  /** Of each queue, the seconds its runs under way have taken. */
  queues: () => ReadonlyMap<string, { sum: number; longest: number }>;
  /** Messages of load generators, by what became of them. */
  messages: () => Readonly<Record<string, number>>;
}

/**
 * The operator's metrics. The runtime's are named as controller-runtime names them, so that known dashboards and alerts
 * work; no names of objects are labels.
 */
export class OperatorMetrics implements RuntimeMetrics {
  readonly registry = new Registry();
  readonly #runtime = runtimeMetrics(this.registry);
  readonly #watches = this.#counter('qdrant_bench_watch_restarts_total', 'Watches opened again.', ['kind', 'why']);
  readonly #handlers = this.#counter('qdrant_bench_watch_handler_errors_total', 'Events whose handling failed.', [
    'kind',
  ]);
  readonly #writes = this.#counter('qdrant_bench_writes_total', 'Writes to anything outside the operator.', [
    'what',
    'outcome',
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
    unfinishedWork(registry, sources.queues);
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

  /** Counts a write to anything outside. */
  wrote = (what: string, outcome: 'done' | 'failed'): void => this.#writes.inc({ what, outcome });

  reconciled: RuntimeMetrics['reconciled'] = (controller, result, seconds) => {
    this.#runtime.reconciles.inc({ controller, result });
    this.#runtime.reconcileSeconds.observe({ controller }, seconds);
    this.#runtime.workSeconds.observe(named(controller), seconds);
    if (result === 'error') this.#runtime.reconcileErrors.inc({ controller });
  };
  reconcileFailed: RuntimeMetrics['reconcileFailed'] = (controller, why) => this.#runtime[why].inc({ controller });
  workers: RuntimeMetrics['workers'] = (controller, active, most) => {
    this.#runtime.activeWorkers.set({ controller }, active);
    this.#runtime.maxWorkers.set({ controller }, most);
  };
  queueDepth: RuntimeMetrics['queueDepth'] = (name, depth) => this.#runtime.depth.set(named(name), depth);
  queueAdded: RuntimeMetrics['queueAdded'] = (name) => this.#runtime.adds.inc(named(name));
  queueWaited: RuntimeMetrics['queueWaited'] = (name, seconds) =>
    this.#runtime.queueSeconds.observe(named(name), seconds);
  queueRetried: RuntimeMetrics['queueRetried'] = (name) => this.#runtime.retries.inc(named(name));
  requested: RuntimeMetrics['requested'] = (method, status) =>
    this.#runtime.requests.inc({ code: status === 0 ? '<error>' : String(status), method });
  leading: RuntimeMetrics['leading'] = (name, leads) => this.#runtime.leader.set({ name }, leads ? 1 : 0);
  watchRestarted: RuntimeMetrics['watchRestarted'] = (kind, why) => this.#watches.inc({ kind, why });
  handlerFailed: RuntimeMetrics['handlerFailed'] = (kind) => this.#handlers.inc({ kind });
  eventLost: RuntimeMetrics['eventLost'] = () => this.#events.inc();
  statusWritten: RuntimeMetrics['statusWritten'] = (outcome) => this.#statuses.inc({ outcome });

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }
}
