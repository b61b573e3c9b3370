import { AnswerCounter, type AnswerTally } from '../load/answers.ts';
import type { RecallCounter } from '../evaluate/recall.ts';

/** A tally of so many questions of one named query, to which recalls are given instead of answers. */
export function tallyOf(
  questions: number,
  recalls: readonly (readonly [question: number, recall: number])[] = [],
): AnswerTally {
  const none = {} as RecallCounter;
  const tally = new AnswerCounter([none], [1], new Uint32Array(questions)).tally();
  tally.absorb(recalls.map(([question, recall]) => [question, 1, recall]));
  return tally;
}
