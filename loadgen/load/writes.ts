import type { OnEnd, WriteKind } from './client.ts';
import type { ExtraPoints } from './extra-points.ts';
import { FreshnessProbe, type Freshness } from './freshness.ts';
import type { Sender } from './open-loop.ts';
import { poissonArrivals } from './schedule.ts';
import type { Breach } from './window-rules.ts';
import { WriteStream, type WriteMeasurement } from './write-stream.ts';
import type { LoadRules, Workload } from '../protocol.ts';

export interface WritesMeasurement {
  upserts?: WriteMeasurement;
  deletes?: WriteMeasurement;
  freshness?: Freshness;
}

/** Whoever sends queries and writes. */
export interface WriteSender extends Sender {
  write(kind: WriteKind, body: Buffer, tag: number, onEnd: OnEnd): void;
}

/** The writes of one window, as the loop that paces it sees them. */
export interface WindowWrites {
  /** Requests under way. */
  readonly inFlight: number;
  /** Whether anything is under way or still to be sent. */
  readonly pending: boolean;
  /** ms from the last turn until something is due. */
  readonly untilNext: number;
  /** Sends what is due `now` ms after the window's beginning; nothing new once it was given up. */
  turn(now: number, begin: number, stopped: boolean): boolean;
  finish(endMs: number): WritesMeasurement;
}

export interface WritesPlan {
  sender: WriteSender;
  extras: ExtraPoints;
  writes: NonNullable<Workload['writes']>;
  seed: number;
  /** The window's number: each has arrivals of its own. */
  window: number;
  leadSeconds: number;
  seconds: number;
  /** Searches a second beside them. */
  searchRate: number;
}

const MAX_IN_FLIGHT = 256;
/** Streams of randomness, apart from those of the searches' windows. */
const UPSERT_STREAM = 100_000;
const DELETE_STREAM = 200_000;

/** Upserts and deletes of one window, each a Poisson stream of its own beside the searches. */
export function windowWrites(plan: WritesPlan): WindowWrites {
  const { sender, extras, writes, leadSeconds, seconds } = plan;
  const streams: Partial<Record<WriteKind, WriteStream>> = {};
  const base = { leadSeconds, seconds, maxInFlight: MAX_IN_FLIGHT };
  let at = 0;
  const probe = writes.upserts && new FreshnessProbe(sender, plan.searchRate, leadSeconds);
  if (writes.upserts) {
    const arrivals = arrivalsUntil(seconds, writes.upserts.rate, plan.seed, UPSERT_STREAM + plan.window);
    const batches = new Int32Array(arrivals.length);
    let sample = -1;
    streams.upserts = new WriteStream({
      ...base,
      arrivals,
      rate: writes.upserts.rate,
      fire(tag, onEnd) {
        const batch = extras.nextBatch();
        batches[tag] = batch;
        const id = probe?.wants(at) ? extras.nextProbe() : undefined;
        if (id === undefined) sender.write('upserts', extras.body(batch), tag, onEnd);
        else {
          sample = tag;
          probe?.sent(id, extras.firstVector(batch), at);
          sender.write('upserts', extras.bodyWithProbe(batch, id), tag, onEnd);
        }
        return true;
      },
      ended(tag, ok, now) {
        if (ok) extras.written(batches[tag] as number, tag === sample);
        if (tag !== sample) return;
        sample = -1;
        probe?.acknowledged(ok, now);
      },
    });
  }
  if (writes.deletes) {
    streams.deletes = new WriteStream({
      ...base,
      arrivals: arrivalsUntil(seconds, writes.deletes.rate, plan.seed, DELETE_STREAM + plan.window),
      rate: writes.deletes.rate,
      fire(tag, onEnd) {
        const id = extras.takeForDelete();
        if (id === undefined) return false;
        sender.write('deletes', Buffer.from(`{"points":[${id}]}`), tag, onEnd);
        return true;
      },
    });
  }
  const all = Object.values(streams);
  let closed = false;
  return {
    get inFlight() {
      return all.reduce((sum, stream) => sum + stream.inFlight, probe?.inFlight ?? 0);
    },
    get untilNext() {
      const next = probe?.nextAt ?? Infinity;
      return (closed ? next : all.reduce((least, { nextAt }) => Math.min(least, nextAt), next)) - at;
    },
    get pending() {
      if (probe && probe.inFlight > 0) return true;
      return all.some((stream) => (closed ? stream.inFlight : stream.pending) > 0);
    },
    turn(now, begin, stopped) {
      at = now;
      closed = stopped;
      let worked = probe?.turn(now, begin) ?? false;
      for (const stream of all) if (stream.turn(now, begin, stopped)) worked = true;
      return worked;
    },
    finish(endMs) {
      const { upserts, deletes } = streams;
      return {
        ...(upserts ? { upserts: upserts.finish(endMs) } : {}),
        ...(deletes ? { deletes: deletes.finish(endMs) } : {}),
        ...(probe ? { freshness: probe.finish() } : {}),
      };
    },
  };
}

/** The arrivals of a Poisson process until `seconds`: their number is left to chance, so that low rates stay low. */
function arrivalsUntil(seconds: number, rate: number, seed: number, stream: number): Float64Array {
  const times: number[] = [];
  for (const time of poissonArrivals(rate, seed, stream)) {
    if (time >= seconds) break;
    times.push(time);
  }
  return Float64Array.from(times);
}

/** Least share of the writes that must be acknowledged in time, and so many that are always allowed to be late. */
const MIN_ACHIEVED = 0.98;
const ALLOWED_BACKLOG = 4;

/** A rate of searches at which the writes asked for fail, or fall behind, is too high. */
export function judgeWrites(
  measured: WritesMeasurement | undefined,
  rules: Pick<LoadRules, 'errorRateMax'>,
): Breach | undefined {
  for (const kind of ['upserts', 'deletes'] as const) {
    const stream = measured?.[kind];
    if (!stream) continue;
    const { scheduled, errorCount, errors, backlogStart, backlogEnd } = stream;
    if (errorCount > 0 && errorCount > rules.errorRateMax * scheduled) {
      const kinds = Object.entries(errors).map(([name, count]) => `${name} ${count}`);
      return { kind: 'Writes', message: `${errorCount} of ${scheduled} ${kind} failed (${kinds.join(', ')})` };
    }
    const growth = backlogEnd - backlogStart;
    if (growth > Math.max(ALLOWED_BACKLOG, (1 - MIN_ACHIEVED) * scheduled)) {
      return { kind: 'Writes', message: `unanswered ${kind} grew by ${growth} while ${scheduled} were due` };
    }
  }
  return undefined;
}

/** Why writes say nothing about the server: there was nothing left to delete. */
export function writesLimit(measured: WritesMeasurement | undefined): string | undefined {
  const deletes = measured?.deletes;
  if (!deletes || deletes.exhausted === 0) return undefined;
  return `${deletes.exhausted} of ${deletes.scheduled} deletes had no point left to delete, as only points upserted beside the dataset are; lower workload.writes.deletes.rate or shorten workload.duration`;
}
