import type { KubeObject } from './kube.ts';
import { microTime } from './micro-time.ts';

/** Times of leader election, in ms. */
export interface LeaseSettings {
  /** Others take a lease that has not changed for so long. Whole seconds. Default 15 s. */
  durationMs: number;
  /** A leader that could not renew for so long is none any more. Default 10 s. */
  renewDeadlineMs: number;
  /** Between two tries to renew, or to take. Default 2 s. */
  retryPeriodMs: number;
}

export const LEASE_DEFAULTS: LeaseSettings = { durationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2000 };

/** @throws {RangeError} for times with which two could lead at once, or a single lost request would end a term. */
export function checkSettings({ durationMs, renewDeadlineMs, retryPeriodMs }: LeaseSettings): void {
  const refuse = (what: string): never => {
    throw new RangeError(
      `leader election with a lease of ${durationMs} ms, renewed within ${renewDeadlineMs} ms, every ${retryPeriodMs} ms: ${what}`,
    );
  };
  if (![durationMs, renewDeadlineMs, retryPeriodMs].every((ms) => Number.isFinite(ms) && ms > 0)) {
    refuse('expected times above 0');
  }
  if (durationMs % 1000 !== 0) refuse('expected whole seconds for the lease: its object holds no others');
  if (renewDeadlineMs >= durationMs) refuse('expected a renewal well within the lease, or two could lead at once');
  if (retryPeriodMs * 2 > renewDeadlineMs) refuse('expected time for two tries, or one lost request would end a term');
}

/** A lease as it was last seen. */
export interface SeenLease {
  /** Nobody's when empty: it was let go of. */
  holder: string;
  durationMs: number;
  /** The number of the term: how often the holder has changed. */
  transitions: number;
  resourceVersion: string;
}

/** What one candidate knows, by its own monotonic clock. */
export interface Knowledge {
  lease: SeenLease | undefined;
  /** When this version of the lease, or that there is none any more, was first seen. */
  since: number;
  /** There was one, and somebody deleted it: who held it may not have heard. */
  deleted?: boolean;
}

export type LeaseDecision =
  /** There is no lease. */
  | { do: 'create' }
  /** Nobody's, or its holder has been silent for its whole length. */
  | { do: 'take' }
  /** It is ours. */
  | { do: 'renew' }
  /** Somebody else's, perhaps, for so many ms at least. */
  | { do: 'wait'; ms: number };

/**
 * What a candidate does next. Whether another's lease has run out is told by how long we have seen it unchanged, on our
 * own clock: the times written in it are those of another machine's clock, which may be wrong by hours.
 */
export function decideLease(identity: string, known: Knowledge, now: number, ownMs: number): LeaseDecision {
  const { lease, since, deleted } = known;
  if (!lease && !deleted) return { do: 'create' };
  if (lease?.holder === identity) return { do: 'renew' };
  if (lease?.holder === '') return { do: 'take' };
  const ms = since + Math.max(lease?.durationMs ?? 0, ownMs) - now;
  if (ms > 0) return { do: 'wait', ms };
  return { do: lease ? 'take' : 'create' };
}

/** What is known after a look: a version that was seen before is as old as when it was first seen. */
export function learn(known: Knowledge | undefined, lease: SeenLease | undefined, now: number): Knowledge {
  const same = known !== undefined && known.lease?.resourceVersion === lease?.resourceVersion;
  const deleted = lease === undefined && (known?.deleted === true || known?.lease !== undefined);
  return { lease, since: same ? known.since : now, ...(deleted ? { deleted } : {}) };
}

/** The lease in an object of the API server. What is missing or damaged is taken for nobody's, and long: never sooner ours. */
export function seenLease(object: KubeObject | undefined): SeenLease | undefined {
  if (!object) return undefined;
  const spec = (object['spec'] ?? {}) as Record<string, unknown>;
  const number = (value: unknown, otherwise: number): number =>
    typeof value === 'number' && Number.isFinite(value) ? value : otherwise;
  return {
    holder: typeof spec['holderIdentity'] === 'string' ? spec['holderIdentity'] : '',
    durationMs: number(spec['leaseDurationSeconds'], 0) * 1000,
    transitions: number(spec['leaseTransitions'], 0),
    resourceVersion: object.metadata.resourceVersion ?? '',
  };
}

/** The spec of a lease that `identity` begins to hold at `now` (wall clock, ms), its `term`-th. */
export function takenSpec(identity: string, durationMs: number, term: number, now: number): Record<string, unknown> {
  return {
    holderIdentity: identity,
    leaseDurationSeconds: durationMs / 1000,
    acquireTime: microTime(now),
    renewTime: microTime(now),
    leaseTransitions: term,
  };
}

/** Of a lease that is let go of: nobody's, and run out at once. */
export function releasedSpec(now: number): Record<string, unknown> {
  return { holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(now) };
}
