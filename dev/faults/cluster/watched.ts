import { pino } from 'pino';
import { Informer } from '../../../operator/runtime/informer.ts';
import type { KubeClient } from '../../../operator/runtime/kube-client.ts';
import { KINDS } from '../../../operator/runtime/kinds.ts';
import type { KubeKind, KubeObject } from '../../../operator/runtime/kube.ts';
import { SWEEP_KIND } from '../../../operator/kinds.ts';

/** The kinds the played parts of the cluster look after; all that the operator makes is of one of them. */
export const WATCHED = {
  Namespace: KINDS.Namespace,
  QdrantSweep: SWEEP_KIND,
  StatefulSet: KINDS.StatefulSet,
  Service: KINDS.Service,
  Job: KINDS.Job,
  Pod: KINDS.Pod,
  Secret: KINDS.Secret,
  PersistentVolumeClaim: KINDS.PersistentVolumeClaim,
} as const satisfies Record<string, KubeKind>;
export type WatchedKind = keyof typeof WATCHED;

export const KIND_OF = (object: KubeObject): KubeKind => WATCHED[object.kind as WatchedKind];

/** Everything in the API server of the kinds watched, always fresh. */
export class Watched {
  readonly #informers = new Map<WatchedKind, Informer>();
  readonly #listeners: (() => void)[] = [];

  constructor(kube: KubeClient) {
    const log = pino({ level: 'silent' });
    const onEvent = (): void => {
      for (const listener of this.#listeners) listener();
    };
    for (const kind of Object.keys(WATCHED) as WatchedKind[]) {
      this.#informers.set(kind, new Informer({ kube, kind: WATCHED[kind], log, onEvent }));
    }
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async start(signal: AbortSignal): Promise<void> {
    const informers = [...this.#informers.values()];
    for (const informer of informers) informer.start();
    await Promise.all(informers.map((informer) => informer.synced(signal)));
  }

  async stop(): Promise<void> {
    await Promise.all(Array.from(this.#informers.values(), (informer) => informer.stop()));
  }

  list(kind: WatchedKind): KubeObject[] {
    return this.#informers.get(kind)?.list() ?? [];
  }

  get(kind: WatchedKind, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#informers.get(kind)?.get(name, namespace);
  }

  all(): KubeObject[] {
    return Array.from(this.#informers.values(), (informer) => informer.list()).flat();
  }
}
