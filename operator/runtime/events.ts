import { createHash, randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { type Clock, systemClock } from './clock.ts';
import { KINDS } from './kinds.ts';
import type { Kube, KubeObject } from './kube.ts';
import { microTime } from './micro-time.ts';
import { noMetrics, type RuntimeMetrics } from './runtime-metrics.ts';

/** The object an event is about. */
export type Regarding = Pick<KubeObject, 'apiVersion' | 'kind'> & {
  metadata: { name: string; namespace?: string; uid?: string };
};

export interface EventText {
  type: 'Normal' | 'Warning';
  /** CamelCase, from a closed list: `RunStarted`. */
  reason: string;
  /** The sentence for people. */
  note: string;
  /** What was being done, CamelCase. Default: the reason. */
  action?: string;
}

export interface EventRecorderOptions {
  kube: Pick<Kube, 'create' | 'mergePatch'>;
  log: Logger;
  /** `qdrantbench.io/operator`. */
  controller: string;
  /** Which process: its pod's name. */
  instance: string;
  clock?: Clock;
  metrics?: RuntimeMetrics;
}

interface Series {
  name: string;
  namespace: string;
  count: number;
  lastAt: number;
  writtenAt: number;
}

/** The same event again within this time is counted in a series instead of written anew. */
const SERIES_MS = 6 * 60_000;
/** A series is written at most so often. */
const SERIES_WRITE_MS = 30_000;
const MAX_SERIES = 500;
/** Events that wait for the API server; beyond, they are lost: they must not fill the memory while it is away. */
const MAX_WAITING = 100;
/** In bytes: the API server refuses a longer note. */
const MAX_NOTE = 1024;

/** Writes events. None of them may fail or delay a sweep: it never throws, and what is lost is logged and counted. */
export class EventRecorder {
  readonly #options: Required<EventRecorderOptions>;
  readonly #series = new Map<string, Series>();
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = { clock: systemClock, metrics: noMetrics, ...options };
  }

  /** One event; the same again is counted. Written one after the other, in the background. */
  record(regarding: Regarding, event: EventText): void {
    const { clock } = this.#options;
    const key = createHash('sha256')
      .update(JSON.stringify([regarding.metadata.uid, regarding.metadata.name, event.type, event.reason, event.note]))
      .digest('hex');
    const now = clock.now();
    const series = this.#series.get(key);
    if (series && now - series.lastAt < SERIES_MS) {
      series.count += 1;
      series.lastAt = now;
      if (now - series.writtenAt >= SERIES_WRITE_MS) this.#later(event.reason, () => this.#writeSeries(series));
      return;
    }
    const { name, namespace = 'default' } = regarding.metadata;
    const fresh: Series = {
      // Unlike a hash of its content, never the name of an event of an earlier process.
      name: `${name.slice(0, 230)}.${randomBytes(8).toString('hex')}`,
      namespace,
      count: 1,
      lastAt: now,
      writtenAt: now,
    };
    this.#remember(key, fresh);
    this.#later(event.reason, async () => {
      await this.#options.kube.create(this.#object(fresh, regarding, event, now));
    });
  }

  /** Waits until all that was recorded is written or lost. Series get their last counts. */
  async flush(): Promise<void> {
    for (const series of this.#series.values()) {
      if (series.count > 1 && series.lastAt > series.writtenAt) this.#later('series', () => this.#writeSeries(series));
    }
    await this.#last;
  }

  #object(series: Series, { apiVersion, kind, metadata }: Regarding, event: EventText, at: number): KubeObject {
    const { name, uid } = metadata;
    return {
      ...pick(KINDS.Event),
      metadata: { name: series.name, namespace: series.namespace },
      eventTime: microTime(at),
      reportingController: this.#options.controller,
      reportingInstance: this.#options.instance.slice(0, 128),
      type: event.type,
      reason: event.reason,
      action: event.action ?? event.reason,
      note: shortened(event.note),
      regarding: {
        apiVersion,
        kind,
        name,
        ...(metadata.namespace ? { namespace: metadata.namespace } : {}),
        ...(uid ? { uid } : {}),
      },
    };
  }

  async #writeSeries(series: Series): Promise<void> {
    series.writtenAt = this.#options.clock.now();
    await this.#options.kube.mergePatch(
      { ...KINDS.Event, namespace: series.namespace, name: series.name },
      { series: { count: series.count, lastObservedTime: microTime(series.lastAt) } },
    );
  }

  #remember(key: string, series: Series): void {
    this.#series.delete(key);
    this.#series.set(key, series);
    for (const [old, { lastAt }] of this.#series) {
      if (this.#series.size <= MAX_SERIES && series.lastAt - lastAt < SERIES_MS) break;
      this.#series.delete(old);
    }
  }

  #later(reason: string, write: () => Promise<void>): void {
    const { log, metrics } = this.#options;
    const lost = (error: string): void => {
      metrics.eventLost();
      log.warn({ reason, error }, 'event not written');
    };
    if (this.#waiting >= MAX_WAITING) {
      lost('too many wait for the API server');
      return;
    }
    this.#waiting += 1;
    this.#last = this.#last
      .then(write)
      .catch((error: unknown) => lost(String(error)))
      .finally(() => {
        this.#waiting -= 1;
      });
  }
}

/** Cut to {@link MAX_NOTE} bytes, between characters. */
function shortened(note: string): string {
  const bytes = Buffer.from(note);
  if (bytes.length <= MAX_NOTE) return note;
  const end = bytes.subarray(0, MAX_NOTE - 3).toString('utf8');
  return `${end.replace(/\uFFFD+$/, '')}…`;
}

const pick = ({ apiVersion, kind }: { apiVersion: string; kind: string }) => ({ apiVersion, kind });
