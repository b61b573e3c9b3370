import { z } from 'zod';
import { exactlyOneOf } from '../rules.ts';
import { choice, notYet } from '../support.ts';

const arrivals = choice(['Poisson'], ['Constant'])
  .optional()
  .describe(
    'How requests follow one another: Poisson, as from many independent users, or at equal distances. Default Poisson.',
  );

const open = z
  .strictObject({
    arrivals,
    rate: z.number().gt(0).max(1e6).describe('Requests a second, whatever the answers take.'),
    profile: z
      .enum(['Constant', 'Ramp', 'Steps', 'Spike', 'Soak'])
      .optional()
      .describe('How the rate goes over time. Default Constant.'),
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
  open: notYet(open),
  closed: notYet(closed),
};
export const LOAD_KINDS = ['saturation', 'open', 'closed'] as const;

/** How load is offered: exactly one way, and more fields beside it where a kind has them. */
export const load = <More extends z.core.$ZodLooseShape>(description: string, more: More) =>
  exactlyOneOf(z.strictObject({ ...BRANCHES, ...more }), LOAD_KINDS).describe(description);
