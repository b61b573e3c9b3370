import { z } from 'zod';
import { PROFILES } from './profiles.ts';
import { exactlyOneOf } from '../rules.ts';

const arrivals = z
  .enum(['Poisson', 'Constant'])
  .optional()
  .describe(
    'How requests follow one another: Poisson, as from many independent users, or at equal distances. Default Poisson.',
  );

const open = z
  .strictObject({
    arrivals,
    rate: z.number().gt(0).max(1e6).describe('Requests a second, whatever the answers take; of a profile the highest.'),
    profile: z
      .enum(PROFILES)
      .optional()
      .describe(
        'How the rate goes over the window. Constant: it stands still. Ramp: from a tenth to the whole, in a straight line. Steps: a quarter, half, three quarters and the whole, a quarter of the window each. Spike: a quarter, and the whole from two to three fifths of the window. Soak: as Constant, for hours. Default Constant.',
      ),
  })
  .describe('A given rate. Latency counts from the scheduled start of each request.');

const closed = z
  .strictObject({
    concurrency: z.int().min(1).max(10_000).describe('Clients that each wait for their answer before they ask again.'),
  })
  .describe(
    'A given number of clients, to compare with tools that measure so. It hides waiting, and its numbers are labelled.',
  );

const BRANCHES = {
  saturation: z
    .strictObject({ arrivals })
    .optional()
    .describe('Find the highest rate that still meets the constraints. Throughput and cost per query need it.'),
  open: open.optional(),
  closed: closed.optional(),
};
export const LOAD_KINDS = ['saturation', 'open', 'closed'] as const;

/** How load is offered: exactly one way, and more fields beside it where a kind has them. */
export const load = <More extends z.core.$ZodLooseShape>(description: string, more: More) =>
  exactlyOneOf(z.strictObject({ ...BRANCHES, ...more }), LOAD_KINDS).describe(description);
