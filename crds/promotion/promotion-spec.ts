import { z } from 'zod';
import { fileSource } from '../common/source.ts';
import { dnsLabel, duration } from '../common/texts.ts';
import { retrievalMetric } from '../experiment/evaluation.ts';
import { mutable } from '../mutability.ts';
import { exactlyOneOf, withRule } from '../rules.ts';

const from = withRule(
  exactlyOneOf(
    z.strictObject({
      experiment: dnsLabel('An EmbeddingExperiment in the same namespace: its winner goes live.').optional(),
      arm: dnsLabel('This arm of the experiment instead of its winner.').optional(),
      sweep: dnsLabel(
        'A QdrantSweep in the same namespace whose dataset is a live collection: its best configuration goes live.',
      ).optional(),
    }),
    ['experiment', 'sweep'],
  ),
  {
    rule: '!has(self.arm) || has(self.experiment)',
    message: 'arm needs experiment; add it or remove arm',
    holds: ({ arm, experiment }) => arm === undefined || experiment !== undefined,
  },
).describe('What goes live: exactly one of experiment, sweep.');

const guard = z
  .strictObject({
    metric: retrievalMetric('The metric to watch.'),
    probeQueries: fileSource('Queries with judgements to ask, one a line as JSON.'),
    window: duration('How long to watch. Default 15m.', { min: '1m', max: '168h' }).optional(),
    margin: z.number().gt(0).max(1).optional().describe('How much worse than before is too much. Default 0.02.'),
  })
  .describe('Watch what went live; when it is worse, the alias goes back. Omitted: nothing is watched.');

/** `spec` of a QdrantPromotion. Every optional field has the default its description states. */
export const promotionSpecSchema = mutable(
  z
    .strictObject({
      alias: mutable(
        z
          .string()
          .min(1)
          .max(255)
          .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'must be the name of an alias: letters, digits, and . _ -')
          .describe('The alias clients ask. One owner per alias and target. Immutable.'),
        'Immutable',
      ),
      from,
      approval: z
        .enum(['Manual', 'WhenSignificant'])
        .optional()
        .describe(
          'Manual: waits for the annotation qdrantbench.io/approved. WhenSignificant: goes live when the winner is significantly better. Default Manual.',
        ),
      allowModelChange: z
        .boolean()
        .optional()
        .describe(
          "Whether the model may be another than before. true only when clients are ready: the alias's model and prompts are published in a ConfigMap. Default false.",
        ),
      guard: guard.optional(),
      keepPrevious: duration('How long the collection before is kept, to go back to. Default 24h.', {
        min: '0s',
      }).optional(),
    })
    .describe('Which alias to move where, and when.'),
  'KeepsHistory',
);

export type PromotionSpec = z.output<typeof promotionSpecSchema>;
