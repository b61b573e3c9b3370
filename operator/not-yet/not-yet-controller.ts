import { refOf, type KubeKind, type KubeObject } from '../runtime/kube.ts';
import type { StatusWriter } from '../runtime/status-writer.ts';
import { notYet } from './not-yet.ts';

export interface NotYetOptions {
  kind: KubeKind;
  /** The resources as the cache has them. */
  cached: (namespace: string, name: string) => KubeObject | undefined;
  status: Pick<StatusWriter, 'write' | 'forget'>;
  now?: () => Date;
}

/** Says of every resource of a kind that this version does not carry it out. Makes nothing, so nothing is to be cleaned up. */
export class NotYetController {
  readonly #options: NotYetOptions;

  constructor(options: NotYetOptions) {
    this.#options = options;
  }

  /** Has the status of one resource, `namespace/name`, written. What it says already is not written again. */
  reconcile(key: string): Promise<void> {
    const [namespace = '', name = ''] = key.split('/', 2);
    const { kind, cached, status, now = () => new Date() } = this.#options;
    const object = cached(namespace, name);
    if (!object) return Promise.resolve();
    const { uid = '', deletionTimestamp } = object.metadata;
    if (deletionTimestamp) status.forget({ uid });
    else status.write({ ...refOf(kind, object), uid }, { ...notYet(object, now()) });
    return Promise.resolve();
  }
}
