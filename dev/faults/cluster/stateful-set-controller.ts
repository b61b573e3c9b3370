import type { KubeClient } from '../../../operator/runtime/kube-client.ts';
import { alreadyExists, refOf, type KubeObject } from '../../../operator/runtime/kube.ts';
import { NODE } from './job-controller.ts';
import { WATCHED, type Watched } from './watched.ts';

interface StatefulSetSpec {
  template: { metadata: { labels: Record<string, string> }; spec: Record<string, unknown> };
  volumeClaimTemplates?: { metadata: { name: string; labels?: Record<string, string> }; spec: object }[];
}

/** The StatefulSet controller and the scheduler, for sets of one pod: its claims, then the pod, again when it is gone. */
export class StatefulSetController {
  readonly #kube: KubeClient;
  readonly #watched: Watched;

  constructor(kube: KubeClient, watched: Watched) {
    this.#kube = kube;
    this.#watched = watched;
  }

  async sync(): Promise<void> {
    for (const set of this.#watched.list('StatefulSet')) {
      if (!set.metadata.deletionTimestamp) await this.#syncOne(set);
    }
  }

  async #syncOne(set: KubeObject): Promise<void> {
    const { name, namespace = '', uid = '' } = set.metadata;
    const pod = `${name}-0`;
    if (this.#watched.get('Pod', namespace, pod)) return;
    // The cache may be behind a set that was deleted a moment ago.
    const live = await this.#kube.get(refOf(WATCHED.StatefulSet, set));
    if (live?.metadata.uid !== uid || live.metadata.deletionTimestamp) return;
    const { template, volumeClaimTemplates = [] } = set['spec'] as StatefulSetSpec;
    const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name, uid };
    const volumes: unknown[] = [...((template.spec['volumes'] as unknown[] | undefined) ?? [])];
    for (const claim of volumeClaimTemplates) {
      const claimName = `${claim.metadata.name}-${pod}`;
      volumes.push({ name: claim.metadata.name, persistentVolumeClaim: { claimName } });
      await this.#make({
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        // As persistentVolumeClaimRetentionPolicy.whenDeleted: Delete has it.
        metadata: { name: claimName, namespace, labels: claim.metadata.labels ?? {}, ownerReferences: [owner] },
        spec: claim.spec,
      });
    }
    await this.#make({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: pod,
        namespace,
        labels: { ...template.metadata.labels, 'statefulset.kubernetes.io/pod-name': pod },
        ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: true }],
      },
      spec: { ...template.spec, nodeName: NODE, volumes },
    });
  }

  async #make(object: KubeObject): Promise<void> {
    try {
      await this.#kube.create(object);
    } catch (error) {
      if (!alreadyExists(error)) throw error;
    }
  }
}
