import { z } from 'zod';

/**
 * `status` of a QdrantSweep: bounded (< 64 KiB), a summary of the history, which lives in the record.
 * Lists carry their bounds here, so that whoever writes status knows where to cut.
 */
export const STATUS_BOUNDS = {
  frontier: 16,
  nextConfigurations: 8,
  recentRuns: 10,
  conditions: 16,
  metrics: 32,
  message: 1024,
} as const;

const verdict = z.enum(['Passed', 'Failed', 'Inconclusive', 'Error']);
const message = z.string().max(STATUS_BOUNDS.message);
const time = z.iso.datetime({ offset: true });

const metric = z.strictObject({
  name: z.string().max(63).describe('Name of the metric.'),
  value: z.number().describe('What was measured.'),
  low: z.number().optional().describe('Lower end of the 95 % confidence interval.'),
  high: z.number().optional().describe('Upper end of the 95 % confidence interval.'),
  unit: z.string().max(16).optional().describe('Unit of the value.'),
  source: z.string().max(128).optional().describe('Where the value was read.'),
});

const configuration = z.strictObject({
  collection: z
    .record(z.string().max(63), z.unknown())
    .describe("Paste into Qdrant's create-collection call; only what differs from Qdrant's defaults."),
  search: z.record(z.string().max(63), z.unknown()).describe("Paste into a query's params."),
  summary: z.string().max(512).describe('The same in one line.'),
});

/** A measured configuration: best, baseline and the frontier share this shape. */
export const measuredConfigurationSchema = z.strictObject({
  configuration: configuration.describe('The settings, ready to be pasted.'),
  metrics: z.array(metric).max(STATUS_BOUNDS.metrics).describe('What was measured with them.'),
  verdict: verdict.describe('Whether the constraints hold.'),
  reason: z.string().max(63).describe('Why, in one word.'),
  message: message.describe('Why, with the numbers compared.'),
  constraints: z
    .array(
      z.strictObject({
        name: z.string().max(63).describe('The metric the constraint is about.'),
        verdict: verdict.describe('Whether it holds.'),
        value: z.number().optional().describe('What was measured.'),
        bound: z.number().describe('What was asked for.'),
      }),
    )
    .max(16)
    .describe('Each constraint with what was measured.'),
  run: z.string().max(64).describe('The run that measured it.'),
});

export const nextConfigurationSchema = z.strictObject({
  configuration: configuration.describe('The settings to try.'),
  source: z.enum(['Start', 'Rule', 'Model', 'LLM']).describe('Who proposes it.'),
  change: z.enum(['SearchOnly', 'Recreate', 'NewTarget']).describe('What trying it takes.'),
  expected: z
    .array(
      z.strictObject({
        name: z.string().max(63).describe('Name of the metric.'),
        value: z.number().describe('The value expected.'),
      }),
    )
    .max(8)
    .describe('What it is expected to measure.'),
  probabilityFeasible: z.number().min(0).max(1).optional().describe('How likely the constraints hold, from 0 to 1.'),
  rationale: message.describe('Why it is worth a try.'),
});

