import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { type Clock, systemClock } from './clock.ts';
import { isPanic, ReconcileTimeout, type RunContext, type RunResult, TerminalError } from './reconcile.ts';
import { noMetrics, type RuntimeMetrics } from './runtime-metrics.ts';
import { TokenBucket } from './token-bucket.ts';

export interface QueueOptions {
  /** For metrics. */
  name: string;
  /** Keys worked on at the same time. */
  workers: number;
  /** Works on a key; a rejection brings the key back, later each time, unless it is a {@link TerminalError}. */
  run: (key: string, context: RunContext) => Promise<RunResult | void>;
  log: Logger;
  clock?: Clock;
  metrics?: RuntimeMetrics;
  /** A run's signal is aborted after so long. Default 10 min. */
  timeoutMs?: number;
  /** Delay after the first failure, doubled by each further one. Default 5 ms. */
  firstDelayMs?: number;
  /** Longest delay of that kind. Default 1000 s. */
  longestDelayMs?: number;
  /** Limits the retries of all keys together, for many that fail at once. Default: 10 a second, 100 at once. */
  retries?: Pick<TokenBucket, 'reserve'>;
  /** Whether keys are only collected until `start` is called. Default false. */
  paused?: boolean;
}

/** A run that has not ended so long after it was told to will stay that way. */
const STUCK_MS = 60_000;

interface Entry {
  running: boolean;
  /** When the last run began. */
  began: number;
  /** Waits for a worker, since this time. */
  queuedAt?: number;
  /** What came while it ran: `urgent` may also overtake a back-off. */
  again?: 'yes' | 'urgent';
  failures: number;
  /** No run before, unless urgent: the back-off of a failed key. */
  notBefore: number;
  /** The earliest of what was asked for later. */
  timer?: { at: number; cancel: () => void };
}

/**
 * Keys to work on, each at most once at a time: adding a key that waits changes nothing, adding one that is worked on
 * has it worked on once more afterwards. So a storm of changes costs two runs, and no change is missed.
 */
export class WorkQueue {
  readonly #options: Required<QueueOptions>;
  readonly #entries = new Map<string, Entry>();
  /** Keys that wait for a worker, oldest first. */
  readonly #ready = new Set<string>();
  readonly #stopping = new AbortController();
  #running = 0;
  #paused: boolean;
  #drained: (() => void) | undefined;

