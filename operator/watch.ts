import type { Logger } from 'pino';
import { EXPERIMENT } from '../crds/experiment/experiment.ts';
import { PROMOTION } from '../crds/promotion/promotion.ts';
import type { OperatorConfig } from './config.ts';
import type { OperatorMetrics } from './http/operator-metrics.ts';
import { kubeKind } from './kinds.ts';
import { NotYetController } from './not-yet/not-yet-controller.ts';
import { Informer } from './runtime/informer.ts';
import type { KubeClient } from './runtime/kube-client.ts';
import type { KubeKind, KubeObject } from './runtime/kube.ts';
import type { ObjectEvent } from './runtime/object-cache.ts';
import { isTheirs } from './runtime/predicates.ts';
import { WorkQueue } from './runtime/queue.ts';
import type { StatusWriter } from './runtime/status-writer.ts';

/** What every watch of the operator uses. */
export interface Watching {
  config: OperatorConfig;
  kube: KubeClient;
  log: Logger;
  metrics: OperatorMetrics;
}

/** Caches of a kind, one for each namespace that is watched; what people change goes to the queue. */
export class Watched {
  readonly informers: readonly Informer[];

  constructor({ config, kube, log, metrics }: Watching, kind: KubeKind, queue: WorkQueue) {
    const onEvent = (event: ObjectEvent): void => {
      if (!isTheirs(event)) return;
      const { name, namespace = '' } = event.object.metadata;
      queue.add(`${namespace}/${name}`, { urgent: event.type !== 'Resync' });
    };
    const watched = config.QDRANT_BENCH_WATCH_NAMESPACES;
    this.informers = (watched.length > 0 ? watched : [undefined]).map(
      (namespace) =>
        new Informer({ kube, kind, log, metrics, onEvent, ...(namespace === undefined ? {} : { namespace }) }),
    );
  }

  readonly get = (namespace: string, name: string): KubeObject | undefined =>
    this.informers.map((informer) => informer.get(name, namespace)).find(Boolean);

  get staleSeconds(): number {
    return Math.max(0, ...this.informers.map(({ staleSeconds }) => staleSeconds));
  }

  start(): void {
    for (const informer of this.informers) informer.start();
  }

  async synced(signal: AbortSignal): Promise<void> {
    await Promise.all(this.informers.map((informer) => informer.synced(signal)));
  }

  async stop(): Promise<void> {
    await Promise.all(this.informers.map((informer) => informer.stop()));
  }
}

/**
 * The kinds this version does not carry out: each resource is told so. Nobody waits for their caches, for their
 * definitions may not be installed.
 */
export function watchNotYet(watching: Watching, status: StatusWriter): { watched: Watched; queue: WorkQueue }[] {
  return [EXPERIMENT, PROMOTION].map(kubeKind).map((kind) => {
    const queue: WorkQueue = new WorkQueue({
      name: kind.kind.toLowerCase(),
      workers: 1,
      log: watching.log,
      metrics: watching.metrics,
      paused: true,
      run: (key) => controller.reconcile(key),
    });
    const watched = new Watched(watching, kind, queue);
    const controller = new NotYetController({ kind, cached: watched.get, status });
    return { watched, queue };
  });
}
