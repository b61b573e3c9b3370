import type { z } from 'zod';
import { AGE, conditionColumn, resource, type Kind } from '../common/resource.ts';
import { promotionSpecSchema } from './promotion-spec.ts';
import { promotionStatusSchema } from './promotion-status.ts';

/** A QdrantPromotion as a user writes it. */
export const promotionSchema = resource('QdrantPromotion', promotionSpecSchema);

export type QdrantPromotion = z.output<typeof promotionSchema>;

export const PROMOTION: Kind = {
  kind: 'QdrantPromotion',
  plural: 'qdrantpromotions',
  singular: 'qdrantpromotion',
  shortName: 'qpr',
  description:
    'Brings what an experiment found live: it moves an alias to the winner, watches it and goes back when it is worse. A kind of its own, so that experimenting and releasing can be different rights.',
  schema: promotionSchema,
  status: promotionStatusSchema,
  carriedOut: false,
  columns: [
    { name: 'Alias', type: 'string', jsonPath: '.spec.alias', description: 'The alias clients ask.' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Where the promotion stands.' },
    { name: 'Collection', type: 'string', jsonPath: '.status.current.collection', description: 'What it points to.' },
    { name: 'Model', type: 'string', jsonPath: '.status.current.model', description: 'The model of its vectors.' },
    AGE,
    conditionColumn('Approved', 'Approved', 'Whether it may go live, or what is missing.'),
    conditionColumn('Accepted', 'Accepted', 'Whether the spec can be carried out, or why not.'),
  ],
  transitions: [
    {
      rule: 'self.spec.alias == oldSelf.spec.alias',
      message: 'immutable: an alias has one owner; make a new QdrantPromotion instead',
      fieldPath: '.spec.alias',
    },
  ],
};
