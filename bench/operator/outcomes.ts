import type { SeenStatus } from './sight.ts';

/** What a status says became of its sweep. Pure. */
export function outcomeOf({ phase, conditions = [] }: SeenStatus): string {
  const accepted = conditions.find(({ type }) => type === 'Accepted');
  if (accepted?.status === 'False') return `not accepted: ${accepted.reason}`;
  const failed = conditions.find(({ type, status }) => type === 'Failed' && status === 'True');
  if (phase === 'Failed') return failed ? `failed: ${failed.reason}` : 'Failed without a reason';
  // Said, and tried again, but nobody thought of it: somebody should.
  if (conditions.some(({ reason }) => reason === 'Internal')) return 'not foreseen';
  return accepted?.status === 'True' ? 'valid' : 'not judged';
}

const ANSWERS = ['refused: Invalid', 'refused: BadRequest', 'not accepted: ', 'failed: ', 'valid'];

/** Whether somebody could know from it what became of an object. Pure. */
export const isAnswer = (outcome: string): boolean => ANSWERS.some((answer) => outcome.startsWith(answer));
