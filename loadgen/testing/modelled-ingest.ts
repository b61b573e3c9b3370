import { hear, startControl, type UploadControl, type UploadLimits } from '../ingest/upload-control.ts';

/** A server that takes upserts, as a queue with `workers` places. Times in seconds. */
export interface IngestModel {
  workers: number;
  /** A request costs the server this much, and this much for each row. */
  overhead: number;
  perRow: number;
  /** There and back. */
  network?: number;
  /** Larger requests are refused (413). */
  maxRows?: number;
  /** Rows a second, by a bucket that holds one second's worth; 429 with the time to wait. */
  rowsPerSecond?: number;
  /** Rows it can hold at once, waiting or at work; more are refused (507). */
  memoryRows?: number;
}

export interface Ingested {
  seconds: number;
  rows: number;
  rate: number;
  refused: number;
  control: UploadControl;
  largest: number;
  most: number;
}

/** An upload of `rows` rows to the model in virtual time, by the real controller. */
export function simulateIngest(model: IngestModel, rows: number, limits: UploadLimits): Ingested {
  let control = startControl(limits, 0);
  let now = 0;
  let left = rows;
  let pausedUntil = 0;
  let done = 0;
  let refused = 0;
  let largest = 0;
  let most = 0;
  let held = 0;
  let tokens = model.rowsPerSecond ?? 0;
  let filledAt = 0;
  const free = new Float64Array(model.workers);
  const network = model.network ?? 0.0005;
  const running: { at: number; end: () => void }[] = [];

  const launch = (): void => {
    const count = Math.min(left, control.rows);
    const startedAt = now;
    left -= count;
    largest = Math.max(largest, count);
    const refuse = (event: () => void): void => {
      running.push({
        at: now + network,
        end: () => {
          left += count;
          refused += 1;
          event();
        },
      });
    };
    // What can never fit is refused for its size, as by Qdrant.
    const most = Math.min(model.maxRows ?? Infinity, model.rowsPerSecond ?? Infinity, model.memoryRows ?? Infinity);
    if (count > most) {
      refuse(() => (control = hear(control, { kind: 'TooLarge', rows: count, at: now })));
      return;
    }
    const busyFor = (seconds: number): void =>
      refuse(() => {
        control = hear(control, { kind: 'Busy', startedAt, at: now });
        pausedUntil = Math.max(pausedUntil, now + seconds);
      });
    if (model.rowsPerSecond !== undefined) {
      const capacity = model.rowsPerSecond;
      tokens = Math.min(capacity, tokens + (now - filledAt) * capacity);
      filledAt = now;
      if (count > tokens) {
        busyFor(Math.ceil((count - tokens) / capacity));
        return;
      }
      tokens -= count;
    }
    if (held + count > (model.memoryRows ?? Infinity)) {
      busyFor(0.1);
      return;
    }
    held += count;
    const worker = free.indexOf(Math.min(...free));
    const end = Math.max(now, free[worker] as number) + model.overhead + count * model.perRow;
    free[worker] = end;
    running.push({
      at: end + network,
      end: () => {
        held -= count;
        done += count;
        control = hear(control, { kind: 'Done', rows: count, startedAt, at: now });
      },
    });
  };

  const mayLaunch = (): boolean => left > 0 && running.length < control.parallel && now >= pausedUntil;
  for (;;) {
    while (mayLaunch()) launch();
    most = Math.max(most, running.length);
    if (running.length === 0) {
      if (left === 0) break;
      now = pausedUntil;
      continue;
    }
    running.sort((a, b) => a.at - b.at);
    const soonest = running[0] as { at: number; end: () => void };
    // A pause that ends first lets more begin.
    if (pausedUntil > now && pausedUntil < soonest.at && left > 0 && running.length < control.parallel) {
      now = pausedUntil;
      continue;
    }
    running.shift();
    now = soonest.at;
    soonest.end();
  }
  return { seconds: now, rows: done, rate: done / now, refused, control, largest, most };
}
