import { KINDS } from '../../../operator/runtime/kinds.ts';
import { refOf, type KubeKind } from '../../../operator/runtime/kube.ts';
import type { Moment, PodIdentity } from '../cluster/scene.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

type Act = (stage: Stage, identity: PodIdentity) => Promise<void>;

const remove =
  (kind: KubeKind, nameOf: (identity: PodIdentity) => string, force = false): Act =>
  async ({ world, namespace }, identity) => {
    const ref = { ...kind, namespace, name: nameOf(identity) };
    await world.kube.delete(ref, force ? { gracePeriodSeconds: 0 } : {});
  };

/** What people, and nodes, take away from under a sweep. */
const ACTS: Readonly<Record<string, Act>> = {
  'job-deleted': remove(KINDS.Job, ({ job }) => job),
  'pod-deleted': remove(KINDS.Pod, ({ pod }) => pod),
  'pod-lost': remove(KINDS.Pod, ({ pod }) => pod, true),
  'secret-deleted': remove(KINDS.Secret, ({ job }) => job),
  'claim-deleted': async ({ world, namespace }) => {
    for (const claim of world.cluster.watched.list('PersistentVolumeClaim')) {
      if (claim.metadata.namespace === namespace) await world.kube.delete(refOf(KINDS.PersistentVolumeClaim, claim));
    }
  },
  'collections-deleted': ({ scene }) => {
    for (const name of scene.qdrant.collections) scene.filled.delete(name);
    scene.qdrant.collections.clear();
    return Promise.resolve();
  },
  'operator-killed': (stage) => stage.operator.process.kill(),
  'operator-restarted': async (stage) => {
    await stage.operator.process.stop();
  },
};

/** Where a load generator is under way, and where it has just ended. */
const AT: readonly Moment[] = ['preparing', 'prepared', 'building', 'built', 'searching', 'measured', 'finals'];

/** Each of them wherever a load generator is under way, or has just ended. */
export function byHand(): Scenario[] {
  return Object.entries(ACTS).flatMap(([name, act]) =>
    AT.map((moment): Scenario => ({
      name: `hand/${name}/${moment}`,
      variant: 'base',
      ends: 'Completed',
      allowed: name.startsWith('operator') ? {} : { remeasuring: true, remadeJobs: true },
      arrange: (stage) => stage.when(moment, (identity) => act(stage, identity)),
      disturb: (stage) => stage.reached(moment),
    })),
  );
}
