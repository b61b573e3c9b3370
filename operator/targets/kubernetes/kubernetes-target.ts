import { humanBytes, quantityValue } from '../../../crds/quantity.ts';
import type { SweepSpec } from '../../../crds/sweep/sweep-spec.ts';
import { ANYWHERE } from '../../../loadgen/net/address-rules.ts';
import { type Clock, sleep, systemClock } from '../../runtime/clock.ts';
import type { Kube, KubeObject } from '../../runtime/kube.ts';
import { Collections } from '../collections.ts';
import { TargetError, type Target, type TargetInfo, type TargetServer } from '../target.ts';
import { unsupportedParameters } from '../edge-engine.ts';
import type { SweepRef } from '../../owned/sweep-ref.ts';
import { childName } from './names.ts';
import { imageOf, podName, PORT, type QdrantPlan, type QdrantSettings } from './stateful-set.ts';
import { Workload } from './workload.ts';

export interface KubernetesTargetOptions {
  kube: Kube;
  sweep: SweepRef;
  /** `spec.target.kubernetes`. */
  spec: NonNullable<SweepSpec['target']['kubernetes']>;
  /** What the installation gives where the sweep says nothing. */
  defaults: QdrantSettings;
  /** It outlives its sweep. */
  outlives?: boolean;
  clock?: Clock;
  /** Default 10 min, images to be pulled included. */
  readyMs?: number;
  /** Default 3 min. */
  goneMs?: number;
  /** Told what is waited for: `no node takes its pod: Insufficient cpu`. */
  onWait?: (message: string) => void;
  /** How the Service is reached. Default: its name in the cluster's DNS. */
  address?: (service: KubeObject) => string;
}

interface Open {
  url: string;
  apiKey: string;
  collections: Collections;
}

/** After a pod is ready, its Service's address may take so long to be known everywhere. */
const ADDRESS_MS = 60_000;

/**
 * A Qdrant of a sweep's own in its namespace: one pod of guaranteed resources, in a StatefulSet owned by the sweep. A
 * build is a fresh collection on it. What somebody deletes by hand is made again; only what was made for this very sweep
 * is changed or deleted.
 */
export class KubernetesTarget implements Target {
  readonly #options: KubernetesTargetOptions;
  readonly #plan: QdrantPlan;
  readonly #workload: Workload;
  readonly #clock: Clock;
  #open: Open | undefined;

  constructor(options: KubernetesTargetOptions) {
    const { kube, sweep, spec, defaults, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#plan = {
      ...defaults,
      version: (spec.version ?? defaults.version).replace(/^v/, ''),
      cpu: spec.resources?.cpu ?? defaults.cpu,
      memory: spec.resources?.memory ?? defaults.memory,
      sweep,
      name: childName(sweep, 'qdrant'),
      ...(options.outlives ? { outlives: true } : {}),
    };
    this.#workload = new Workload({
      kube,
      plan: this.#plan,
      clock,
      readyMs: options.readyMs ?? 600_000,
      goneMs: options.goneMs ?? 180_000,
      onWait: options.onWait ?? (() => undefined),
    });
  }

  /** The pod Qdrant runs in, for whoever reads what it used. */
  get pod(): { namespace: string; name: string } {
    return { namespace: this.#plan.sweep.namespace, name: podName(this.#plan.name) };
  }

  async describe(signal: AbortSignal): Promise<TargetInfo> {
    const { cpu, memory, version } = this.#plan;
    const { url, apiKey, collections } = await this.#ensure(signal);
    const running = await this.#answered(collections, signal);
    if (this.#options.spec.version !== undefined && running !== version) {
      throw new TargetError(
        'Refused',
        `spec.target.kubernetes.version: Invalid value: "${this.#options.spec.version}": the image ${imageOf(this.#plan)} is Qdrant ${running}; ask for that version or have the installation's Qdrant image changed`,
      );
    }
    const cores = quantityValue(cpu);
    return {
      identity: { kind: 'kubernetes', resources: { cpu: cores, memory: quantityValue(memory), version: running } },
      qdrantVersion: running,
      description: `Qdrant ${running} in pod ${this.pod.name}, ${cores} CPU${cores === 1 ? '' : 's'}, ${humanBytes(quantityValue(memory))}`,
      unsupported: await unsupportedParameters(url, apiKey),
    };
  }

  async open(_collection: string, signal: AbortSignal): Promise<TargetServer> {
    const known = this.#open;
    // An evicted pod comes back elsewhere; a deleted one has to be made again.
    const alive = known && (await known.collections.version().then(Boolean, () => false));
    const { url, apiKey, collections } = alive ? known : await this.#ensure(signal);
    return { url, own: true, apiKey, collections };
  }

  /** The server rests by having nothing to do: stopping it would cost a start each time and free its CPU for others. */
  rest(): Promise<void> {
    return Promise.resolve();
  }

  async remove(collection: string, signal: AbortSignal): Promise<void> {
    await this.#onServer(signal, undefined, (collections) => collections.delete(collection));
  }

  existing(names: readonly string[], signal: AbortSignal): Promise<Set<string>> {
    return this.#onServer(signal, new Set<string>(), (collections) => collections.existing(names));
  }

  async dispose({ deleteData }: { deleteData: boolean }): Promise<void> {
    this.#open = undefined;
    if (deleteData) await this.#workload.delete();
  }

  /** Does something on the server, which is looked for once more when it does not answer; `gone` when there is none. */
  async #onServer<T>(signal: AbortSignal, gone: T, action: (collections: Collections) => Promise<T>): Promise<T> {
    if (this.#open) {
      try {
        return await action(this.#open.collections);
      } catch (error) {
        if (!(error instanceof TargetError) || error.reason !== 'TargetUnreachable') throw error;
        this.#open = undefined;
      }
    }
    if (!(await this.#workload.exists(signal))) return gone;
    const { collections } = await this.#ensure(signal);
    await this.#answered(collections, signal);
    return action(collections);
  }

  async #ensure(signal: AbortSignal): Promise<Open> {
    const { apiKey, service } = await this.#workload.ensure(signal);
    const url = this.#options.address?.(service) ?? clusterAddress(service);
    this.#open = { url, apiKey, collections: new Collections(url, { apiKey, rules: ANYWHERE }) };
    return this.#open;
  }

  async #answered(collections: Collections, signal: AbortSignal): Promise<string> {
    const deadline = this.#clock.now() + ADDRESS_MS;
    for (;;) {
      try {
        return await collections.version();
      } catch (error) {
        if (this.#clock.now() >= deadline) throw error;
        await sleep(this.#clock, 500, signal);
      }
    }
  }
}

const clusterAddress = ({ metadata }: KubeObject): string =>
  `http://${metadata.name}.${metadata.namespace ?? 'default'}.svc:${PORT}`;
