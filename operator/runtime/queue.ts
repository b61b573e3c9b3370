import { type Clock, systemClock } from './clock.ts';
import { noMetrics, type RuntimeMetrics } from './runtime-metrics.ts';

/** What to do after a run that did not fail. */
export interface RunResult {
  /** Call again after so long, unless something happens before. */
  requeueAfterMs?: number;
}

export interface QueueOptions {
  /** For metrics. */
  name: string;
  /** Keys worked on at the same time. */
  workers: number;
  /** Works on a key; a rejection brings the key back, later each time. `signal` is aborted by `stop`. */
  run: (key: string, signal: AbortSignal) => Promise<RunResult | void>;
  onError: (key: string, error: unknown, retryInMs: number) => void;
  clock?: Clock;
  metrics?: RuntimeMetrics;
  /** Delay after the first failure, doubled by each further one. Default 5 ms. */
  firstDelayMs?: number;
  /** Longest delay. Default 1000 s. */
  longestDelayMs?: number;
}

interface Entry {
  running: boolean;
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
  #drained: (() => void) | undefined;

  constructor(options: QueueOptions) {
    this.#options = {
      clock: systemClock,
      metrics: noMetrics,
      firstDelayMs: 5,
      longestDelayMs: 1_000_000,
      ...options,
    };
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
    if (!entry) this.#entries.set(key, (entry = { running: false, failures: 0, notBefore: 0 }));
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
    this.#depth();
    this.#dispatch();
  }

  #dispatch(): void {
    for (const key of this.#ready) {
      if (this.#running >= this.#options.workers) return;
      this.#ready.delete(key);
      this.#depth();
      void this.#work(key, this.#entry(key));
    }
  }

  async #work(key: string, entry: Entry): Promise<void> {
    const { run, metrics, name, onError } = this.#options;
    const began = this.#now();
    metrics.queueWaited(name, (began - (entry.queuedAt ?? began)) / 1000);
    this.#running += 1;
    entry.running = true;
    const seconds = (): number => (this.#now() - began) / 1000;
    try {
      // Never in the caller's own turn: adding a key must not run anything.
      await Promise.resolve();
      const result = await run(key, this.#stopping.signal);
      entry.failures = 0;
      entry.notBefore = 0;
      const after = result?.requeueAfterMs;
      metrics.reconciled(name, after === undefined ? 'success' : 'requeue', seconds());
      if (after !== undefined && this.#entries.get(key) === entry) this.addAfter(key, after);
    } catch (error) {
      metrics.reconciled(name, 'error', seconds());
      entry.failures += 1;
      const delay = this.#delay(entry.failures);
      entry.notBefore = this.#now() + delay;
      if (!this.#stopping.signal.aborted) {
        metrics.queueRetried(name);
        onError(key, error, delay);
        this.addAfter(key, delay);
      }
    } finally {
      this.#running -= 1;
      entry.running = false;
      this.#finished(key, entry);
    }
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

  #depth(): void {
    this.#options.metrics.queueDepth(this.#options.name, this.#ready.size);
  }

  #now(): number {
    return this.#options.clock.now();
  }
}
