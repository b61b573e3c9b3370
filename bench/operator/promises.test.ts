import { expect, it } from 'vitest';
import type { Figures } from './figures.ts';
import { compare } from './promises.ts';

const spread = (max: number, count = 30) => ({ count, p50: max / 2, p95: max, max });

const GOOD: Figures = {
  firstStatus: { seconds: spread(0.4) },
  newLeader: { seconds: spread(16, 3) },
  apiOutage: { awaySeconds: 30, seconds: spread(20, 3), restarts: 3 },
  idle: {
    sweeps: 100,
    sweepsSeconds: 60,
    callsPerSweep: 70.2,
    sweepCalls: { 'GET jobs': 7020 },
    seconds: 120,
    callsPerSecond: 0.5,
    calls: { 'PATCH leases': 60 },
    memory: { resident: 210.4, peak: 230.6 },
  },
  manySweeps: {
    sweeps: 500,
    namespaces: 10,
    appliedSeconds: 5,
    acknowledgedSeconds: spread(30, 500),
    ended: 400,
    boundSeconds: 240,
    seconds: 240,
    callsPerEndedSweep: 80,
    calls: { 'GET jobs': 32_000 },
    peakMemory: 300,
    loopDelayMs: { p99: 40, max: 90 },
    statusBytes: { count: 500, p50: 1000, p95: 3000, max: 3000 },
  },
  hostile: {
    seed: 1,
    objects: 10,
    outcomes: { 'refused: Invalid': 5, 'refused: BadRequest': 1, 'not accepted: InvalidSpec': 3, valid: 1 },
    unanswered: [],
    restarts: 0,
    fatal: 0,
    errors: 0,
    worksAfterwards: true,
  },
};

const missed = (changes: Partial<Figures>): string[] =>
  compare({ ...GOOD, ...changes })
    .filter(({ held }) => held === false)
    .map(({ what }) => what);

it('holds what was kept, and says nothing where nothing is promised', () => {
  const rows = compare(GOOD);
  expect(missed({})).toEqual([]);
  expect(rows.filter(({ held }) => held === undefined).map(({ promise }) => promise)).toEqual(['none', 'none', 'none']);
});

const { idle, manySweeps, hostile } = GOOD;
it.each<[string, Partial<Figures>]>([
  ['first status', { firstStatus: { seconds: spread(2) } }],
  ['leader is killed', { newLeader: { seconds: spread(20, 3) } }],
  ['API server comes back', { apiOutage: { awaySeconds: 30, seconds: spread(30, 3), restarts: 3 } }],
  ['API calls', { idle: { ...idle, callsPerSecond: 1 } }],
  ['resident memory', { idle: { ...idle, memory: { resident: 256, peak: 256 } } }],
  ['each is acknowledged', { manySweeps: { ...manySweeps, acknowledgedSeconds: spread(30, 499) } }],
  ['memory at its peak', { manySweeps: { ...manySweeps, peakMemory: 512 } }],
  ['size of a status', { manySweeps: { ...manySweeps, statusBytes: spread(65_536) } }],
  ['refused or answered', { hostile: { ...hostile, outcomes: { 'refused: Invalid': 9, 'not judged': 1 } } }],
  ['refused or answered', { hostile: { ...hostile, outcomes: { 'refused: Invalid': 9 } } }],
  ['restarts, fatal lines', { hostile: { ...hostile, restarts: 1 } }],
  ['restarts, fatal lines', { hostile: { ...hostile, fatal: 1 } }],
  ['restarts, fatal lines', { hostile: { ...hostile, worksAfterwards: false } }],
])('sees that the promise about %s is missed', (what, changes) => {
  expect(missed(changes)).toEqual([expect.stringContaining(what)]);
});

it('tells what was measured', () => {
  const told = compare(GOOD).map(({ measured }) => measured);
  expect(told).toContain('p50 0.2 s, p95 0.4 s, worst 0.4 s of 30');
  expect(told).toContain('20 s at worst of 3, away for 30 s');
  expect(told).toContain('210 MiB, 231 MiB since its start');
  expect(told).toContain('10 of 10: 6 refused, 3 not accepted, 1 valid');
  const { loopDelayMs: _, ...silent } = manySweeps;
  expect(compare({ ...GOOD, manySweeps: silent }).map(({ measured }) => measured)).toContain('not told');
});
