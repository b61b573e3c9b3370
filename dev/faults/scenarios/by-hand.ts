import { LABELS } from '../../../operator/owned/sweep-ref.ts';
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
  'collections-deleted': (stage) => {
    empty(stage);
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
      quickLease: name.startsWith('operator'),
      allowed: name.startsWith('operator') ? {} : { remeasuring: true, remadeJobs: true },
      arrange: (stage) => stage.when(moment, (identity) => act(stage, identity)),
      disturb: (stage) => stage.reached(moment),
    })),
  );
}

/** What is taken away of a Qdrant that is the sweep's own. */
const OWN_ACTS: Readonly<Record<string, Act>> = {
  'statefulset-deleted': async (stage) => {
    await removeOwn(stage, 'StatefulSet');
    empty(stage);
  },
  'qdrant-pod-deleted': (stage) => removeOwn(stage, 'Pod'),
  'service-deleted': (stage) => removeOwn(stage, 'Service'),
  'key-deleted': (stage) => removeOwn(stage, 'Secret'),
};

/** A Qdrant of the sweep's own, whose objects are taken away wherever a load generator is under way. */
export function ownQdrant(): Scenario[] {
  return Object.entries(OWN_ACTS).flatMap(([name, act]) =>
    AT.map((moment): Scenario => ({
      name: `own/${name}/${moment}`,
      variant: 'kubernetes',
      ends: 'Completed',
      allowed: { remeasuring: true, remadeJobs: true },
      arrange: (stage) => stage.when(moment, (identity) => act(stage, identity)),
      disturb: (stage) => stage.reached(moment),
    })),
  );
}

/** Deletes the objects of one kind that are part of the sweep's own Qdrant. */
async function removeOwn(
  { world, namespace }: Stage,
  kind: 'StatefulSet' | 'Pod' | 'Service' | 'Secret',
): Promise<void> {
  const { watched } = world.cluster;
  for (const object of watched.list(kind)) {
    const { labels = {} } = object.metadata;
    if (object.metadata.namespace !== namespace || labels[LABELS.component] !== 'qdrant') continue;
    await world.kube.delete(refOf(KINDS[kind], object));
  }
}

/** Its volume goes with a StatefulSet, and what lay there. */
function empty({ scene }: Stage): void {
  scene.qdrant.collections.clear();
}