export const conditionSchema = z.strictObject({
  type: z
    .enum(['Accepted', 'TargetReady', 'DatasetReady', 'GoalMet', 'Failed', 'Reconciling', 'Stalled'])
    .describe('What the condition is about.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  reason: z.string().max(63).describe('Why, in one word.'),
  message: message.describe('Why, for people.'),
  lastTransitionTime: time.describe('When status last changed.'),
  observedGeneration: z.int().min(0).optional().describe('The generation of spec it was derived from.'),
});

export const phaseSchema = z.enum(['Pending', 'Preparing', 'Running', 'Suspended', 'Completed', 'Failed']);

/** The figures `kubectl get` shows: rounded, with their unit, since a column cannot round. */
export const summarySchema = z.strictObject({
  progress: z.string().max(32).optional().describe('Builds done, of the budget: 3/12.'),
  recall: z.string().max(32).optional().describe('Recall of the best so far: 0.962.'),
  throughput: z.string().max(32).optional().describe('Throughput of the best so far: 812/s.'),
  latencyP95: z.string().max(32).optional().describe('95th percentile of latency of the best so far: 11.8ms.'),
  cost: z.string().max(32).optional().describe('Spent so far: 0.61 USD.'),
});

export const sweepStatusSchema = z
  .strictObject({
    observedGeneration: z.int().min(0).describe('The generation of spec this status was derived from.'),
    phase: phaseSchema.describe('Where the sweep stands.'),
    summary: summarySchema.optional().describe('The figures kubectl get shows, rounded.'),
    conditions: z
      .array(conditionSchema)
      .max(STATUS_BOUNDS.conditions)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
      .describe('What holds and what does not, one entry a type.'),
    startedAt: time.optional().describe('When the sweep was first worked on.'),
    finishedAt: time.optional().describe('When it ended.'),
    progress: z
      .strictObject({
        builds: z.int().min(0).describe('Builds done, the baseline included.'),
        maxBuilds: z.int().min(0).describe('Builds the budget allows.'),
        searches: z.int().min(0).describe('Searches measured on them.'),
        running: z.int().min(0).describe('Builds under way.'),
        failed: z.int().min(0).describe('Builds that failed.'),
        inconclusive: z.int().min(0).describe('Builds that gave no number one can trust.'),
        estimatedCompletionAt: time.optional().describe('When the budget will be spent, at this pace.'),
      })
      .describe('How far it has come.'),
    environment: z
      .strictObject({
        qdrantVersion: z.string().max(64).optional().describe('Version of the Qdrant measured.'),
        datasetDigest: z.string().max(80).optional().describe('Digest of the prepared dataset.'),
        benchVersion: z.string().max(32).describe('Version of Qdrant Bench.'),
        judgeVersion: z.string().max(32).describe('Version of the judge: it changes when proposals do.'),
        target: z.string().max(256).describe('The target, for people.'),
        historyKey: z.string().max(80).optional().describe('The key this history is kept under in the record.'),
        notes: z.array(message).max(16).describe('What to know when comparing these numbers with others.'),
      })
      .describe('What the numbers were measured with.'),
    baseline: measuredConfigurationSchema.optional().describe("Qdrant's defaults, always measured first."),
    best: measuredConfigurationSchema.optional().describe('The best configuration that meets every constraint.'),
    nearestMiss: measuredConfigurationSchema
      .optional()
      .describe('When nothing passed: the measured configuration nearest to passing.'),
    frontier: z
      .array(measuredConfigurationSchema)
      .max(STATUS_BOUNDS.frontier)
      .describe('With several objectives: what no other configuration beats in all of them.'),
    nextConfigurations: z
      .array(nextConfigurationSchema)
      .max(STATUS_BOUNDS.nextConfigurations)
      .describe('What is worth trying next, best first; written also when the budget is spent.'),
    recentRuns: z
      .array(
        z.strictObject({
          run: z.string().max(64).describe('Id of the run.'),
          summary: z.string().max(512).describe('The settings built.'),
          verdict: verdict.optional().describe('How it was judged.'),
          reason: z.string().max(63).optional().describe('Why, in one word.'),
          message: message.optional().describe('Why, for people.'),
          startedAt: time.describe('When it began.'),
          finishedAt: time.optional().describe('When it ended.'),
        }),
      )
      .max(STATUS_BOUNDS.recentRuns)
      .describe('The last runs, newest first; all of them are in the record.'),
  })
  .describe('What was found out so far. Written by the operator; the full history is in its record.');

export type SweepStatus = z.output<typeof sweepStatusSchema>;
export type SweepPhase = z.output<typeof phaseSchema>;
export type Condition = z.output<typeof conditionSchema>;
export type MeasuredConfiguration = z.output<typeof measuredConfigurationSchema>;
