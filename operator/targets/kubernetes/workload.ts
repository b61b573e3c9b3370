import { isDeepStrictEqual } from 'node:util';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { KINDS } from '../../runtime/kinds.ts';
import {
  alreadyExists,
  isTransient,
  type Kube,
  KubeError,
  type KubeKind,
  type KubeObject,
  refOf,
} from '../../runtime/kube.ts';
import { TargetError } from '../target.ts';
import { hasLabelsOf, isMadeFor, LABELS } from '../../owned/sweep-ref.ts';
import { podState } from './pod-state.ts';
import { apiKeyIn, apiKeySecret, qdrantService } from './service.ts';
import { claimName, CONTAINER, podName, type QdrantPlan, qdrantStatefulSet } from './stateful-set.ts';

export interface WorkloadOptions {
  kube: Kube;
  plan: QdrantPlan;
  clock: Clock;
  /** How long a pod may take from being asked for to serving. */
  readyMs: number;
  /** How long it may take to end. */
  goneMs: number;
  /** Told when what is waited for changes. */
  onWait: (message: string) => void;
}

const POLL_MS = 1000;

/** The objects of one sweep's Qdrant: made, waited for, deleted. Speaks to the API server only. */
export class Workload {
  readonly #options: WorkloadOptions;

  constructor(options: WorkloadOptions) {
    this.#options = options;
  }

