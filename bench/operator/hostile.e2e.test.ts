import { expect, it } from 'vitest';
import { measureParts, SIZES } from './operator.ts';
import { isAnswer } from './outcomes.ts';

it('refuses or answers sixty sweeps nobody should have written, and works on', { timeout: 240_000 }, async () => {
  const sizes = { ...SIZES, hostile: { objects: 60, seed: 7 } };
  const { figures, problems } = await measureParts(() => undefined, ['hostile'], { sizes });
  const { hostile } = figures;
  expect(problems).toEqual([]);
  expect(hostile).toMatchObject({ unanswered: [], restarts: 0, fatal: 0, worksAfterwards: true });
  const outcomes = Object.entries(hostile.outcomes);
  expect(outcomes.filter(([outcome]) => !isAnswer(outcome))).toEqual([]);
  expect(outcomes.reduce((sum, [, count]) => sum + count, 0)).toBe(60);
  // Some have to come as far as the operator, or nothing of it was tried.
  expect(outcomes.map(([outcome]) => outcome)).toContainEqual(expect.stringMatching(/^not accepted: /));
});
