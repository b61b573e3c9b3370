import type { Job, Message } from '../../../loadgen/protocol.ts';
import type { PlayedQdrant } from '../../../operator/testing/played-qdrant.ts';

/** A Job's pod, as the load generator in it knows itself. */
export interface PodIdentity {
  /** The Job's name. */
  job: string;
  jobUid: string;
  pod: string;
  podUid: string;
}

/** A load generator that was started. */
export interface Started extends PodIdentity {
  document: Job;
  at: number;
  /** Absent while it runs. */
  endedAt?: number;
}

/** A result that NATS has acknowledged. */
export interface Said extends PodIdentity {
  message: Message;
  at: number;
}

/** Where a load generator is; the moments at which something may befall the operator or the world. */
export type Moment =
  'preparing' | 'prepared' | 'building' | 'built' | 'searching' | 'measured' | 'finals' | 'finalsMeasured';

export const MOMENTS: readonly Moment[] = [
  'preparing',
  'prepared',
  'building',
  'built',
  'searching',
  'measured',
  'finals',
  'finalsMeasured',
];

/** What the load generators of one namespace have to do with: which Qdrant, how fast, and who is told of what they do. */
export interface Scene {
  qdrant: PlayedQdrant;
  /** Between two things a load generator says. */
  paceMs: number;
  /** Awaited before the load generator goes on. */
  onMoment: (moment: Moment, identity: PodIdentity) => Promise<void>;
  readonly started: Started[];
  readonly said: Said[];
  /** Which pod has filled a collection. */
  readonly filled: Map<string, string>;
}