  constructor(options: QueueOptions) {
    const { clock = systemClock } = options;
    this.#options = {
      clock,
      metrics: noMetrics,
      timeoutMs: 600_000,
      firstDelayMs: 5,
      longestDelayMs: 1_000_000,
      retries: new TokenBucket({ perSecond: 10, burst: 100, clock }),
      paused: false,
      ...options,
    };
    this.#paused = this.#options.paused;
    this.#workers(0);
  }

  /** Begins to work on what was collected. */
  start(): void {
    this.#paused = false;
    this.#dispatch();
  }

  /**
   * Has a key worked on as soon as a worker is free. A key that failed waits for the end of its back-off all the same,
   * for what we write ourselves comes back as a change too; `urgent`, for what a person asked, does not wait.
   */
  add(key: string, { urgent = false }: { urgent?: boolean } = {}): void {
    if (this.#stopping.signal.aborted) return;
    const entry = this.#entry(key);
    if (entry.running) {
      entry.again = urgent ? 'urgent' : (entry.again ?? 'yes');
      return;
    }
    const wait = urgent ? 0 : entry.notBefore - this.#now();
    if (wait > 0) this.#schedule(key, entry, wait);
    else this.#enqueue(key, entry);
  }

  /** Has a key worked on after so long; of several such wishes the earliest counts. */
  addAfter(key: string, ms: number): void {
    if (this.#stopping.signal.aborted) return;
    this.#schedule(key, this.#entry(key), ms);
  }

  /** Forgets what waits for a key and its failures: it is gone. A run under way ends. */
  forget(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    entry.timer?.cancel();
    this.#ready.delete(key);
    this.#depth();
    if (entry.running) Object.assign(entry, { timer: undefined, again: undefined, failures: 0, notBefore: 0 });
    else this.#entries.delete(key);
  }

  /** Keys that are known: waiting, running, or due later. */
  get size(): number {
    return this.#entries.size;
  }

  /** Seconds that the runs under way have taken: together, and the longest. */
  get unfinished(): { sum: number; longest: number } {
    const seconds = [...this.#entries.values()].filter((entry) => entry.running).map(({ began }) => this.#since(began));
    return { sum: seconds.reduce((sum, one) => sum + one, 0), longest: Math.max(0, ...seconds) };
  }

  /** Empty while work goes on; else what is stuck, which only another process can mend. */
  get stuck(): string {
    const { name, timeoutMs } = this.#options;
    for (const [key, { running, began }] of this.#entries) {
      if (running && this.#now() - began > timeoutMs + STUCK_MS) {
        return `${name} ${key} has been worked on for ${Math.round(this.#since(began))} s and does not end`;
      }
    }
    return '';
  }

  /** Takes nothing more, aborts the signal of what runs and waits until that has ended. May be called again. */
  async stop(): Promise<void> {
    if (!this.#stopping.signal.aborted) {
      this.#stopping.abort(new Error('the queue is stopping'));
      for (const entry of this.#entries.values()) entry.timer?.cancel();
      this.#ready.clear();
    }
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        const before = this.#drained;
        this.#drained = () => {
          before?.();
          resolve();
        };
      });
    }
    this.#entries.clear();
  }

  #entry(key: string): Entry {
    let entry = this.#entries.get(key);
    if (!entry) this.#entries.set(key, (entry = { running: false, began: 0, failures: 0, notBefore: 0 }));
    return entry;
  }

  #schedule(key: string, entry: Entry, ms: number): void {
    const at = this.#now() + Math.max(0, ms);
    if (entry.timer && entry.timer.at <= at) return;
    entry.timer?.cancel();
    const cancel = this.#options.clock.after(at - this.#now(), () => {
      delete entry.timer;
      const early = at - this.#now();
      // A timer holds three weeks at most.
      if (early > 1) this.#schedule(key, entry, early);
      else this.add(key);
    });
    entry.timer = { at, cancel };
  }

  #enqueue(key: string, entry: Entry): void {
    if (this.#ready.has(key)) return;
    entry.queuedAt = this.#now();
    this.#ready.add(key);
    this.#options.metrics.queueAdded(this.#options.name);
    this.#depth();
    this.#dispatch();
  }

  #dispatch(): void {
    if (this.#paused) return;
    for (const key of this.#ready) {
      if (this.#running >= this.#options.workers) return;
      this.#ready.delete(key);
      this.#depth();
      void this.#work(key, this.#entry(key));
    }
  }

  async #work(key: string, entry: Entry): Promise<void> {
    const { metrics, name, log } = this.#options;
    entry.began = this.#now();
    metrics.queueWaited(name, this.#since(entry.queuedAt ?? entry.began));
    delete entry.queuedAt;
    this.#workers(1);
    entry.running = true;
    const reconcileID = randomUUID();
    const child = log.child({ queue: name, key, reconcileID });
    try {
      const result = await this.#limited(key, { log: child, reconcileID });
      entry.failures = 0;
      entry.notBefore = 0;
      const after = result?.requeueAfterMs;
      metrics.reconciled(name, after === undefined ? 'success' : 'requeue_after', this.#since(entry.began));
      if (after !== undefined && this.#entries.get(key) === entry) this.addAfter(key, after);
    } catch (error) {
      // Whoever was told to end has not failed.
      if (!this.#stopping.signal.aborted) this.#failed(key, entry, error, child);
    } finally {
      this.#workers(-1);
      entry.running = false;
      this.#finished(key, entry);
    }
  }

  async #limited(key: string, context: Omit<RunContext, 'signal'>): Promise<RunResult | void> {
    const { run, clock, timeoutMs } = this.#options;
    const limit = new AbortController();
    const cancel = clock.after(timeoutMs, () => limit.abort(new ReconcileTimeout(timeoutMs)));
    try {
      // Never in the caller's own turn: adding a key must not run anything.
      await Promise.resolve();
      return await run(key, { ...context, signal: AbortSignal.any([this.#stopping.signal, limit.signal]) });
    } finally {
      cancel();
    }
  }

  #failed(key: string, entry: Entry, error: unknown, log: Logger): void {
    const { metrics, name, retries } = this.#options;
    metrics.reconciled(name, 'error', this.#since(entry.began));
    if (error instanceof ReconcileTimeout) metrics.reconcileFailed(name, 'timeout');
    if (isPanic(error)) metrics.reconcileFailed(name, 'panic');
    if (error instanceof TerminalError) {
      metrics.reconcileFailed(name, 'terminal');
      Object.assign(entry, { failures: 0, notBefore: 0 });
      log.error({ err: error }, 'reconciling failed for good');
      return;
    }
    entry.failures += 1;
    const retryInMs = Math.max(this.#delay(entry.failures), retries.reserve());
    entry.notBefore = this.#now() + retryInMs;
    metrics.queueRetried(name);
    log.error({ err: error, retryInMs }, 'reconciling failed');
    this.addAfter(key, retryInMs);
  }

  #finished(key: string, entry: Entry): void {
    if (this.#stopping.signal.aborted) {
      if (this.#running === 0) this.#drained?.();
      return;
    }
    const again = entry.again;
    delete entry.again;
    if (again) this.add(key, { urgent: again === 'urgent' });
    // Nothing waits and nothing failed: forget it, or the map would hold every key there ever was.
    else if (!entry.timer && !this.#ready.has(key)) this.#entries.delete(key);
    this.#dispatch();
  }

  #delay(failures: number): number {
    const { firstDelayMs, longestDelayMs } = this.#options;
    return Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(failures - 1, 40));
  }

  #workers(change: number): void {
    const { metrics, name, workers } = this.#options;
    this.#running += change;
    metrics.workers(name, this.#running, workers);
  }

  #since(at: number): number {
    return Math.max(0, this.#now() - at) / 1000;
  }

  #depth(): void {
    this.#options.metrics.queueDepth(this.#options.name, this.#ready.size);
  }

  #now(): number {
    return this.#options.clock.now();
  }
}
