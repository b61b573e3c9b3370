import { setTimeout as sleep } from 'node:timers/promises';
import type { Message } from '../../../../loadgen/protocol.ts';
import { BusError, type Bus, type ConsumeOptions, type FinalMessage } from '../../../bus/bus.ts';
import { subjectOf, type JobAddress } from '../../../bus/subjects.ts';

interface Kept {
  results: Message[];
  /** So many results are acknowledged. */
  acked: number;
}

const isFinal = (message: Message | undefined): message is FinalMessage =>
  message?.type === 'done' || message?.type === 'failed';

/** NATS in memory: keeps results in order, delivers one at a time until it is acknowledged, forgets when told to. */
export class MemoryBus implements Bus {
  /** Nothing is answered while it is. */
  away = false;
  /** Nothing is delivered while it is, though everything else works. */
  slow = false;
  /** Before a refused result comes again, ms. */
  redeliverMs = 2;
  /** Called before each question; what it throws is its answer. */
  before: (what: string) => void = () => undefined;
  readonly #jobs = new Map<string, Kept>();
  readonly #listeners = new Map<string, ConsumeOptions>();

  /** What a pod of a job says. */
  publish(job: JobAddress, ...messages: Message[]): void {
    for (const message of messages) {
      if (message.type !== 'progress' && message.type !== 'series') this.#kept(job).results.push(message);
      else
        void this.#listeners
          .get(subjectOf('results', job))
          ?.onMessage(message)
          .catch(() => undefined);
    }
  }

  /** How many results of a job are kept, and how many of them are acknowledged. */
  state(job: JobAddress): { kept: number; acked: number } {
    const { results, acked } = this.#kept(job);
    return { kept: results.length, acked };
  }

  async ready(): Promise<void> {
    await this.#ask('ready');
  }

  credentials(job: JobAddress, expiresAt: Date): Promise<string> {
    return Promise.resolve(`creds of ${subjectOf('results', job)} until ${expiresAt.toISOString()}`);
  }

  async consume(job: JobAddress, options: ConsumeOptions): Promise<FinalMessage> {
    const { signal, onMessage, onError } = options;
    const subject = subjectOf('results', job);
    this.#listeners.set(subject, options);
    for (;;) {
      signal.throwIfAborted();
      if (!this.away && !this.slow) {
        const kept = this.#kept(job);
        const last = kept.results.at(-1);
        if (isFinal(last) && kept.acked === kept.results.length) return last;
        const next = kept.results[kept.acked];
        if (next) {
          try {
            await onMessage(structuredClone(next));
            this.before('ack');
            kept.acked += 1;
            if (isFinal(next)) return next;
            continue;
          } catch (error) {
            onError?.(error);
            await sleep(this.redeliverMs, undefined, { signal });
            continue;
          }
        }
      }
      await sleep(1, undefined, { signal });
    }
  }

  async hasFinal(job: JobAddress): Promise<boolean> {
    await this.#ask('hasFinal');
    const { results, acked } = this.#kept(job);
    return isFinal(results.at(-1)) && acked < results.length;
  }

  async forget(job: JobAddress): Promise<void> {
    await this.#ask('forget');
    this.#jobs.delete(subjectOf('results', job));
  }

  async forgetAll(namespace: string, prefix: string): Promise<void> {
    await this.#ask('forget');
    const begins = subjectOf('results', { namespace, job: 'x' }).slice(0, -1) + prefix;
    for (const subject of this.#jobs.keys()) if (subject.startsWith(begins)) this.#jobs.delete(subject);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #ask(what: string): Promise<void> {
    await Promise.resolve();
    this.before(what);
    if (this.away) throw new BusError('BusUnreachable', 'NATS is away');
  }

  #kept(job: JobAddress): Kept {
    const subject = subjectOf('results', job);
    const kept = this.#jobs.get(subject) ?? { results: [], acked: 0 };
    this.#jobs.set(subject, kept);
    return kept;
  }
}
