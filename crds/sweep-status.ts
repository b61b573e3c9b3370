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
  name: z.string().max(63),
  value: z.number(),
  low: z.number().optional(),
  high: z.number().optional(),
  unit: z.string().max(16).optional(),
  source: z.string().max(128).optional(),
});

const configuration = z.strictObject({
  /** The body to paste into Qdrant's create-collection call; only what differs from Qdrant's defaults. */
  collection: z.record(z.string().max(63), z.unknown()),
  /** The body of a query's params. */
  search: z.record(z.string().max(63), z.unknown()),
  summary: z.string().max(512),
});

/** A measured configuration: best, baseline and the frontier share this shape. */
export const measuredConfigurationSchema = z.strictObject({
  configuration,
  metrics: z.array(metric).max(STATUS_BOUNDS.metrics),
  verdict,
  reason: z.string().max(63),
  message,
  constraints: z
    .array(z.strictObject({ name: z.string().max(63), verdict, value: z.number().optional(), bound: z.number() }))
    .max(16),
  run: z.string().max(64),
});

export const nextConfigurationSchema = z.strictObject({
  configuration,
  source: z.enum(['Start', 'Rule', 'Model', 'LLM']),
  change: z.enum(['SearchOnly', 'Recreate', 'NewTarget']),
  expected: z.array(z.strictObject({ name: z.string().max(63), value: z.number() })).max(8),
  probabilityFeasible: z.number().min(0).max(1).optional(),
  rationale: message,
});

export const conditionSchema = z.strictObject({
  type: z.enum(['Accepted', 'TargetReady', 'DatasetReady', 'GoalMet', 'Failed', 'Reconciling', 'Stalled']),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string().max(63),
  message,
  lastTransitionTime: time,
  observedGeneration: z.int().min(0).optional(),
});

export const phaseSchema = z.enum(['Pending', 'Preparing', 'Running', 'Suspended', 'Completed', 'Failed']);

export const sweepStatusSchema = z.strictObject({
  observedGeneration: z.int().min(0),
  phase: phaseSchema,
  conditions: z.array(conditionSchema).max(STATUS_BOUNDS.conditions),
  startedAt: time.optional(),
  finishedAt: time.optional(),
  progress: z.strictObject({
    builds: z.int().min(0),
    maxBuilds: z.int().min(0),
    searches: z.int().min(0),
    running: z.int().min(0),
    failed: z.int().min(0),
    inconclusive: z.int().min(0),
    estimatedCompletionAt: time.optional(),
  }),
  environment: z.strictObject({
    qdrantVersion: z.string().max(64).optional(),
    datasetDigest: z.string().max(80).optional(),
    benchVersion: z.string().max(32),
    judgeVersion: z.string().max(32),
    target: z.string().max(256),
    historyKey: z.string().max(80).optional(),
    notes: z.array(message).max(16),
  }),
  baseline: measuredConfigurationSchema.optional(),
  best: measuredConfigurationSchema.optional(),
  /** When nothing passed: the measured configuration nearest to passing. */
  nearestMiss: measuredConfigurationSchema.optional(),
  frontier: z.array(measuredConfigurationSchema).max(STATUS_BOUNDS.frontier),
  nextConfigurations: z.array(nextConfigurationSchema).max(STATUS_BOUNDS.nextConfigurations),
  recentRuns: z
    .array(
      z.strictObject({
        run: z.string().max(64),
        summary: z.string().max(512),
        verdict: verdict.optional(),
        reason: z.string().max(63).optional(),
        message: message.optional(),
        startedAt: time,
        finishedAt: time.optional(),
      }),
    )
    .max(STATUS_BOUNDS.recentRuns),
});

export type SweepStatus = z.output<typeof sweepStatusSchema>;
export type SweepPhase = z.output<typeof phaseSchema>;
export type Condition = z.output<typeof conditionSchema>;
export type MeasuredConfiguration = z.output<typeof measuredConfigurationSchema>;
