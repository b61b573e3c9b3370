import { z } from 'zod';
import { listOf } from './lists.ts';
import { time } from './condition.ts';
import { money } from './money.ts';

/** A measured value with its 95 % interval. */
export const metric = z.strictObject({
  name: z.string().max(63).describe('Name of the metric.'),
  value: z.number().describe('What was measured.'),
  low: z.number().optional().describe('Lower end of the 95 % confidence interval.'),
  high: z.number().optional().describe('Upper end of the 95 % confidence interval.'),
  unit: z.string().max(16).optional().describe('Unit of the value.'),
  source: z.string().max(128).optional().describe('Where the value was read.'),
  query: z.string().max(63).optional().describe('The named query it is of. Absent: of all together.'),
});

/** A value that was not measured yet. */
export const expectedMetric = z.strictObject({
  name: z.string().max(63).describe('Name of the metric.'),
  value: z.number().describe('The value expected.'),
});

export const verdict = z.enum(['Passed', 'Failed', 'Inconclusive', 'Error']);

/** What was spent, and more beside it where a kind counts more. */
export const spent = <More extends z.core.$ZodLooseShape>(more: More) =>
  z
    .strictObject({
      cost: money('Clusters, and APIs that are paid for.').optional(),
      llm: money('Of that, for asking language models.').optional(),
      since: time.optional().describe('When counting began.'),
      ...more,
    })
    .describe('What was spent so far.');

/** What we made and somebody pays for: enough to stop the spending even when the record is away. */
export const paidResources = listOf(
  z.strictObject({
    kind: z.string().max(63).describe('What it is, such as QdrantCloudCluster.'),
    id: z.string().max(128).describe('Its id where it runs.'),
    pricePerHour: z.string().max(32).optional().describe('What an hour of it costs.'),
    deleteBy: time.optional().describe('When it is deleted at the latest.'),
  }),
  16,
).describe('What we made that costs money while it is there.');
