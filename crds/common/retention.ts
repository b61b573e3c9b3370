import { z } from 'zod';
import { mutable } from '../mutability.ts';
import { money } from './money.ts';
import { duration } from './texts.ts';

/** What happens to what we made. */
export const retention = mutable(
  z
    .strictObject({
      onFinish: z
        .enum(['Delete', 'KeepBest', 'Keep'])
        .optional()
        .describe('What happens to the collections we made when the work ends. Default Delete.'),
      onDelete: z
        .enum(['Delete', 'Keep'])
        .optional()
        .describe('What happens to them when the resource is deleted. Default Delete.'),
      maxCost: money(
        'What was kept and is paid for is deleted when it has cost so much more. Counted with pricePerHour, in its currency.',
      ).optional(),
      ttlAfterFinished: duration(
        'How long what was kept stays after the end. The resource and its history are never deleted: GitOps would make it again, and pay again. Default 168h.',
      ).optional(),
    })
    .describe('What happens to what we made.'),
  'KeepsHistory',
);
