import { describe, expect, it } from 'vitest';
import type { Reason, Verdict } from '../operator/judge/verdict.ts';
import { errorExit, verdictExit } from './tool-exit.ts';

describe('exit codes of load and ingest', () => {
  it.each<[Verdict, Reason, number]>([
    ['Passed', 'ConstraintsMet', 0],
    ['Failed', 'RecallTooLow', 1],
    ['Inconclusive', 'ClientLimited', 1],
    ['Error', 'ServerErrors', 1],
    ['Error', 'TargetUnreachable', 3],
  ])('%s %s is %i', (verdict, reason, code) => expect(verdictExit({ verdict, reason })).toBe(code));

  it.each([
    ['DatasetInvalid', 2],
    ['DatasetChanged', 2],
    ['TargetUnreachable', 3],
    ['DatasetUnreachable', 3],
    ['BuildFailed', 1],
    ['ServerErrors', 1],
    ['Internal', 70],
  ] as const)('%s is %i', (reason, code) => expect(errorExit({ reason })).toBe(code));
});
