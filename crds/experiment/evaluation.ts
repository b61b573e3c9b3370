import { z } from 'zod';
import { setOf } from '../common/lists.ts';
import { load } from '../common/load.ts';
import { dnsLabel, duration } from '../common/texts.ts';
import { withRule } from '../rules.ts';

/** A metric of retrieval, as trec_eval defines them; `judged` and `diversity` are ours. */
export const retrievalMetric = (description: string) =>
  z
    .string()
    .max(32)
    .regex(
      /^((ndcg|recall|precision|mrr|hit|judged)@[1-9][0-9]{0,3}|map|diversity)$/,
      'must be ndcg@k, recall@k, precision@k, mrr@k, hit@k, judged@k, map or diversity, such as ndcg@10',
    )
    .describe(description);

/** How arms are compared. */
export const evaluation = withRule(
  z.strictObject({
    metrics: setOf(retrievalMetric('One of them.'), 16)
      .min(1)
      .optional()
      .describe('What to measure. Default: ndcg@10, recall@100, mrr@10 and the primary one.'),
    primary: retrievalMetric('The metric that decides.'),
    baseline: dnsLabel('The arm all others are compared with.'),
    split: z
      .strictObject({
        confirm: z.number().gt(0).lt(1).describe('Share of the queries held out of exploring, used once to confirm.'),
      })
      .optional()
      .describe(
        'Queries kept aside, so that what is found by trying much is not luck. Omitted: none without explore, half with it.',
      ),
    significance: z
      .strictObject({
        test: z
          .enum(['Randomization', 'Sign', 'PairedT', 'Bootstrap'])
          .optional()
          .describe('Paired test over the queries. Default Randomization.'),
        level: z
          .number()
          .gt(0)
          .max(0.5)
          .optional()
          .describe('Largest p-value that counts as significant. Default 0.05.'),
        correction: z
          .enum(['Holm', 'None'])
          .optional()
          .describe('What is done about comparing many arms. Default Holm.'),
      })
      .optional()
      .describe('When a difference counts.'),
    nonInferiority: z
      .strictObject({
        margin: z.number().gt(0).max(1).describe('How much less of the primary metric a cheaper arm may have.'),
      })
      .optional()
      .describe('A cheaper arm may win when it is not worse by more than this.'),
    load: load(
      'Measure latency under load as well: exactly one of saturation, open, closed. Omitted: not under load.',
      {
        duration: duration('One measuring window. Default 10s.', { min: '100ms', max: '24h' }).optional(),
      },
    ).optional(),
  }),
  {
    rule: '!has(self.metrics) || self.primary in self.metrics',
    message: 'primary must be one of metrics; add it there',
    holds: ({ metrics, primary }) => metrics === undefined || metrics.includes(primary),
  },
).describe('How arms are compared.');
