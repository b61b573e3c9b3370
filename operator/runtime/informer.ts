import type { Logger } from 'pino';
import { type Clock, sleep, systemClock } from './clock.ts';
import { type Kube, type KubeKind, type KubeObject, type ListOptions, KubeError } from './kube.ts';
import { type Index, ObjectCache, type ObjectEvent } from './object-cache.ts';
import { noMetrics, type RuntimeMetrics } from './runtime-metrics.ts';

export interface InformerOptions extends ListOptions {
  kube: Pick<Kube, 'listWithVersion' | 'watch'>;
  kind: KubeKind;
  log: Logger;
  /** Called in order for every change, and for every object at each resync. What it throws is logged and counted. */
  onEvent: (event: ObjectEvent) => void;
  clock?: Clock;
  metrics?: RuntimeMetrics;
  /** 0 … 1; spreads what many processes would do at once. */
  random?: () => number;
  /** Under which names and values objects are to be found besides their own, for `byIndex`. */
  indexes?: Readonly<Record<string, Index>>;
  /** How often all objects are handed out again, in case a change was handled wrongly. Default 10 min. */
  resyncMs?: number;
  /** A silent watch is taken for dead. Default 150 s: a bookmark comes about every minute. */
  idleMs?: number;
}

const FIRST_DELAY_MS = 1000;
/** An API server that comes back is waited for no longer than that. */
const LONGEST_DELAY_MS = 10_000;
/** A watch that held so long, or brought something, was healthy: the next failure is a first one again. */
const HEALTHY_MS = 10_000;
/** So many failures in a row may be the version's fault (a restored etcd has older ones): everything is listed anew. */
const RELIST_AFTER = 3;

/**
 * Keeps a cache of one kind up to date by list and watch, for ever: a watch that ends goes on where it was, a version the
 * server has forgotten means a new list, whose differences become events, deletions too; failures are tried again after
 * 1 … 10 s. Our own and not the library's, which stops at an API server's restart and calls back after its stop;
 * informer.e2e.test.ts has what it must hold.
 */
export class Informer {
  readonly #options: Required<Omit<InformerOptions, keyof ListOptions>> & ListOptions;
  readonly #cache: ObjectCache;
  readonly #synced = Promise.withResolvers<void>();
  #version: string | undefined;
  #isSynced = false;
  #lastContact: number;
  #running: { stop: AbortController; ended: Promise<void> } | undefined;

