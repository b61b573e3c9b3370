import type { Moment } from '../cluster/scene.ts';
import type { Violation } from '../invariants.ts';
import type { Scenario } from '../scenario.ts';
import { preload, type Operator, type Stage } from '../stage.ts';

/** How an operator ends that led and does so no more. */
const DEPOSED = 1;
/** Longer than a lease lasts here, so that another one leads meanwhile. */
const GONE_MS = 7000;
/** How far apart the operators' clocks are from ours, ms; each operator has the next. */
const SKEWS = [90_000, -90_000, 30_000];

/** What befalls a leader while another operator stands by. */
const ACTS: Readonly<Record<string, (stage: Stage, leader: Operator) => Promise<void>>> = {
  killed: (_stage, { process }) => process.kill(),
  stopped: async (_stage, { process }) => {
    await process.stop();
  },
  // It knows nothing of the time that has passed, and of the leader there is by then.
  frozen: (stage, { process }) =>
    stage.away(
      GONE_MS,
      () => process.freeze(),
      () => process.thaw(),
    ),
  // It alone cannot reach the API server.
  'cut off': (stage, { api }) =>
    stage.away(
      GONE_MS,
      () => api.goAway(),
      () => api.heal(),
    ),
};

const AT: readonly Moment[] = ['preparing', 'building', 'searching', 'measured', 'finals'];

/** Two operators, whose clocks differ by minutes, and one of them loses the lead in each phase of a sweep. */
export function leaders(): Scenario[] {
  return [
    twoOperators('leader/two-operators', {}),
    ...Object.entries(ACTS).flatMap(([name, act]) =>
      AT.map((moment) => {
        let acting: Promise<void> = Promise.resolve();
        return twoOperators(`leader/${name.replaceAll(' ', '-')}/${moment}`, {
          arrange: (stage) =>
            stage.when(moment, async () => {
              const leader = await stage.leader();
              acting = act(stage, leader);
            }),
          disturb: async (stage) => {
            await stage.reached(moment);
            await acting;
          },
        });
      }),
    ),
  ];
}

function twoOperators(name: string, more: Partial<Scenario>): Scenario {
  let started = 0;
  return {
    name,
    variant: 'base',
    ends: 'Completed',
    operators: 2,
    quickLease: true,
    // A leader that was cut off in a half of a write may not know what came of it.
    allowed: { exitCodes: [DEPOSED] },
    environment: () => skewed(SKEWS[started++ % SKEWS.length] ?? 0),
    judge: lateWrites,
    ...more,
  };
}

/** Has a process's wall clock differ from the machine's. */
const skewed = (ms: number): Record<string, string> => ({
  NODE_OPTIONS: preload('scenarios/skewed-clock.ts'),
  FAULTS_CLOCK_SKEW_MS: String(ms),
});

/** A leader that held still while another one began may write nothing when it goes on. */
function lateWrites({ operators }: Stage): Violation[] {
  return operators.flatMap(({ process, api }) => {
    const { thawedAt } = process;
    if (thawedAt === undefined || !process.lines.some(({ msg }) => msg === 'this process leads no more')) return [];
    return api.writes
      .filter(({ at, resource }) => at > thawedAt && resource !== 'leases' && resource !== 'events')
      .map(({ method, resource }) => ({ kind: 'wrong', what: `a deposed leader wrote: ${method} ${resource}` }));
  });
}
