import { jobEnd } from '../../../operator/owned/job-end.ts';
import type { KubeClient } from '../../../operator/runtime/kube-client.ts';
import { alreadyExists, isConflict, isNotFound, refOf, type KubeObject } from '../../../operator/runtime/kube.ts';
import { WATCHED, type Watched } from './watched.ts';

export interface JobView {
  spec: { template: { metadata: { labels: Record<string, string> }; spec: object } };
  status?: { active?: number; startTime?: string };
}

/** The one node there is. */
export const NODE = 'node-1';

/**
 * The Job controller and the scheduler, for Jobs of one pod that is never replaced: makes the pod, and ends the Job with
 * it. Not played: the finalizer that real ones keep on pods until they are counted.
 */
export class JobController {
  readonly #kube: KubeClient;
  readonly #watched: Watched;
  /** Jobs, by UID, whose pod was made: the cache may not have it yet, and it may be gone again. */
  readonly #made = new Map<string, string>();
  /** Jobs, by UID, that were ended: the cache may not know it yet, and their end cannot be told twice. */
  readonly #ended = new Set<string>();

  constructor(kube: KubeClient, watched: Watched) {
    this.#kube = kube;
    this.#watched = watched;
  }

  async sync(): Promise<void> {
    const pods = this.#watched.list('Pod');
    await Promise.all(
      this.#watched.list('Job').map(async (job) => {
        const { uid = '', deletionTimestamp } = job.metadata;
        if (jobEnd(job) || this.#ended.has(uid) || deletionTimestamp) return;
        try {
          await this.#syncOne(job, pods);
        } catch (error) {
          // The Job went, or changed, under our hands: the next round sees it.
          if (!isNotFound(error) && !isConflict(error)) throw error;
        }
      }),
    );
  }

  async #syncOne(job: KubeObject, pods: readonly KubeObject[]): Promise<void> {
    const { uid = '', name } = job.metadata;
    const pod = pods.find(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.uid === uid));
    const known = this.#made.get(uid);
    if (known === undefined) return this.#make(job);
    if (!pod) {
      // Gone before it was over, which costs the one failure this Job has.
      const live = await this.#kube.get({ ...WATCHED.Pod, namespace: job.metadata.namespace ?? '', name: known });
      if (!live) await this.#end(job, 'Failed', `pod ${known} of Job ${name} is gone`);
      return;
    }
    const { phase } = (pod['status'] ?? {}) as { phase?: string };
    if (phase === 'Succeeded') await this.#end(job, 'Complete', 'Reached expected number of succeeded pods');
    if (phase === 'Failed') await this.#end(job, 'Failed', 'Job has reached the specified backoff limit');
  }

  async #make(job: KubeObject): Promise<void> {
    const { uid = '', name, namespace = '' } = job.metadata;
    const { template } = (job as unknown as JobView).spec;
    const podName = `${name}-${uid.slice(0, 5)}`;
    try {
      await this.#kube.create({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name: podName,
          namespace,
          labels: {
            ...template.metadata.labels,
            'batch.kubernetes.io/job-name': name,
            'batch.kubernetes.io/controller-uid': uid,
          },
          ownerReferences: [
            { apiVersion: 'batch/v1', kind: 'Job', name, uid, controller: true, blockOwnerDeletion: true },
          ],
        },
        spec: { ...template.spec, nodeName: NODE },
      });
    } catch (error) {
      if (!alreadyExists(error)) throw error;
    }
    this.#made.set(uid, podName);
    await this.#kube.patchStatus(refOf(WATCHED.Job, job), { startTime: now(), active: 1, ready: 0 });
  }

  async #end(job: KubeObject, type: 'Complete' | 'Failed', message: string): Promise<void> {
    const at = now();
    const reason = type === 'Complete' ? 'CompletionsReached' : 'BackoffLimitExceeded';
    const before = type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget';
    const condition = (name: string) => ({
      type: name,
      status: 'True',
      reason,
      message,
      lastProbeTime: at,
      lastTransitionTime: at,
    });
    const { startTime } = (job as unknown as JobView).status ?? {};
    await this.#kube.patchStatus(refOf(WATCHED.Job, job), {
      startTime: startTime ?? at,
      active: 0,
      ready: 0,
      terminating: 0,
      ...(type === 'Complete' ? { succeeded: 1, completionTime: at } : { failed: 1 }),
      conditions: [condition(before), condition(type)],
    });
    this.#ended.add(job.metadata.uid ?? '');
  }
}

const now = (): string => new Date().toISOString().replace(/\.\d+Z/, 'Z');
