import type { SweepSpec } from '../../crds/sweep/sweep-spec.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import type { KubeObject } from '../runtime/kube.ts';
import type { Target } from '../targets/target.ts';
import type { SweepPorts } from './ports.ts';

/** The adapters of one sweep. */
export interface SweepWorld extends Pick<SweepPorts, 'surroundings' | 'alone' | 'datasetSecrets'> {
  target: Target;
  jobs: JobRunner & {
    /** Ends every job of the sweep. */
    discardAll(signal: AbortSignal): Promise<void>;
    /** Deletes the prepared dataset; whoever needs it again prepares it again. */
    forgetDataset(signal: AbortSignal): Promise<void>;
  };
}

/** Makes the adapters of a sweep, by what its spec says of them. @throws {SweepStopped} InvalidSpec when it names what it may not use. */
export type WorldOf = (
  spec: Pick<SweepSpec, 'target' | 'retention' | 'loadgen'>,
  object: KubeObject,
  signal: AbortSignal,
  onWait: (source: string, why: string | undefined) => void,
) => Promise<SweepWorld>;