  constructor(options: InformerOptions) {
    this.#options = {
      clock: systemClock,
      metrics: noMetrics,
      random: Math.random,
      indexes: {},
      resyncMs: 600_000,
      idleMs: 150_000,
      ...options,
    };
    this.#cache = new ObjectCache(this.#options.indexes);
    this.#lastContact = this.#options.clock.now();
  }

  start(): void {
    if (this.#running) return;
    const stop = new AbortController();
    const ended = Promise.all([this.#follow(stop.signal), this.#resync(stop.signal)]).then(() => undefined);
    this.#running = { stop, ended };
  }

  /** Ends list and watch and waits for that; no event comes after it was called. */
  async stop(): Promise<void> {
    const running = this.#running;
    running?.stop.abort(new Error('the informer was stopped'));
    await running?.ended;
    if (this.#running === running) this.#running = undefined;
  }

  /** Whether the cache was complete once. Before, absence means nothing. */
  get hasSynced(): boolean {
    return this.#isSynced;
  }

  /** Waits for the first complete list. */
  async synced(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#synced.promise, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Seconds since the API server last told us anything of this kind; beyond some minutes the cache is not to be trusted. */
  get staleSeconds(): number {
    return Math.max(0, (this.#options.clock.now() - this.#lastContact) / 1000);
  }

  get(name: string, namespace?: string): KubeObject | undefined {
    return this.#cache.get(name, namespace);
  }

  list(): KubeObject[] {
    return this.#cache.list();
  }

  /** Those with a value under an index. @throws {RangeError} for an index there is not. */
  byIndex(index: string, value: string): KubeObject[] {
    return this.#cache.byIndex(index, value);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { clock, metrics, kind, log } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const began = clock.now();
      let brought = 0;
      let failure: Error | undefined;
      try {
        if (this.#version === undefined) await this.#list(signal);
        signal.throwIfAborted();
        for await (const event of this.#watch(this.#version ?? '', signal)) {
          if (signal.aborted) return;
          this.#lastContact = clock.now();
          brought += 1;
          if (event.type === 'BOOKMARK') this.#version = event.resourceVersion;
          else {
            this.#version = event.object.metadata.resourceVersion as string;
            this.#emit(
              event.type === 'DELETED' ? this.#cache.delete(event.object) : this.#cache.set(event.object),
              signal,
            );
          }
        }
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
      }
      if (signal.aborted) return;
      const expired = failure instanceof KubeError && failure.status === 410;
      metrics.watchRestarted(kind.kind, expired ? 'expired' : failure ? 'error' : 'closed');
      if (brought > 0 || clock.now() - began >= HEALTHY_MS) failures = 0;
      // A watch that ends at once without a word is no better than one that fails.
      const quick = brought === 0 && clock.now() - began < FIRST_DELAY_MS;
      if (expired) this.#version = undefined;
      if (failure || quick) {
        failures += 1;
        if (failures % RELIST_AFTER === 0) this.#version = undefined;
        const delay = expired && failures === 1 ? 0 : this.#delay(failures, failure);
        log.info({ kind: kind.kind, error: failure?.message ?? 'closed at once', delayMs: delay }, 'watching again');
        await sleep(clock, delay, signal).catch(() => undefined);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { kube, kind, clock, namespace, labelSelector, fieldSelector } = this.#options;
    const { items, resourceVersion } = await kube.listWithVersion(
      kind,
      selectors({ namespace, labelSelector, fieldSelector }),
      signal,
    );
    if (signal.aborted) return;
    this.#lastContact = clock.now();
    this.#version = resourceVersion;
    this.#emit(this.#cache.replace(items), signal);
    this.#isSynced = true;
    this.#synced.resolve();
  }

  #watch(resourceVersion: string, signal: AbortSignal) {
    const { kube, kind, idleMs, random, namespace, labelSelector, fieldSelector } = this.#options;
    const timeoutSeconds = Math.round(300 + 300 * random());
    return kube.watch(
      kind,
      { resourceVersion, timeoutSeconds, idleMs, ...selectors({ namespace, labelSelector, fieldSelector }) },
      signal,
    );
  }

  async #resync(signal: AbortSignal): Promise<void> {
    const { clock, resyncMs, random } = this.#options;
    for (;;) {
      const ended = await sleep(clock, resyncMs * (0.9 + 0.2 * random()), signal).then(
        () => false,
        () => true,
      );
      if (ended) return;
      this.#emit(
        this.#cache.list().map((object) => ({ type: 'Resync', object })),
        signal,
      );
    }
  }

  #emit(events: readonly ObjectEvent[], signal: AbortSignal): void {
    const { onEvent, kind, log, metrics } = this.#options;
    for (const event of events) {
      if (signal.aborted) return;
      try {
        onEvent(event);
      } catch (error) {
        metrics.handlerFailed(kind.kind);
        log.error({ err: error, kind: kind.kind, name: event.object.metadata.name }, 'handling an event failed');
      }
    }
  }

  #delay(failures: number, failure: Error | undefined): number {
    const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures - 1, 10));
    const asked = failure instanceof KubeError ? (failure.retryAfter ?? 0) * 1000 : 0;
    return Math.max(asked, longest * (0.5 + 0.5 * this.#options.random()));
  }
}

const selectors = ({ namespace, labelSelector, fieldSelector }: ListOptions): ListOptions => ({
  ...(namespace ? { namespace } : {}),
  ...(labelSelector ? { labelSelector } : {}),
  ...(fieldSelector ? { fieldSelector } : {}),
});
