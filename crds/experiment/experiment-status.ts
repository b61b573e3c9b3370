import { z } from 'zod';
import { condition, conditions, message, observedGeneration, reason, time } from '../common/condition.ts';
import { expectedMetric, metric, paidResources, spent, verdict } from '../common/figures.ts';
import { listByKey, listOf, verbatim } from '../common/lists.ts';
import { MAX_METRICS } from '../common/measured-configuration.ts';

const armName = (description: string) => z.string().max(63).describe(description);

const arm = z.strictObject({
  name: armName('Name of the arm.'),
  source: z.enum(['Spec', 'Judge']).describe('Who added it.'),
  phase: z.enum(['Pending', 'Building', 'Ready', 'Evaluated', 'Failed']).describe('Where the arm stands.'),
  collection: z.string().max(255).optional().describe('Its collection.'),
  reused: z.boolean().optional().describe('Whether the collection was there before.'),
  points: z.int().min(0).optional().describe('Points in it.'),
  metrics: listOf(metric, MAX_METRICS).optional().describe('What was measured.'),
  reason: reason.optional().describe('Why it stands there, in one word.'),
  message: message.optional().describe('Why, for people.'),
});

const count = (description: string) => z.int().min(0).describe(description);

const comparison = z.strictObject({
  arm: armName('The arm.'),
  baseline: armName('What it is compared with.'),
  metric: z.string().max(63).describe('By which metric.'),
  queries: count('Queries both answered.'),
  difference: z.number().describe('Mean difference; above 0: the arm is better.'),
  low: z.number().optional().describe('Lower end of its 95 % confidence interval.'),
  high: z.number().optional().describe('Upper end of its 95 % confidence interval.'),
  pValue: z.number().min(0).max(1).optional().describe('How likely so large a difference is by chance, corrected.'),
  effectSize: z.number().optional().describe('Difference ÷ its standard deviation over the queries.'),
  detectable: z.number().min(0).optional().describe('Smallest difference so many queries could show.'),
  significant: z.boolean().describe('Whether the difference counts.'),
  wins: count('Queries the arm answered better.').optional(),
  losses: count('Queries it answered worse.').optional(),
  ties: count('Queries without a difference.').optional(),
});

const winner = z
  .strictObject({
    arm: armName('The arm.'),
    by: z.enum(['Quality', 'Cost']).describe('It is better, or as good and cheaper.'),
    verdict: verdict.describe('Whether the constraints hold.'),
    reason: reason.describe('Why, in one word.'),
    message: message.describe('Why, with the numbers compared.'),
  })
  .describe('The arm to use.');

const nextArm = z.strictObject({
  configuration: z
    .strictObject({
      arm: verbatim(16).describe('The arm, ready to be pasted into spec.arms.'),
      summary: z.string().max(512).describe('The same in one line.'),
    })
    .describe('The arm to try.'),
  source: z.enum(['Start', 'Rule', 'Model', 'LLM']).describe('Who proposes it.'),
  change: z.enum(['SearchOnly', 'Recreate', 'NewTarget']).describe('What trying it takes.'),
  expected: listOf(expectedMetric, 8).optional().describe('What it is expected to measure.'),
  probabilityFeasible: z.number().min(0).max(1).optional().describe('How likely the constraints hold, from 0 to 1.'),
  rationale: message.describe('Why it is worth a try.'),
});

export const EXPERIMENT_PHASES = ['Pending', 'Preparing', 'Running', 'Suspended', 'Completed', 'Failed'] as const;

/** `status` of an EmbeddingExperiment: bounded (< 64 KiB), a summary of the record. */
export const experimentStatusSchema = z
  .strictObject({
    observedGeneration: observedGeneration.optional(),
    phase: z.enum(EXPERIMENT_PHASES).optional().describe('Where the experiment stands.'),
    conditions: conditions(
      condition(['Accepted', 'TargetReady', 'CorpusReady', 'GoalMet', 'Drifted', 'Failed']),
    ).optional(),
    startedAt: time.optional().describe('When the experiment was first worked on.'),
    finishedAt: time.optional().describe('When it ended.'),
    progress: z
      .strictObject({
        arms: count('Arms there are.'),
        ready: count('Arms whose collection is ready.'),
        building: count('Arms whose collection is being made.'),
        failed: count('Arms that failed.'),
        queries: count('Queries they are evaluated with.'),
      })
      .optional()
      .describe('How far it has come.'),
    spent: spent({ embeddedTokens: count('Tokens embedded.').optional() }).optional(),
    environment: z
      .strictObject({
        qdrantVersion: z.string().max(64).optional().describe('Version of the Qdrant used.'),
        corpusDigest: z.string().max(80).optional().describe('Digest of the prepared corpus.'),
        operatorVersion: z.string().max(32).optional().describe('Version of the operator.'),
        target: z.string().max(256).optional().describe('The target, for people.'),
      })
      .optional()
      .describe('What the numbers were measured with.'),
    resources: paidResources.optional(),
    arms: listByKey(arm, 'name', 80).optional().describe('The arms, one entry each.'),
    comparisons: listOf(comparison, 64).optional().describe('Each arm against the baseline.'),
    winner: winner.optional(),
    nextConfigurations: listOf(nextArm, 8).optional().describe('Arms worth trying next, best first.'),
  })
  .describe('What was found out so far. Written by the operator; the full history is in its record.');

export type ExperimentStatus = z.output<typeof experimentStatusSchema>;
