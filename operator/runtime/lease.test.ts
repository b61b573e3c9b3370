import { describe, expect, it } from 'vitest';
import * as leases from './lease.ts';

const lease = (change: Partial<leases.SeenLease> = {}): leases.SeenLease => ({
  holder: 'other',
  durationMs: 15_000,
  transitions: 3,
  resourceVersion: '7',
  ...change,
});

describe('a candidate decides', () => {
  it.each<[string, leases.Knowledge, number, leases.LeaseDecision]>([
    ['there never was a lease', { lease: undefined, since: 0 }, 0, { do: 'create' }],
    ['it was deleted just now', { lease: undefined, since: 0, deleted: true }, 1000, { do: 'wait', ms: 14_000 }],
    ['it was deleted long ago', { lease: undefined, since: 0, deleted: true }, 15_000, { do: 'create' }],
    ['it is ours', { lease: lease({ holder: 'me' }), since: 0 }, 99_999, { do: 'renew' }],
    ['it was let go of', { lease: lease({ holder: '' }), since: 0 }, 1, { do: 'take' }],
    ['another has it', { lease: lease(), since: 0 }, 1, { do: 'wait', ms: 14_999 }],
    ['another had it until now', { lease: lease(), since: 0 }, 15_000, { do: 'take' }],
    [
      'another has it for longer than is usual',
      { lease: lease({ durationMs: 60_000 }), since: 5 },
      15_005,
      { do: 'wait', ms: 45_000 },
    ],
    [
      'another has it for shorter than is usual',
      { lease: lease({ durationMs: 1000 }), since: 0 },
      14_000,
      { do: 'wait', ms: 1000 },
    ],
  ])('when %s', (_, known, now, decision) => {
    expect(leases.decideLease('me', known, now, 15_000)).toEqual(decision);
  });

  it('by how long it has seen a version, not by what is written in it', () => {
    const first = leases.learn(undefined, lease(), 100);
    expect(first).toEqual({ lease: lease(), since: 100 });
    expect(leases.learn(first, lease(), 200)).toEqual(first);
    expect(leases.learn(first, lease({ resourceVersion: '8' }), 200).since).toBe(200);
    const gone = leases.learn(first, undefined, 300);
    expect(gone).toEqual({ lease: undefined, since: 300, deleted: true });
    expect(leases.learn(gone, undefined, 400)).toEqual(gone);
    expect(leases.learn(leases.learn(undefined, undefined, 1), undefined, 2)).toEqual({ lease: undefined, since: 1 });
  });
});

describe('a lease', () => {
  it('is read from what the API server has, whoever wrote that', () => {
    const object = (spec: unknown) => ({
      apiVersion: 'v1',
      kind: 'Lease',
      metadata: { name: 'l', resourceVersion: '7' },
      spec,
    });
    expect(leases.seenLease(undefined)).toBeUndefined();
    const whole = { holderIdentity: 'other', leaseDurationSeconds: 15, leaseTransitions: 3 };
    expect(leases.seenLease(object(whole))).toEqual(lease());
    for (const spec of [undefined, {}, { holderIdentity: 7, leaseDurationSeconds: '15', leaseTransitions: null }]) {
      expect(leases.seenLease(object(spec))).toEqual(lease({ holder: '', durationMs: 0, transitions: 0 }));
    }
  });

  it('has times of exactly six digits', () => {
    const six = '1970-01-01T00:00:01.500000Z';
    expect(leases.takenSpec('me', 15_000, 4, 1500)).toEqual({
      holderIdentity: 'me',
      leaseDurationSeconds: 15,
      acquireTime: six,
      renewTime: six,
      leaseTransitions: 4,
    });
    expect(leases.releasedSpec(1500)).toEqual({ holderIdentity: '', leaseDurationSeconds: 1, renewTime: six });
  });

  it.each([
    [{}, undefined],
    [{ durationMs: 15_500 }, 'whole seconds'],
    [{ renewDeadlineMs: 15_000 }, 'two could lead at once'],
    [{ retryPeriodMs: 5001 }, 'time for two tries'],
    [{ retryPeriodMs: 0 }, 'times above 0'],
    [{ durationMs: Number.NaN }, 'times above 0'],
  ])('with %o is taken, or refused for %s', (change, why) => {
    const check = () => leases.checkSettings({ ...leases.LEASE_DEFAULTS, ...change });
    if (why === undefined) check();
    else expect(check).toThrow(why);
  });
});
