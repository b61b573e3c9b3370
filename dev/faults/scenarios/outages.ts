import { MOMENTS, type Moment } from '../cluster/scene.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

/** What may be away, and how it goes and comes. */
const PARTS: Readonly<Record<string, { goes: (stage: Stage) => void; comes: (stage: Stage) => void }>> = {
  api: {
    goes: ({ operators }) => operators.forEach(({ api }) => api.goAway()),
    comes: ({ operators }) => operators.forEach(({ api }) => api.heal()),
  },
  postgres: {
    goes: ({ postgres }) => {
      postgres.mode('refuse');
      postgres.cut();
    },
    comes: ({ postgres }) => postgres.mode('pass'),
  },
  nats: {
    goes: ({ nats }) => {
      nats.mode('refuse');
      nats.cut();
    },
    comes: ({ nats }) => nats.mode('pass'),
  },
  qdrant: {
    goes: ({ scene }) => void (scene.qdrant.up = false),
    comes: ({ scene }) => void (scene.qdrant.up = true),
  },
};

const AWAY_MS = 2500;

/** Each part away for some seconds, in each phase of a sweep; the work goes on meanwhile as far as it can. */
export function outages(): Scenario[] {
  return Object.entries(PARTS).flatMap(([part, { goes, comes }]) => [
    {
      name: `outage/${part}/starting`,
      variant: 'base' as const,
      ends: 'Completed' as const,
      disturb: (stage: Stage) =>
        stage.away(
          AWAY_MS,
          () => goes(stage),
          () => comes(stage),
        ),
    },
    ...MOMENTS.map((moment: Moment): Scenario => {
      let over: Promise<void> = Promise.resolve();
      return {
        name: `outage/${part}/${moment}`,
        variant: 'base',
        ends: 'Completed',
        arrange: (stage) =>
          stage.when(moment, () => {
            over = stage.away(
              AWAY_MS,
              () => goes(stage),
              () => comes(stage),
            );
            return Promise.resolve();
          }),
        disturb: async (stage) => {
          await stage.reached(moment);
          await over;
        },
      };
    }),
  ]);
}
