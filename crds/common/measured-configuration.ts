import { z } from 'zod';
import { written } from '../support.ts';
import { message, reason } from './condition.ts';
import { expectedMetric, metric, verdict } from './figures.ts';
import { listOf, mapOf, verbatim } from './lists.ts';

export const MAX_METRICS = 32;

const configuration = z.strictObject({
  collection: verbatim(64).describe(
    "Paste into Qdrant's create-collection call; only what differs from Qdrant's defaults.",
  ),
  search: verbatim(64).describe("Paste into a query's params."),
  summary: z.string().max(512).describe('The same in one line.'),
});

/** A measured configuration: best, baseline and the frontier share this shape. */
export const measuredConfigurationSchema = z.strictObject({
  configuration: written(configuration.describe('The settings, ready to be pasted.')),
  metrics: written(listOf(metric, MAX_METRICS).describe('What was measured with them.')),
  verdict: written(verdict.describe('Whether the constraints hold.')),
  reason: written(reason.describe('Why, in one word.')),
  message: written(message.describe('Why, with the numbers compared.')),
  constraints: written(
    listOf(
      z.strictObject({
        name: z.string().max(63).describe('The metric the constraint is about.'),
        verdict: verdict.describe('Whether it holds.'),
        value: z.number().optional().describe('What was measured.'),
        bound: z.number().describe('What was asked for.'),
      }),
      16,
    ).describe('Each constraint with what was measured.'),
  ),
  predictionError: mapOf(z.number().describe('Measured ÷ predicted − 1.'), { entries: 8, key: 63 })
    .optional()
    .describe('How far the prediction was off, by metric.'),
  run: written(z.string().max(64).describe('The run that measured it.')),
});

/** A configuration worth trying, with what speaks for it. */
export const nextConfigurationSchema = z.strictObject({
  configuration: configuration.describe('The settings to try.'),
  source: z.enum(['Start', 'Rule', 'Model', 'LLM']).describe('Who proposes it.'),
  change: z.enum(['SearchOnly', 'Recreate', 'NewTarget']).describe('What trying it takes.'),
  expected: listOf(expectedMetric, 8).describe('What it is expected to measure.'),
  probabilityFeasible: z.number().min(0).max(1).optional().describe('How likely the constraints hold, from 0 to 1.'),
  rationale: message.describe('Why it is worth a try.'),
});
