import type { Logger } from 'pino';
import { type Clock, systemClock } from './clock.ts';
import { type Kube, type ObjectRef, isConflict, isNotFound, KubeError } from './kube.ts';
import { mergePatch } from './merge-patch.ts';
import { noMetrics, type RuntimeMetrics } from './runtime-metrics.ts';

export type Status = Record<string, unknown>;
/** The object whose status it is: that very one, not a later one of the same name. */
export type StatusRef = ObjectRef & { uid: string };

export interface StatusWriterOptions {
  kube: Pick<Kube, 'get' | 'patchStatus'>;
  log: Logger;
  clock?: Clock;
  metrics?: RuntimeMetrics;
  /** Between two writes of one object. Default 10 s. */
  intervalMs?: number;
  /** Longest status as JSON. Default 64 KiB. */
  maxBytes?: number;
  /** Lists that may be cut, from their ends, to keep to `maxBytes`; the first is cut first. */
  cut?: readonly string[];
  /** Whether a status is an end, which must be seen at once. */
  isFinal: (status: Status) => boolean;
}

interface Entry {
  ref: StatusRef;
  /** What is to be written next; the last value wins. */
  wanted?: Status;
  final: boolean;
  writtenAt: number;
  cancel?: () => void;
  /** A write under way. */
  writing?: Promise<void>;
}

const MAX_TRIES = 5;

/** Bad request, too large, unprocessable: it is about the status itself. */
const REFUSED: readonly number[] = [400, 413, 422];

/**
 * Writes statuses, each object's at most once in ten seconds: every write is one to etcd and to all who watch. The first
 * and the one that says how it ended go at once; what comes between waits, and only the last of it is written.
 */
export class StatusWriter {
  readonly #options: Required<StatusWriterOptions>;
  readonly #entries = new Map<string, Entry>();

  constructor(options: StatusWriterOptions) {
    this.#options = {
      clock: systemClock,
      metrics: noMetrics,
      intervalMs: 10_000,
      maxBytes: 64 * 1024,
      cut: [],
      ...options,
    };
  }

  /** Has `status` written when its turn comes. Never throws; what cannot be written is logged and tried again. */
  write(ref: StatusRef, status: Status): void {
    const entry = this.#entry(ref);
    entry.wanted = status;
    const final = this.#options.isFinal(status);
    const becameFinal = final && !entry.final;
    entry.final = final;
    if (!entry.writing) this.#schedule(entry, becameFinal);
    // Under way: its end looks again, and whether this is an end must then be known.
    else if (becameFinal) entry.writtenAt = Number.NEGATIVE_INFINITY;
  }

  /** Writes what waits, now. For the end of a process, and before a finalizer goes. */
  async flush(): Promise<void> {
    await Promise.all(
      Array.from(this.#entries.values(), async (entry) => {
        // Twice at most: what is under way, and what came meanwhile. What fails waits for its turn.
        for (let writes = 0; writes < 2; writes += 1) {
          await entry.writing;
          if (!entry.wanted) return;
          entry.cancel?.();
          delete entry.cancel;
          await this.#start(entry);
        }
      }),
    );
  }

  /** Drops what waits for an object: it is gone. */
  forget(ref: Pick<StatusRef, 'uid'>): void {
    const entry = this.#entries.get(ref.uid);
    entry?.cancel?.();
    if (entry) delete entry.wanted;
    this.#entries.delete(ref.uid);
  }

  #entry(ref: StatusRef): Entry {
    const known = this.#entries.get(ref.uid);
    if (known) return known;
    const entry: Entry = { ref, final: false, writtenAt: Number.NEGATIVE_INFINITY };
    this.#entries.set(ref.uid, entry);
    return entry;
  }

  #schedule(entry: Entry, now: boolean): void {
    const { clock, intervalMs } = this.#options;
    const wait = now ? 0 : entry.writtenAt + intervalMs - clock.now();
    if (wait <= 0) {
      entry.cancel?.();
      delete entry.cancel;
      void this.#start(entry);
      return;
    }
    entry.cancel ??= clock.after(wait, () => {
      delete entry.cancel;
      void this.#start(entry);
    });
  }

  #start(entry: Entry): Promise<void> {
    entry.writing = this.#write(entry).finally(() => {
      delete entry.writing;
      if (entry.wanted && !entry.cancel) this.#schedule(entry, false);
    });
    return entry.writing;
  }

  async #write(entry: Entry): Promise<void> {
    const { clock, log, metrics } = this.#options;
    const { wanted, ref } = entry;
    if (!wanted) return;
    delete entry.wanted;
    const about = { kind: ref.kind, namespace: ref.namespace, name: ref.name };
    const status = this.#fit(wanted);
    if (!status) {
      log.error({ ...about, maxBytes: this.#options.maxBytes }, 'status is too large and was not written');
      metrics.statusWritten('refused');
      return;
    }
    const before = entry.writtenAt;
    entry.writtenAt = clock.now();
    try {
      const outcome = await this.#patch(ref, status);
      metrics.statusWritten(outcome);
      // What was not written must not make the next write wait.
      if (entry.writtenAt !== Number.NEGATIVE_INFINITY) {
        // Counted from the write's end: the server sees two of them the whole interval apart, however long one took.
        entry.writtenAt = outcome === 'written' ? clock.now() : before;
      }
    } catch (error) {
      metrics.statusWritten('failed');
      // Refused for what it holds, it would be refused again; the next one may pass. All else passes: rights that were
      // taken come back, and an end that is not told today must not be untold for ever.
      const again = !(error instanceof KubeError && REFUSED.includes(error.status));
      log.warn({ ...about, error: String(error), again }, 'status not written');
      if (again) entry.wanted ??= wanted;
    }
  }

  async #patch(ref: StatusRef, status: Status): Promise<'written' | 'unchanged' | 'gone'> {
    for (let tries = 1; ; tries += 1) {
      const live = await this.#options.kube.get(ref);
      if (!live || live.metadata.uid !== ref.uid) return 'gone';
      const patch = mergePatch(live['status'] ?? {}, status);
      if (patch === undefined) return 'unchanged';
      const { resourceVersion } = live.metadata;
      try {
        await this.#options.kube.patchStatus(ref, patch, resourceVersion ? { resourceVersion } : {});
        return 'written';
      } catch (error) {
        if (isNotFound(error)) return 'gone';
        if (!isConflict(error) || tries === MAX_TRIES) throw error;
      }
    }
  }

  /** The status as JSON has it, with lists shortened as far as its size asks; undefined when that is not enough. */
  #fit(wanted: Status): Status | undefined {
    const { maxBytes, cut } = this.#options;
    const status = JSON.parse(JSON.stringify(wanted)) as Status;
    const fits = (): boolean => Buffer.byteLength(JSON.stringify(status)) <= maxBytes;
    for (const name of cut) {
      const list = status[name];
      while (!fits() && Array.isArray(list) && list.length > 0) list.pop();
    }
    return fits() ? status : undefined;
  }
}
