import { z } from 'zod';
import { mutable } from '../mutability.ts';
import { notYet } from '../support.ts';
import { money } from './money.ts';
import { duration } from './texts.ts';

/** What may be spent, and more fields beside it where a kind has them. */
export const budget = <More extends z.core.$ZodLooseShape>(more: More) =>
  mutable(
    z
      .strictObject({
        ...more,
        duration: duration('Most time from the start; work under way is finished.').optional(),
        cost: notYet(money('Most that may be spent on clusters and APIs that are paid for.')),
      })
      .describe('What may be spent. What is spent already counts when it is changed.'),
    'KeepsHistory',
  );
