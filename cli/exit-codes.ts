import type { Conclusion } from '../operator/sweep/conduct.ts';

/** Exit codes of `qdrant-bench run`, as the contract has them. */
export const EXIT = {
  goalMet: 0,
  goalNotMet: 1,
  invalidInput: 2,
  unreachable: 3,
  resumable: 4,
  ourFault: 70,
} as const;

/** The exit code for how a sweep ended. */
export function exitCode({ stopped, status }: Pick<Conclusion, 'stopped' | 'status'>): number {
  if (stopped) return stoppedExit(stopped);
  const met = status.conditions.some(({ type, status: value }) => type === 'GoalMet' && value === 'True');
  return met ? EXIT.goalMet : EXIT.goalNotMet;
}

/** The exit code for what stopped short: what is wrong with the input, what can be gone on with later, or neither. */
export function stoppedExit(reason: NonNullable<Conclusion['stopped']>): number {
  switch (reason) {
    case 'InvalidSpec':
    case 'DatasetInvalid':
      return EXIT.invalidInput;
    case 'DatasetUnreachable':
    case 'TargetUnreachable':
    case 'StoreUnreachable':
      return EXIT.unreachable;
    case 'Interrupted':
    case 'HistoryLost':
    case 'StoreFull':
    case 'StoreLocked':
      return EXIT.resumable;
    default:
      return EXIT.ourFault;
  }
}
