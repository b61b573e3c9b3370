import { z } from 'zod';
import { condition, conditions, observedGeneration, time } from '../common/condition.ts';

const collection = z.string().max(255).describe('The collection.');

export const PROMOTION_PHASES = ['Pending', 'AwaitingApproval', 'Building', 'Live', 'RolledBack', 'Failed'] as const;

/** `status` of a QdrantPromotion. */
export const promotionStatusSchema = z
  .strictObject({
    observedGeneration: observedGeneration.optional(),
    phase: z.enum(PROMOTION_PHASES).optional().describe('Where the promotion stands.'),
    conditions: conditions(condition(['Accepted', 'Approved', 'Live', 'Failed'])).optional(),
    current: z
      .strictObject({
        collection,
        model: z.string().max(128).optional().describe('The model its vectors are of.'),
        since: time.optional().describe('When the alias was moved there.'),
      })
      .optional()
      .describe('What the alias points to.'),
    previous: z
      .strictObject({ collection, deleteAt: time.optional().describe('When it is deleted.') })
      .optional()
      .describe('What it pointed to before.'),
  })
  .describe('Where the alias points. Written by the operator.');

export type PromotionStatus = z.output<typeof promotionStatusSchema>;
