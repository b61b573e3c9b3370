import { StoreError } from '../runs/run-store.ts';
import { TargetError } from '../targets/target.ts';
import type { Conclusion } from './conduct.ts';
import { SweepStopped } from './ports.ts';

/** Whether the same would come of trying again: what a spec or dataset is, and what has been tried often enough. */
export function isFinal(error: unknown): boolean {
  if (error instanceof SweepStopped) return !error.mendable;
  return error instanceof TargetError && error.reason !== 'TargetUnreachable';
}

/** What stopped a sweep: the reason for its status, the sentence for people. */
export function explain(
  error: unknown,
  signal: AbortSignal,
): { reason: NonNullable<Conclusion['stopped']>; message: string; failed: boolean } {
  if (signal.aborted)
    return { reason: 'Interrupted', message: 'interrupted; run the same command again to go on', failed: false };
  if (error instanceof SweepStopped) return { reason: error.reason, message: error.message, failed: true };
  if (error instanceof StoreError) return { reason: error.reason, message: error.message, failed: false };
  if (error instanceof TargetError) {
    const reasons = { TargetUnreachable: 'TargetUnreachable', Refused: 'InvalidSpec', NameTaken: 'Internal' } as const;
    return { reason: reasons[error.reason], message: error.message, failed: true };
  }
  return { reason: 'Internal', message: error instanceof Error ? error.message : String(error), failed: true };
}
