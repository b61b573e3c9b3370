import { z } from 'zod';
import {
  condition,
  conditions,
  MAX_CONDITION_MESSAGE,
  MAX_MESSAGE,
  message,
  observedGeneration,
  reason,
  time,
} from '../common/condition.ts';
import { paidResources, spent, verdict } from '../common/figures.ts';
import { listOf } from '../common/lists.ts';
import { MAX_METRICS, measuredConfigurationSchema, nextConfigurationSchema } from '../common/measured-configuration.ts';
import { written } from '../support.ts';

/**
 * `status` of a QdrantSweep: bounded (< 64 KiB), a summary of the history, which lives in the record.
 * Lists carry their bounds here, so that whoever writes status knows where to cut.
 */
export const STATUS_BOUNDS = {
  frontier: 16,
  nextConfigurations: 8,
  recentRuns: 10,
  metrics: MAX_METRICS,
  message: MAX_MESSAGE,
  conditionMessage: MAX_CONDITION_MESSAGE,
} as const;

const conditionSchema = condition(['Accepted', 'TargetReady', 'DatasetReady', 'GoalMet', 'Failed']);

const phaseSchema = z.enum(['Pending', 'Preparing', 'Running', 'Suspended', 'Completed', 'Failed']);

/** The figures `kubectl get` shows: rounded, with their unit, since a column cannot round. */
const summary = z
  .strictObject({
    progress: z.string().max(32).optional().describe('Builds done, of the budget: 3/12.'),
    recall: z.string().max(32).optional().describe('Recall of the best so far: 0.962.'),
    throughput: z.string().max(32).optional().describe('Throughput of the best so far: 812/s.'),
    latencyP95: z.string().max(32).optional().describe('95th percentile of latency of the best so far: 11.8ms.'),
    cost: z.string().max(32).optional().describe('Spent so far: 0.61 USD.'),
  })
  .describe('The figures kubectl get shows, rounded.');

const progress = z
  .strictObject({
    builds: z.int().min(0).describe('Builds done, the baseline included.'),
    maxBuilds: z.int().min(0).describe('Builds the budget allows.'),
    searches: z.int().min(0).describe('Searches measured on them.'),
    running: z.int().min(0).describe('Builds under way.'),
    failed: z.int().min(0).describe('Builds that failed.'),
    inconclusive: z.int().min(0).describe('Builds that gave no number one can trust.'),
    estimatedCompletionAt: time.optional().describe('When the budget will be spent, at this pace.'),
  })
  .describe('How far it has come.');

const environment = z
  .strictObject({
    qdrantVersion: z.string().max(64).optional().describe('Version of the Qdrant measured.'),
    datasetDigest: z.string().max(80).optional().describe('Digest of the prepared dataset.'),
    operatorVersion: z.string().max(32).optional().describe('Version of the operator, where it is not benchVersion.'),
    benchVersion: written(z.string().max(32).describe('Version of Qdrant Bench.')),
    judgeVersion: written(z.string().max(32).describe('Version of the judge: it changes when proposals do.')),
    target: z.string().max(256).describe('The target, for people.'),
    historyKey: z.string().max(80).optional().describe('The key this history is kept under in the record.'),
    notes: written(
      listOf(message.describe('One of them.'), 16).describe('What to know when comparing these numbers with others.'),
    ),
  })
  .describe('What the numbers were measured with.');

const assessment = z
  .strictObject({
    summary: message.describe('What was found out, for people.'),
    source: z.enum(['Rules', 'LLM']).describe('Who says so.'),
    report: z.string().max(256).optional().describe('Where the long report is, in the record.'),
  })
  .describe('What was found out, in words.');

const recentRun = z.strictObject({
  run: z.string().max(64).describe('Id of the run.'),
  summary: z.string().max(512).describe('The settings built.'),
  verdict: verdict.optional().describe('How it was judged.'),
  reason: reason.optional().describe('Why, in one word.'),
  message: message.optional().describe('Why, for people.'),
  startedAt: time.describe('When it began.'),
  finishedAt: time.optional().describe('When it ended.'),
});

export const sweepStatusSchema = z
  .strictObject({
    observedGeneration: written(observedGeneration),
    phase: written(phaseSchema.describe('Where the sweep stands.')),
    summary: summary.optional(),
    conditions: written(conditions(conditionSchema)),
    startedAt: time.optional().describe('When the sweep was first worked on.'),
    finishedAt: time.optional().describe('When it ended.'),
    progress: written(progress),
    spent: spent({}).optional(),
    environment: written(environment),
    resources: paidResources.optional(),
    baseline: measuredConfigurationSchema.optional().describe("Qdrant's defaults, always measured first."),
    best: measuredConfigurationSchema.optional().describe('The best configuration that meets every constraint.'),
    nearestMiss: measuredConfigurationSchema
      .optional()
      .describe('When nothing passed: the measured configuration nearest to passing.'),
    frontier: written(
      listOf(measuredConfigurationSchema, STATUS_BOUNDS.frontier).describe(
        'With several objectives: what no other configuration beats in all of them.',
      ),
    ),
    nextConfigurations: written(
      listOf(nextConfigurationSchema, STATUS_BOUNDS.nextConfigurations).describe(
        'What is worth trying next, best first; written also when the budget is spent.',
      ),
    ),
    assessment: assessment.optional(),
    recentRuns: written(
      listOf(recentRun, STATUS_BOUNDS.recentRuns).describe(
        'The last runs, newest first; all of them are in the record.',
      ),
    ),
  })
  .describe('What was found out so far. Written by the operator; the full history is in its record.');

export type SweepStatus = z.output<typeof sweepStatusSchema>;
/** Whether a sweep has come to its own end. */
export const isFinished = (phase: unknown): boolean => phase === 'Completed' || phase === 'Failed';
/** Whether nobody works on a sweep in this phase: it has come to its end, or is suspended. */
export const hasEnded = (phase: unknown): boolean => isFinished(phase) || phase === 'Suspended';

export type SweepPhase = z.output<typeof phaseSchema>;
export type Condition = z.output<typeof conditionSchema>;
export type MeasuredConfiguration = z.output<typeof measuredConfigurationSchema>;
