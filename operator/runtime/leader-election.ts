import type { Logger } from 'pino';
import { type Clock, sleep, systemClock } from './clock.ts';
import { KINDS } from './kinds.ts';
import { type Kube, type KubeObject, alreadyExists, isConflict, isNotFound } from './kube.ts';
import * as leases from './lease.ts';
import { microTime } from './micro-time.ts';
import { noMetrics, type RuntimeMetrics } from './runtime-metrics.ts';

export interface LeaderElectionOptions {
  kube: Pick<Kube, 'get' | 'create' | 'mergePatch'>;
  namespace: string;
  /** Of the Lease. */
  name: string;
  /** Unique: no other process ever has the same. */
  identity: string;
  log: Logger;
  settings?: leases.LeaseSettings;
  clock?: Clock;
  metrics?: RuntimeMetrics;
  random?: () => number;
  /** Whether it may take the lease. Until then it looks only: what it has seen unchanged counts already. Default true. */
  mayTake?: () => boolean;
  /** Empty while the work goes on; else why not: then the lease is left to run out, for somebody whose work does. */
  stuck?: () => string;
  /** The latest term that is known elsewhere, -1 for none; the next one is beyond it, even where the Lease was deleted. */
  latestTerm?: () => Promise<number>;
}

/** What a leader has. */
export interface Leadership {
  /** Greater than that of every leader before. */
  term: number;
  /** Aborts when this process does not lead any more. There is no second time: end the process. */
  lost: AbortSignal;
}

/** This process led, and does so no more. */
export class LeadershipLost extends Error {
  override readonly name = 'LeadershipLost';
}

/**
 * Leader election by a Lease (coordination.k8s.io/v1). One process holds it and renews it; it stops being the leader by
 * its own clock, counted from when it sent the last renewal that was confirmed, well before anybody else may take the
 * lease, who counts from when that renewal was seen. So neither clocks that differ nor lost answers make two leaders;
 * processes that stand still can, for a moment, and for them writes carry the term.
 */
export class LeaderElection {
  readonly #options: Required<LeaderElectionOptions>;
  readonly #lost = new AbortController();
  readonly #over = new AbortController();
  #known: leases.Knowledge | undefined;
  #term: number | undefined;
  /** Leads until then, by our clock. */
  #until = Number.NEGATIVE_INFINITY;
  #cancelDeadline: (() => void) | undefined;
  #renewing: Promise<void> | undefined;

  constructor(options: LeaderElectionOptions) {
    this.#options = {
      settings: leases.LEASE_DEFAULTS,
      clock: systemClock,
      metrics: noMetrics,
      random: Math.random,
      mayTake: () => true,
      stuck: () => '',
      latestTerm: () => Promise.resolve(-1),
      ...options,
    };
    leases.checkSettings(this.#options.settings);
    this.#options.metrics.leading(options.name, false);
  }

  /** Whether this process leads now. */
  get leads(): boolean {
    return !this.#lost.signal.aborted && this.#options.clock.now() < this.#until;
  }

