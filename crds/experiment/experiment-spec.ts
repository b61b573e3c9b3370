import { z } from 'zod';
import { budget } from '../common/budget.ts';
import { corpus } from '../common/corpus.ts';
import { judge } from '../common/judge.ts';
import { latency } from '../common/latency.ts';
import { listByKey } from '../common/lists.ts';
import { money } from '../common/money.ts';
import { parameters } from '../common/parameter.ts';
import { retention } from '../common/retention.ts';
import { target } from '../common/target.ts';
import { schedule } from '../common/texts.ts';
import { mutable } from '../mutability.ts';
import { withRule } from '../rules.ts';
import { arm } from './arm.ts';
import { evaluation } from './evaluation.ts';

const explore = z
  .strictObject({
    maxArms: z.int().min(1).max(64).optional().describe('Most arms to add. Default 8.'),
    parameters: parameters(
      'What may vary, by the path inside an arm, such as chunking.size or retrieval.candidates.',
    ).optional(),
  })
  .describe('Let the judge add arms of its own, each one of yours with something changed. Omitted: only yours.');

const constraints = z
  .strictObject({
    latency: latency.optional(),
    embeddingCost: z
      .strictObject({ max: money('Most that embedding the corpus may cost.') })
      .optional()
      .describe('Limit of what embedding costs.'),
  })
  .describe('An arm that breaks one of these cannot win.');

const recheck = z
  .strictObject({
    schedule: schedule('When to evaluate again, as a crontab has it, in UTC.'),
    breaches: z.int().min(1).max(100).optional().describe('Bad results in a row that count as drift. Default 3.'),
  })
  .describe('Watch for drift: evaluate the winner again from time to time; condition Drifted says what came of it.');

/** `spec` of an EmbeddingExperiment. Every optional field has the default its description states. */
export const experimentSpecSchema = mutable(
  withRule(
    z.strictObject({
      suspend: z.boolean().optional().describe('true: start nothing new, let what runs finish. Default false.'),
      target,
      retention: retention.optional(),
      corpus: mutable(corpus, 'UntilPrepared'),
      arms: mutable(
        listByKey(arm, 'name', 16)
          .min(1)
          .describe('The ways to be compared. A changed arm is built and evaluated again.'),
        'KeepsHistory',
      ),
      explore: explore.optional(),
      evaluation,
      constraints: constraints.optional(),
      judge: judge.optional(),
      reuse: z
        .enum(['IfUnchanged', 'Never'])
        .optional()
        .describe(
          'Whether a collection of the same namespace, corpus, chunking, embedder and index is used again. Default IfUnchanged.',
        ),
      recheck: recheck.optional(),
      budget: budget({}).optional(),
      parallelism: z.int().min(1).max(64).optional().describe('Arms built at once. Default 1.'),
    }),
    {
      rule: 'self.arms.exists(arm, arm.name == self.evaluation.baseline)',
      message: 'evaluation.baseline must be the name of an arm; correct it or add that arm',
      holds: ({ arms, evaluation }) => arms.some(({ name }) => name === evaluation.baseline),
    },
  ).describe('Which ways to find documents to compare, on what, and within which budget.'),
  'KeepsHistory',
);

export type ExperimentSpec = z.output<typeof experimentSpecSchema>;
