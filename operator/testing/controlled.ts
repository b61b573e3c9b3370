import { pino } from 'pino';
import type { SweepSpec } from '../../crds/sweep/sweep-spec.ts';
import { hasEnded } from '../../crds/sweep/sweep-status.ts';
import { MemoryKube } from '../jobs/kubernetes/testing/memory-kube.ts';
import { SWEEP_KIND } from '../kinds.ts';
import type { RunStore } from '../runs/run-store.ts';
import { EventRecorder } from '../runtime/events.ts';
import type { KubeObject } from '../runtime/kube.ts';
import { StatusWriter, type Status, type StatusRef } from '../runtime/status-writer.ts';
import { eventually } from '../runtime/testing/test-kube.ts';
import { FINALIZER, SweepController, type ControllerOptions } from '../sweep/controller.ts';
import type { SweepEvent } from '../sweep/ports.ts';
import type { SimulatedWorld } from './simulated-world.ts';

const NAMESPACE = 'team';
const log = pino({ level: 'silent' });
export const never = new AbortController().signal;

/** Two builds, a few searches each. */
export const SPEC: Omit<SweepSpec, 'target'> = {
  dataset: { synthetic: { points: 50_000, dimensions: 128 } },
  workload: { repeats: 1 },
  parameters: [
    { name: 'hnsw_config.m', numbers: [8] },
    { name: 'params.hnsw_ef', numbers: [64, 128] },
  ],
  judge: { strategy: 'Grid' },
  budget: { builds: 2 },
};

interface SweepStatusSeen {
  phase?: string;
  observedGeneration?: number;
  conditions?: { type: string; status: string; reason: string; message: string }[];
  best?: unknown;
  progress?: { builds: number; searches: number };
}

/** A controller over an API server in memory, a real record and a simulated world. */
export class Controlled {
  readonly kube = new MemoryKube();
  readonly world: SimulatedWorld;
  readonly requeued: { key: string; afterMs: number }[] = [];
  readonly seen: SweepEvent[] = [];
  readonly #store: RunStore;
  controller: SweepController;
  status: StatusWriter;
  events: EventRecorder;

  constructor(world: SimulatedWorld, store: RunStore) {
    this.world = world;
    this.#store = store;
    [this.controller, this.status, this.events] = this.#start({});
  }

  /** Another operator process over the same world. */
  restart(options: Partial<ControllerOptions> = {}): void {
    [this.controller, this.status, this.events] = this.#start(options);
  }

  #start(options: Partial<ControllerOptions>): [SweepController, StatusWriter, EventRecorder] {
    const { kube, world } = this;
    const written = world.happened;
    const status = new (class extends StatusWriter {
      override write(ref: StatusRef, value: Status): void {
        const line = `status ${String(value['phase'])}`;
        if (written.at(-1) !== line) written.push(line);
        super.write(ref, value);
      }
    })({ kube, log, intervalMs: 0, isFinal: ({ phase }) => hasEnded(phase) });
    const events = new EventRecorder({ kube, log, controller: 'qdrantbench.io/operator', instance: 'test' });
    const controller = new SweepController({
      kube,
      cached: (namespace, name) => kube.look('QdrantSweep', namespace, name),
      worldOf: () => Promise.resolve(world.make()),
      store: this.#store,
      status,
      events,
      log,
      requeue: (key, afterMs) => void this.requeued.push({ key, afterMs }),
      onSweepEvent: (event) => void this.seen.push(event),
      datasetsDir: '/datasets',
      benchVersion: '0',
      ...options,
    });
    return [controller, status, events];
  }

  put(name: string, spec: object = {}, metadata: object = {}): KubeObject {
    const { apiVersion, kind } = SWEEP_KIND;
    return this.kube.put({
      apiVersion,
      kind,
      metadata: { name, namespace: NAMESPACE, ...metadata },
      spec: { target: { kubernetes: {} }, ...SPEC, ...spec },
    });
  }

  look(name: string): KubeObject | undefined {
    return this.kube.look('QdrantSweep', NAMESPACE, name);
  }

  statusOf(name: string): SweepStatusSeen {
    return (this.look(name)?.['status'] ?? {}) as SweepStatusSeen;
  }

  condition(name: string, type: string) {
    return this.statusOf(name).conditions?.find((one) => one.type === type);
  }

  edit(name: string, spec: object): void {
    this.kube.set(this.look(name) as KubeObject, { spec });
  }

  remove(name: string): Promise<boolean> {
    return this.kube.delete({ ...SWEEP_KIND, namespace: NAMESPACE, name });
  }

  finalized(name: string): boolean {
    return this.look(name)?.metadata.finalizers?.includes(FINALIZER) ?? false;
  }

  async notes(reason: string): Promise<string[]> {
    await this.events.flush();
    return this.kube
      .of('Event')
      .filter((event) => event['reason'] === reason)
      .map((event) => String(event['note']));
  }

  /** Until a sweep is put back to be tried again; that is forgotten then. */
  async requeue(): Promise<void> {
    await eventually(() => this.requeued.length > 0);
    this.requeued.length = 0;
  }

  reconcile(name: string) {
    return this.controller.reconcile(`${NAMESPACE}/${name}`, never);
  }

  /** Reconciles until the sweep's status says `phase`. */
  async until(name: string, phase: string): Promise<void> {
    await this.reconcile(name);
    await eventually(() => this.statusOf(name).phase === phase);
    await this.status.flush();
  }

  /** Waits until something has happened so often. */
  async happened(what: string, times = 1): Promise<void> {
    await eventually(() => this.world.happened.filter((line) => line === what).length >= times);
  }
}
