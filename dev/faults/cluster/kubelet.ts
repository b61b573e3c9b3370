import type { KubeClient } from '../../../operator/runtime/kube-client.ts';
import { isConflict, isNotFound, refOf, type KubeObject } from '../../../operator/runtime/kube.ts';
import { WATCHED, type Watched } from './watched.ts';

/** What a container does: resolves to its exit code, soon after its signal was aborted at the latest. */
export type Container = (
  pod: KubeObject,
  secret: (name: string) => KubeObject | undefined,
  signal: AbortSignal,
) => Promise<number>;

interface Running {
  stop: AbortController;
  /** Set once the container has ended. */
  exitCode?: number;
  ended: Promise<void>;
}

interface PodSpec {
  containers: { name: string; image: string; env?: { valueFrom?: { secretKeyRef?: { name: string } } }[] }[];
  volumes?: { secret?: { secretName: string }; persistentVolumeClaim?: { claimName: string } }[];
}

/**
 * The kubelet of the one node: starts a pod's container once its Secrets and claims are there, tells how it goes, ends it
 * when the pod is deleted, and only then lets the pod go.
 */
export class Kubelet {
  readonly #kube: KubeClient;
  readonly #watched: Watched;
  readonly #containers: Readonly<Record<string, Container>>;
  readonly #running = new Map<string, Running>();
  readonly #poke: () => void;

  /** @param containers by the container's name. */
  constructor(kube: KubeClient, watched: Watched, containers: Readonly<Record<string, Container>>, poke: () => void) {
    this.#kube = kube;
    this.#watched = watched;
    this.#containers = containers;
    this.#poke = poke;
  }

  async sync(): Promise<void> {
    const pods = this.#watched.list('Pod');
    await Promise.all(
      pods.map((pod) =>
        this.#syncOne(pod).catch((error: unknown) => {
          if (!isNotFound(error) && !isConflict(error)) throw error;
        }),
      ),
    );
    // Deleted without asking us, as with --force: what ran, ends.
    const there = new Set(pods.map(({ metadata }) => metadata.uid));
    for (const [uid, running] of this.#running) {
      if (there.has(uid)) continue;
      running.stop.abort(new Error('the pod is gone'));
      this.#running.delete(uid);
    }
  }

  /** Ends every container. */
  async stop(): Promise<void> {
    for (const { stop } of this.#running.values()) stop.abort(new Error('the cluster goes down'));
    await Promise.all(Array.from(this.#running.values(), ({ ended }) => ended));
  }

  async #syncOne(pod: KubeObject): Promise<void> {
    const { uid = '', deletionTimestamp } = pod.metadata;
    const { phase = 'Pending' } = (pod['status'] ?? {}) as { phase?: string };
    const running = this.#running.get(uid);
    const ref = refOf(WATCHED.Pod, pod);
    if (deletionTimestamp) {
      running?.stop.abort(new Error('SIGTERM'));
      await running?.ended;
      if (running && phase === 'Running') await this.#tell(pod, ended(pod, running.exitCode ?? 143));
      await this.#kube.delete(ref, { uid, gracePeriodSeconds: 0 });
      return;
    }
    if (running?.exitCode !== undefined) {
      if (phase === 'Running' || phase === 'Pending') await this.#tell(pod, ended(pod, running.exitCode));
      return;
    }
    if (running || phase !== 'Pending') return;
    const missing = this.#missing(pod);
    if (missing !== undefined) return this.#waiting(pod, missing);
    this.#start(pod);
    await this.#tell(pod, {
      phase: 'Running',
      startTime: now(),
      conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({ type, status: 'True' })),
      containerStatuses: containers(pod, { running: { startedAt: now() } }, true),
    });
  }

  #start(pod: KubeObject): void {
    const { uid = '', namespace = '' } = pod.metadata;
    const stop = new AbortController();
    const [container] = specOf(pod).containers;
    const run = this.#containers[container?.name ?? ''];
    if (!run) throw new Error(`no container of the name ${container?.name ?? '?'} is played`);
    const secret = (name: string): KubeObject | undefined => this.#watched.get('Secret', namespace, name);
    const running: Running = { stop, ended: Promise.resolve() };
    running.ended = run(pod, secret, stop.signal)
      .catch(() => 1)
      .then((code) => {
        running.exitCode = code;
        this.#poke();
      });
    this.#running.set(uid, running);
  }

  /** What the pod's volumes or environment name and is not there. */
  #missing(pod: KubeObject): string | undefined {
    const { namespace = '' } = pod.metadata;
    const { volumes = [], containers: all } = specOf(pod);
    const secrets = [
      ...volumes.flatMap(({ secret }) => (secret ? [secret.secretName] : [])),
      ...all.flatMap(({ env = [] }) => env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef?.name ?? [])),
    ];
    const claims = volumes.flatMap(({ persistentVolumeClaim: claim }) => (claim ? [claim.claimName] : []));
    const secret = secrets.find((name) => !this.#watched.get('Secret', namespace, name));
    if (secret !== undefined) return `secret "${secret}" not found`;
    const claim = claims.find((name) => !this.#watched.get('PersistentVolumeClaim', namespace, name));
    return claim === undefined ? undefined : `persistentvolumeclaim "${claim}" not found`;
  }

  async #waiting(pod: KubeObject, message: string): Promise<void> {
    const said = ((pod['status'] ?? {}) as { containerStatuses?: unknown[] }).containerStatuses ?? [];
    if (said.length > 0) return;
    await this.#tell(pod, {
      phase: 'Pending',
      containerStatuses: containers(pod, { waiting: { reason: 'ContainerCreating', message } }, false),
    });
  }

  async #tell(pod: KubeObject, status: object): Promise<void> {
    await this.#kube.patchStatus(refOf(WATCHED.Pod, pod), status);
  }
}

const specOf = (pod: KubeObject): PodSpec => pod['spec'] as PodSpec;

function containers(pod: KubeObject, state: object, ready: boolean): object[] {
  return specOf(pod).containers.map(({ name, image }) => ({
    name,
    image,
    imageID: image,
    ready,
    restartCount: 0,
    state,
  }));
}

function ended(pod: KubeObject, exitCode: number): object {
  const reason = exitCode === 0 ? 'Completed' : 'Error';
  return {
    phase: exitCode === 0 ? 'Succeeded' : 'Failed',
    conditions: [
      { type: 'PodScheduled', status: 'True' },
      { type: 'Ready', status: 'False' },
    ],
    containerStatuses: containers(pod, { terminated: { exitCode, reason, finishedAt: now() } }, false),
  };
}

const now = (): string => new Date().toISOString().replace(/\.\d+Z/, 'Z');
