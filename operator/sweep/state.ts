import type { FinalsJob, Job, MeasureJob } from '../../loadgen/protocol.ts';
import type { RunRole } from '../judge/history.ts';
import type { Parameters } from '../judge/configuration.ts';
import type { Proposal, Study } from '../judge/study.ts';
import type { SweepSettings } from './settings.ts';

/** An attempt's collection that may still be on the target. */
export interface KnownCollection {
  run: string;
  attempt: number;
  collection: string;
  /** Whether the target has it. */
  exists: boolean;
}

/** Everything a decision rests on. */
export interface Observed {
  settings: SweepSettings;
  /** The history key: ids are made from it. */
  key: string;
  /** Space, constraints, history: what the judge sees. */
  study: Study;
  collections: readonly KnownCollection[];
  /** A job that an earlier process started and nobody has heard to its end. */
  pending: Job | undefined;
  /** Seconds since the sweep began. */
  elapsedSeconds: number;
}

/** One of the two searches that are measured again, interleaved. */
export interface FinalArm {
  run: string;
  collection: string;
  build: Parameters;
  search: Parameters;
  /** Ids of repeats 1 … repeats. */
  ids: string[];
  /** Rate (1/s) the sweep found for it, if it did. */
  startRate?: number;
}

/** The next thing to do. Carrying one out twice does no harm. */
export type Decision =
  /** Listen on to a job that runs already. */
  | { action: 'Attend'; job: MeasureJob | FinalsJob }
  /** End a job whose results nobody wants any more: the sweep has become another since. */
  | { action: 'Discard'; job: Job }
  | { action: 'Clean'; collections: readonly KnownCollection[] }
  | {
      action: 'Build';
      role: RunRole;
      run: string;
      build: Parameters;
      /** `Measure`: the planned searches. `Restore`: only the collection is needed again, everything on it was measured. */
      purpose: 'Measure' | 'Restore';
      proposal?: Proposal;
    }
  | { action: 'Finals'; arms: FinalArm[] }
  | { action: 'Finish'; phase: 'Completed' | 'Suspended'; goalMet: boolean; reason: string; message: string };
