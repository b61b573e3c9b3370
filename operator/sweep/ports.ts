import type { Logger } from 'pino';
import type { DatasetSpec } from '../../crds/sweep/sweep-spec.ts';
import type { ProgressMessage } from '../../loadgen/protocol.ts';
import type { RunRole, SearchRecord } from '../judge/history.ts';
import type { Parameters } from '../judge/configuration.ts';
import type { JobRunner, JobSecret } from '../jobs/job-runner.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { Target } from '../targets/target.ts';

/** What happens in a sweep, for whoever watches: the CLI's progress, a Kubernetes event. Losing one is harmless. */
export type SweepEvent =
  | { type: 'phase'; message: string }
  | { type: 'progress'; progress: ProgressMessage }
  | {
      type: 'run';
      role: RunRole;
      run: string;
      build: Parameters;
      number: number;
      of: number;
      attempt: number;
      why: string;
    }
  | { type: 'search'; search: SearchRecord }
  | { type: 'attemptFailed'; run: string; attempt: number; message: string }
  | { type: 'finals'; arms: number; repeats: number };

/** The world around the core. */
export interface SweepPorts {
  store: RunStore;
  target: Target;
  jobs: JobRunner;
  now: () => Date;
  log: Logger;
  onEvent: (event: SweepEvent) => void;
  /**
   * Looks at what surrounds a measurement: pressure on nodes, throttling of pods. The function it resolves to looks again
   * and tells what happened in between, for the run's record.
   */
  surroundings?: (signal: AbortSignal) => Promise<(signal: AbortSignal) => Promise<unknown>>;
  /**
   * What fetching a dataset needs besides its description, by environment variable.
   * @throws {SweepStopped} InvalidSpec when it names what it may not use.
   */
  datasetSecrets?: (dataset: DatasetSpec, signal: AbortSignal) => Promise<Readonly<Record<string, JobSecret>>>;
  /** Resolves when nobody else measures on the target, to what lets others have it. Absent where nobody else can. */
  alone?: (signal: AbortSignal) => Promise<() => Promise<void>>;
}

/** Why a sweep cannot go on; `reason` is the condition's reason. */
export class SweepStopped extends Error {
  override readonly name = 'SweepStopped';
  readonly reason:
    | 'InvalidSpec'
    | 'DatasetInvalid'
    | 'DatasetUnreachable'
    | 'TargetUnreachable'
    /** The record has less than was reported once: a database restored, or another one. */
    | 'HistoryLost'
    | 'Internal';
  /** What is wrong lies outside of the spec, and may be mended without it being touched. */
  readonly mendable: boolean;
  constructor(reason: SweepStopped['reason'], message: string, options: { cause?: unknown; mendable?: boolean } = {}) {
    super(message, options);
    this.reason = reason;
    this.mendable = options.mendable ?? (reason.endsWith('Unreachable') || reason === 'HistoryLost');
  }
}
