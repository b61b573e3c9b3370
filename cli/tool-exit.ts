import type { LoadReport } from '../loadgen/tool/load-report.ts';
import type { JobError } from '../loadgen/job-error.ts';
import { EXIT } from './exit-codes.ts';

/** The exit code of `load` and `ingest` for what they found. */
export function verdictExit({ verdict, reason }: Pick<LoadReport, 'verdict' | 'reason'>): number {
  if (verdict === 'Passed') return EXIT.goalMet;
  return reason === 'TargetUnreachable' ? EXIT.unreachable : EXIT.goalNotMet;
}

/** The exit code for why they could not go on. */
export function errorExit({ reason }: Pick<JobError, 'reason'>): number {
  switch (reason) {
    case 'DatasetInvalid':
    case 'DatasetChanged':
      return EXIT.invalidInput;
    case 'TargetUnreachable':
    case 'DatasetUnreachable':
      return EXIT.unreachable;
    case 'Internal':
      return EXIT.ourFault;
    default:
      return EXIT.goalNotMet;
  }
}