  /**
   * Makes whatever is missing, changes what differs and waits until the pod serves. May be repeated.
   * @throws {TargetError} that says what it waited for, when that took too long or cannot come to an end.
   */
  async ensure(signal: AbortSignal): Promise<{ apiKey: string; service: KubeObject; pod: KubeObject }> {
    const { plan } = this.#options;
    return this.#told(`make Qdrant ${plan.name} in namespace ${plan.sweep.namespace}`, signal, async () => {
      const apiKey = await this.#ensureKey(signal);
      const service = await this.#apply(KINDS.Service, (existing) => qdrantService(plan, existing), signal);
      await this.#apply(KINDS.StatefulSet, (existing) => qdrantStatefulSet(plan, existing), signal);
      return { apiKey, service, pod: await this.#served(signal) };
    });
  }

  /** Whether there is a StatefulSet to hold data. */
  async exists(signal: AbortSignal): Promise<boolean> {
    const { plan } = this.#options;
    return this.#told(`look for Qdrant ${plan.name}`, signal, async () => {
      const found = await this.#get(KINDS.StatefulSet, plan.name, signal);
      return found !== undefined && isMadeFor(plan.sweep, found);
    });
  }

  /** Deletes all of it with its data and waits until the pod and its volume claim are gone. May be repeated. */
  async delete(): Promise<void> {
    const { kube, plan, clock, goneMs } = this.#options;
    const signal = new AbortController().signal;
    await this.#told(`delete Qdrant ${plan.name} in namespace ${plan.sweep.namespace}`, signal, async () => {
      for (const kind of [KINDS.StatefulSet, KINDS.Service, KINDS.Secret]) {
        const found = await this.#get(kind, plan.name, signal);
        if (found && isMadeFor(plan.sweep, found)) await this.#delete(kind, found);
      }
      const claim = await this.#get(KINDS.PersistentVolumeClaim, claimName(plan.name), signal);
      if (claim && hasLabelsOf(plan.sweep, claim.metadata.labels))
        await this.#delete(KINDS.PersistentVolumeClaim, claim);
      const deadline = clock.now() + goneMs;
      const selection = {
        namespace: plan.sweep.namespace,
        labelSelector: `${LABELS.sweepUid}=${plan.sweep.uid},${LABELS.component}=qdrant`,
      };
      for (;;) {
        const pods = await kube.list(KINDS.Pod, selection);
        const claims = await kube.list(KINDS.PersistentVolumeClaim, selection);
        if (pods.length + claims.length === 0) return;
        if (clock.now() >= deadline) {
          const left = [...pods, ...claims].map(({ kind, metadata }) => `${kind} ${metadata.name}`).join(', ');
          throw new TargetError('TargetUnreachable', `still ending after ${Math.round(goneMs / 1000)} s: ${left}`);
        }
        await sleep(clock, POLL_MS, signal);
      }
    });
  }

  async #ensureKey(signal: AbortSignal): Promise<string> {
    const { kube, plan } = this.#options;
    for (let tries = 0; tries < 3; tries += 1) {
      const secret =
        (await this.#get(KINDS.Secret, plan.name, signal)) ??
        (await kube.create(apiKeySecret(plan), signal).catch((error: unknown) => {
          if (alreadyExists(error)) return undefined;
          throw error;
        }));
      if (!secret || secret.metadata.deletionTimestamp) continue;
      this.#mustBeOurs(secret, KINDS.Secret);
      const apiKey = apiKeyIn(secret);
      if (apiKey) {
        // Made once, it does not follow a change of `retention.onDelete` as what is applied does.
        if (plan.outlives && secret.metadata.ownerReferences?.length) {
          await kube.mergePatch(refOf(KINDS.Secret, secret), { metadata: { ownerReferences: null } }, signal);
        }
        return apiKey;
      }
      await this.#delete(KINDS.Secret, secret);
    }
    throw new TargetError('TargetUnreachable', `Secret ${plan.name} goes as soon as it is made`);
  }

  /** Applies over nothing or over what is ours; a foreign object of that name is left alone. */
  async #apply(
    kind: KubeKind,
    desired: (existing: KubeObject | undefined) => KubeObject,
    signal: AbortSignal,
  ): Promise<KubeObject> {
    const existing = await this.#get(kind, this.#options.plan.name, signal);
    if (existing) this.#mustBeOurs(existing, kind);
    if (existing?.metadata.deletionTimestamp) {
      throw new TargetError(
        'TargetUnreachable',
        `${kind.kind} ${existing.metadata.name} is being deleted; trying again`,
      );
    }
    return this.#options.kube.apply(desired(existing), { force: true }, signal);
  }

  async #served(signal: AbortSignal): Promise<KubeObject> {
    const { clock, readyMs, onWait, plan } = this.#options;
    const began = clock.now();
    let seen: { reason: string; message: string; since: number } | undefined;
    for (;;) {
      const pod = await this.#get(KINDS.Pod, podName(plan.name), signal);
      if (!pod && !(await this.#get(KINDS.StatefulSet, plan.name, signal))) {
        const what = `StatefulSet ${plan.sweep.namespace}/${plan.name}`;
        throw new TargetError(
          'TargetUnreachable',
          `${what} was deleted while its pod was waited for; it is made again`,
        );
      }
      if (pod && !pod.metadata.deletionTimestamp) await this.#replaceIfOther(pod, signal);
      const state = podState(pod);
      if (state.ready) {
        if (pod && this.#isAsPlanned(pod)) return pod;
      } else {
        const now = clock.now();
        if (seen?.reason !== state.reason) seen = { ...state, since: now };
        let message = state.message;
        if (state.reason === 'NoPod' && now - seen.since >= 5000) message = await this.#whyNoPod(message, signal);
        if (seen.message !== message || seen.since === now) onWait(message);
        seen.message = message;
        const waited = now - began;
        const hopeless = state.patienceMs !== undefined && now - seen.since >= state.patienceMs;
        if (hopeless || waited >= readyMs) {
          throw new TargetError(
            'TargetUnreachable',
            `Qdrant ${plan.sweep.namespace}/${podName(plan.name)} does not serve after ${Math.round(waited / 1000)} s: ${message}`,
          );
        }
      }
      await sleep(clock, POLL_MS, signal);
    }
  }

  /** A pod of other resources or another image would be measured under a wrong name. Nothing else is worth a restart. */
  #isAsPlanned(pod: KubeObject): boolean {
    const parts = (object: KubeObject | { spec?: unknown }) => {
      const { containers = [] } = (object.spec ?? {}) as {
        containers?: { name: string; image?: string; resources?: { limits?: unknown; requests?: unknown } }[];
      };
      const container = containers.find(({ name }) => name === CONTAINER);
      return {
        image: container?.image,
        requests: container?.resources?.requests,
        limits: container?.resources?.limits,
      };
    };
    const wanted = qdrantStatefulSet(this.#options.plan)['spec'] as { template: { spec: unknown } };
    return isDeepStrictEqual(parts(pod), parts(wanted.template));
  }

  async #replaceIfOther(pod: KubeObject, signal: AbortSignal): Promise<void> {
    if (this.#isAsPlanned(pod) || !hasLabelsOf(this.#options.plan.sweep, pod.metadata.labels)) return;
    this.#options.onWait('its pod has other resources or another image and is made again');
    const { kube } = this.#options;
    const { name, namespace, uid } = pod.metadata;
    await kube.delete({ ...KINDS.Pod, name, ...(namespace ? { namespace } : {}) }, uid ? { uid } : {}, signal);
  }

  /** A controller that may not make pods says so in events only: quotas and admission rules. */
  async #whyNoPod(fallback: string, signal: AbortSignal): Promise<string> {
    const { kube, plan } = this.#options;
    const events = await kube
      .list(KINDS.Event, { namespace: plan.sweep.namespace, fieldSelector: `regarding.name=${plan.name}` }, signal)
      .catch(() => []);
    const warning = events.findLast((event) => event['type'] === 'Warning');
    return warning ? `its pod cannot be made: ${String(warning['note']).slice(0, 500)}` : fallback;
  }

  #mustBeOurs(object: KubeObject, { kind }: KubeKind): void {
    const { sweep } = this.#options.plan;
    if (isMadeFor(sweep, object)) return;
    throw new TargetError(
      'Refused',
      `${kind} ${object.metadata.namespace}/${object.metadata.name} exists and was not made for ${sweep.kind} ${sweep.name}; delete or rename it, it is in the way`,
    );
  }

  #get(kind: KubeKind, name: string, signal: AbortSignal): Promise<KubeObject | undefined> {
    return this.#options.kube.get({ ...kind, namespace: this.#options.plan.sweep.namespace, name }, signal);
  }

  async #delete(kind: KubeKind, { metadata }: KubeObject): Promise<void> {
    const { name, namespace, uid } = metadata;
    await this.#options.kube.delete({ ...kind, name, ...(namespace ? { namespace } : {}) }, uid ? { uid } : {});
  }

  /** Makes the API server's refusals ones of the target. */
  async #told<T>(what: string, signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof KubeError)) throw error;
      throw new TargetError(
        isTransient(error) || error.status === 409 ? 'TargetUnreachable' : 'Refused',
        `cannot ${what}: ${error.message}`,
        { cause: error },
      );
    }
  }
}