  /** Competes until this process leads. To be called once. @throws the reason of `signal`. */
  async acquire(signal: AbortSignal): Promise<Leadership> {
    const { clock, settings, random, log, name, identity } = this.#options;
    log.info({ lease: name, identity }, 'waiting to become the leader');
    for (let told = ''; ;) {
      signal.throwIfAborted();
      if (await this.#try(log, signal)) break;
      this.#lost.signal.throwIfAborted();
      const holder = this.#known?.lease?.holder ?? '';
      if (holder !== told && holder !== '') log.info({ lease: name, holder }, 'another process leads');
      told = holder;
      await sleep(clock, settings.retryPeriodMs * (1 + 0.2 * random()), signal);
    }
    const term = this.#term as number;
    log.info({ lease: name, identity, term }, 'this process leads');
    this.#options.metrics.leading(name, true);
    this.#renewing = this.#renew();
    return { term, lost: this.#lost.signal };
  }

  /** Lets go of the lease, so that the next leader need not wait. All work has to be over. Never throws. */
  async release(): Promise<void> {
    const { log, name, clock } = this.#options;
    this.#over.abort(new Error('the lease is being let go of'));
    await this.#renewing;
    if (!this.leads) return;
    this.#end();
    try {
      await this.#request((signal) => this.#patch(leases.releasedSpec(clock.now()), signal));
      log.info({ lease: name }, 'let go of the lease');
    } catch (error) {
      log.warn({ lease: name, error: String(error) }, 'the lease was not let go of; it runs out by itself');
    }
  }

  async #renew(): Promise<void> {
    const { clock, settings, log, name, stuck } = this.#options;
    for (;;) {
      const over = await sleep(clock, settings.retryPeriodMs, this.#over.signal).then(
        () => false,
        () => true,
      );
      if (over || this.#lost.signal.aborted) return;
      const why = stuck();
      if (why !== '') log.error({ lease: name, why }, 'the lease is not renewed: the work has come to a halt');
      else if (!(await this.#try(log)) && this.#isForeign()) {
        this.#lose(this.#known?.lease ? 'another process has the lease' : 'somebody deleted the lease');
      }
    }
  }

  #isForeign(): boolean {
    return this.#known?.lease?.holder !== this.#options.identity;
  }

  /** One round: look where that is needed, decide, write. @returns whether it confirmed that this process leads. */
  async #try(log: Logger, signal?: AbortSignal): Promise<boolean> {
    try {
      // A leader knows the version it wrote; if that is not the latest any more, it looks.
      if (this.#term === undefined) await this.#look(signal);
      return await this.#write(signal);
    } catch (error) {
      if (signal?.aborted) throw error;
      const changed = isConflict(error) || alreadyExists(error) || isNotFound(error);
      if (!changed) log.warn({ lease: this.#options.name, error: String(error) }, 'the lease could not be asked for');
      // Our own write may have arrived after all, without its answer.
      if (this.#term !== undefined && changed) {
        await this.#look(signal).catch(() => undefined);
        if (!this.#isForeign()) return this.#write(signal).catch(() => false);
      }
      return false;
    }
  }

  async #look(signal?: AbortSignal): Promise<void> {
    const found = await this.#request((limit) => this.#options.kube.get(this.#ref(), limit), signal);
    this.#learn(found);
  }

  async #write(signal?: AbortSignal): Promise<boolean> {
    const { clock, identity, settings, kube, latestTerm, mayTake } = this.#options;
    const known = this.#known as leases.Knowledge;
    const decision = leases.decideLease(identity, known, clock.now(), settings.durationMs);
    if (decision.do === 'wait') return false;
    // Whoever led cannot begin again: its term is over, and its work was told so.
    if (decision.do !== 'renew' && this.#term !== undefined) return false;
    if (decision.do !== 'renew' && !mayTake()) return false;
    const before = known.lease?.transitions ?? -1;
    const term = decision.do === 'renew' ? before : Math.max(before, await latestTerm()) + 1;
    const sent = clock.now();
    const written = await this.#request((limit) => {
      if (decision.do === 'renew') {
        const spec = { renewTime: microTime(sent), leaseDurationSeconds: settings.durationMs / 1000 };
        return this.#patch(spec, limit);
      }
      const spec = leases.takenSpec(identity, settings.durationMs, term, sent);
      if (decision.do === 'take') return this.#patch(spec, limit);
      const { namespace, name } = this.#options;
      const { apiVersion, kind } = KINDS.Lease;
      return kube.create({ apiVersion, kind, metadata: { namespace, name }, spec }, limit);
    }, signal);
    this.#learn(written);
    this.#lead(term, sent + settings.renewDeadlineMs);
    return this.leads;
  }

  #lead(term: number, until: number): void {
    if (this.#lost.signal.aborted) return;
    const { clock } = this.#options;
    this.#term = term;
    this.#until = until;
    this.#cancelDeadline?.();
    this.#cancelDeadline = clock.after(until - clock.now(), () => this.#lose('the lease could not be renewed in time'));
  }

  #lose(why: string): void {
    const { log, name } = this.#options;
    if (this.#lost.signal.aborted || this.#until === Number.NEGATIVE_INFINITY) return;
    log.error({ lease: name, term: this.#term, why }, 'this process leads no more');
    this.#end();
    this.#lost.abort(new LeadershipLost(`this process leads no more: ${why}`));
  }

  #end(): void {
    this.#until = Number.NEGATIVE_INFINITY;
    this.#cancelDeadline?.();
    this.#over.abort(new Error('this process leads no more'));
    this.#options.metrics.leading(this.#options.name, false);
  }

  /** Only onto the version we know: whoever was quicker wins. */
  #patch(spec: unknown, signal: AbortSignal): Promise<KubeObject> {
    const resourceVersion = this.#known?.lease?.resourceVersion;
    return this.#options.kube.mergePatch(this.#ref(), { metadata: { resourceVersion }, spec }, signal);
  }

  #learn(object: KubeObject | undefined): void {
    this.#known = leases.learn(this.#known, leases.seenLease(object), this.#options.clock.now());
  }

  #ref() {
    const { namespace, name } = this.#options;
    return { ...KINDS.Lease, namespace, name };
  }

  /** With a time limit by our own clock, so that two requests fit into what a leader has to renew. */
  async #request<T>(send: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { clock, settings } = this.#options;
    const limit = new AbortController();
    const out = Promise.withResolvers<never>();
    const stop = (error: Error): void => {
      limit.abort(error);
      out.reject(error);
    };
    const onAbort = (): void => stop(signal?.reason as Error);
    signal?.addEventListener('abort', onAbort, { once: true });
    const ms = settings.renewDeadlineMs / 2;
    const cancel = clock.after(ms, () => stop(new Error(`no answer within ${ms} ms`)));
    try {
      signal?.throwIfAborted();
      return await Promise.race([send(limit.signal), out.promise]);
    } finally {
      cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }
}
