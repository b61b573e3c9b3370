import { preparedMessageSchema, type PreparedMessage } from '../../../loadgen/protocol.ts';
import { KINDS } from '../../runtime/kinds.ts';
import { alreadyExists, type Kube } from '../../runtime/kube.ts';
import type { SweepRef } from '../../owned/sweep-ref.ts';
import { datasetClaimName } from './job-name.ts';
import { datasetClaim, type LoadgenPodSettings } from './job-objects.ts';
import { OwnedObjects } from './owned-objects.ts';

/** Where a finished preparation is remembered, on the claim that holds the data. */
const PREPARED = 'qdrantbench.io/prepared';

/** The claim a sweep's prepared dataset lies on, and what lies there. */
export class DatasetClaim {
  readonly #kube: Kube;
  readonly #sweep: SweepRef;
  readonly #owned: OwnedObjects;
  /** Of the claim the dataset was found on. */
  #uid: string | undefined;

  constructor(kube: Kube, sweep: SweepRef) {
    this.#kube = kube;
    this.#sweep = sweep;
    this.#owned = new OwnedObjects(kube, sweep);
  }

  /** Makes it, unless it is there. */
  async ensure(settings: LoadgenPodSettings, signal: AbortSignal): Promise<void> {
    const claim = datasetClaim(this.#sweep, settings);
    const { name } = claim.metadata;
    if (await this.#owned.get(KINDS.PersistentVolumeClaim, name, signal)) return;
    try {
      await this.#kube.create(claim, signal);
    } catch (error) {
      if (!alreadyExists(error)) throw error;
      await this.#owned.get(KINDS.PersistentVolumeClaim, name, signal);
    }
  }

  /** What the Job of this name found when it prepared the dataset; undefined when another one was last, or none. */
  async prepared(job: string, signal: AbortSignal): Promise<PreparedMessage | undefined> {
    const claim = await this.#owned.get(KINDS.PersistentVolumeClaim, datasetClaimName(this.#sweep), signal);
    if (claim?.metadata.deletionTimestamp) throw new Error('the claim of the dataset is being deleted; trying again');
    const text = claim?.metadata.annotations?.[PREPARED];
    if (text === undefined) return undefined;
    const known = parse(text);
    if (known.job !== job) return undefined;
    this.#uid = claim?.metadata.uid;
    return preparedMessageSchema.safeParse(known.message).data;
  }

  /** @throws when the claim the dataset was found on has been deleted since: no pod would start with it. */
  async check(signal: AbortSignal): Promise<void> {
    if (this.#uid === undefined) return;
    const { name } = this.#owned.ref(KINDS.PersistentVolumeClaim, datasetClaimName(this.#sweep));
    const claim = await this.#owned.get(KINDS.PersistentVolumeClaim, name, signal);
    if (claim?.metadata.uid === this.#uid && !claim.metadata.deletionTimestamp) return;
    throw new Error(`PersistentVolumeClaim ${name} with the prepared dataset was deleted; it is prepared again`);
  }

  async delete(signal: AbortSignal): Promise<void> {
    await this.#owned.delete(KINDS.PersistentVolumeClaim, datasetClaimName(this.#sweep), signal);
  }

  async remember(job: string, message: PreparedMessage, signal: AbortSignal): Promise<void> {
    const patch = { metadata: { annotations: { [PREPARED]: JSON.stringify({ job, message }) } } };
    const ref = this.#owned.ref(KINDS.PersistentVolumeClaim, datasetClaimName(this.#sweep));
    const { metadata } = await this.#kube.mergePatch(ref, patch, signal);
    this.#uid = metadata.uid;
  }
}

/** People can write annotations, too. */
function parse(text: string): { job?: unknown; message?: unknown } {
  try {
    return (JSON.parse(text) as { job?: unknown; message?: unknown } | null) ?? {};
  } catch {
    return {};
  }
}
