import { MOMENTS, type Moment } from '../cluster/scene.ts';
import { WIDER, type Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { KINDS } from '../../../operator/runtime/kinds.ts';

type Act = Pick<Scenario, 'variant' | 'ends' | 'allowed'> & {
  /** At the moment itself, while the load generator waits. */
  act: (stage: Stage) => Promise<void>;
  /** Later, when that has had its effect. */
  after?: (stage: Stage) => Promise<void>;
};

/** What people do to a sweep. */
const ACTS: Readonly<Record<string, Act>> = {
  edited: { variant: 'wider', ends: 'Completed', act: (stage) => stage.edit(WIDER) },
  suspended: {
    variant: 'base',
    ends: 'Completed',
    act: (stage) => stage.edit({ suspend: true }),
    after: async (stage) => {
      await stage.untilPhase('Suspended', 60);
      await stage.edit({ suspend: null });
    },
  },
  deleted: { variant: 'base', ends: 'Gone', act: (stage) => stage.delete() },
  // As Argo CD does: what the sweep owns goes before it.
  'deleted-in-the-foreground': {
    variant: 'base',
    ends: 'Gone',
    allowed: { remadeJobs: true, remeasuring: true },
    act: (stage) => stage.delete({ propagationPolicy: 'Foreground' }),
  },
  'namespace-deleted': {
    variant: 'base',
    ends: 'Gone',
    allowed: { remadeJobs: true, remeasuring: true },
    act: async ({ world, namespace }) => {
      await world.kube.delete({ ...KINDS.Namespace, name: namespace });
    },
  },
};

/** Each of them in each phase of a sweep. */
export function edits(): Scenario[] {
  return Object.entries(ACTS).flatMap(([name, { act, after, ...rest }]) =>
    MOMENTS.map((moment: Moment): Scenario => ({
      name: `edit/${name}/${moment}`,
      ...rest,
      arrange: (stage) => stage.when(moment, () => act(stage)),
      disturb: async (stage) => {
        await stage.reached(moment);
        await after?.(stage);
      },
    })),
  );
}
