import { describe, expect, it } from 'vitest';
import type { Conclusion } from '../operator/sweep/conduct.ts';
import { exitCode } from './exit-codes.ts';

const ended = (goalMet: 'True' | 'False' | undefined, stopped?: Conclusion['stopped']) =>
  exitCode({
    ...(stopped ? { stopped } : {}),
    status: { conditions: goalMet ? [{ type: 'GoalMet', status: goalMet }] : [] },
  } as unknown as Conclusion);

describe('exitCode', () => {
  it('says whether the goal was met', () => {
    expect(ended('True')).toBe(0);
    expect(ended('False')).toBe(1);
    expect(ended(undefined)).toBe(1);
  });

  it.each<[NonNullable<Conclusion['stopped']>, number]>([
    ['InvalidSpec', 2],
    ['DatasetInvalid', 2],
    ['DatasetUnreachable', 3],
    ['TargetUnreachable', 3],
    ['StoreUnreachable', 3],
    ['Interrupted', 4],
    ['HistoryLost', 4],
    ['StoreFull', 4],
    ['StoreLocked', 4],
    ['StoreCorrupt', 70],
    ['Internal', 70],
  ])('%s is %i, whatever was met before', (reason, code) => {
    expect(ended('True', reason)).toBe(code);
  });
});
