import { z } from 'zod';
import { DURATION_PATTERN, durationSeconds } from '../duration.ts';
import { QUANTITY_PATTERN } from '../quantity.ts';
import { exactlyOneOf, withRule } from '../rules.ts';

const duration = (description: string) =>
  z.string().max(32).regex(DURATION_PATTERN, 'must be a duration such as 500ms, 30s, 5m or 168h').describe(description);

const quantity = (description: string) =>
  z.string().max(32).regex(QUANTITY_PATTERN, 'must be a quantity such as 4Gi, 500M or 2').describe(description);

const money = (description: string) =>
  z
    .strictObject({
      amount: z
        .string()
        .max(16)
        .regex(/^[0-9]{1,9}(\.[0-9]{1,6})?$/, 'must be a decimal string such as "0.20"')
        .describe('A decimal string, never a float.'),
      currency: z
        .string()
        .regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code such as USD')
        .describe('ISO 4217 code.'),
    })
    .describe(description);

const secretKeyRef = (description: string) =>
  z
    .strictObject({
      name: z
        .string()
        .max(253)
        .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'must be a Secret name: lower case letters, digits, - and .')
        .describe('Name of the Secret, in the same namespace.'),
      key: z
        .string()
        .max(253)
        .regex(/^[A-Za-z0-9._-]+$/, 'must be a Secret key: letters, digits, -, _ and .')
        .describe('Key inside the Secret.'),
    })
    .describe(description);

const distance = z.enum(['Cosine', 'Dot', 'Euclid', 'Manhattan']);

const kubernetesTarget = z
  .strictObject({
    version: z
      .string()
      .max(32)
      .regex(/^v?[0-9]+\.[0-9]+\.[0-9]+$/, 'must be a Qdrant version such as v1.19.0')
      .optional()
      .describe('Qdrant version to run. Default: the version this release was tested with.'),
    resources: z
      .strictObject({
        cpu: quantity('CPU cores, requests equal to limits.').optional(),
        memory: quantity('Memory, requests equal to limits.').optional(),
      })
      .optional()
      .describe('Resources of the Qdrant pod. In a local run the engine gets the cores the load generator leaves.'),
    pricePerHour: money('What an hour of this target costs, for the cost metrics.').optional(),
  })
  .describe('A throw-away Qdrant made for this sweep and deleted with it.');

const externalTarget = z
  .strictObject({
    url: z
      .string()
      .max(2048)
      .regex(
        /^https?:\/\/[^\s@/?#]+\/?$/,
        'must be an http or https URL without path or credentials, such as https://qdrant.example:6333',
      )
      .describe("Qdrant's REST address."),
    apiKeySecretRef: secretKeyRef('Where the API key is kept; never write a key into the resource.').optional(),
    pricePerHour: money('What an hour of this target costs, for the cost metrics.').optional(),
  })
  .describe('An existing Qdrant. Only collections made by this sweep are touched.');

const target = exactlyOneOf(
  z.strictObject({ kubernetes: kubernetesTarget.optional(), external: externalTarget.optional() }),
  ['kubernetes', 'external'],
).describe('Where Qdrant runs: exactly one of kubernetes, external.');

const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits')
  .optional()
  .describe('SHA-256 of the file; a file that differs is refused before anything is spent.');

const source = (description: string) =>
  z
    .strictObject({
      url: z
        .string()
        .max(2048)
        .regex(/^(https?:\/\/|file:)\S+$/, 'must begin with https://, http:// or file:')
        .describe('Where to read the file. file: is for local runs and is relative to the YAML file.'),
      sha256,
      headersSecretRef: secretKeyRef(
        'HTTP headers to fetch it with, one a line as NAME: VALUE. They go to the host of url only, and the Secret has to be bound to it.',
      ).optional(),
      format: z.enum(['fvecs', 'bvecs', 'ivecs']).optional().describe('Format of the file. Default: its extension.'),
    })
    .describe(description);

const vectors = z
  .strictObject({
    base: source('The vectors to be searched, one a row (fvecs or bvecs).'),
    queries: source('The query vectors, one a row (fvecs or bvecs).'),
    groundTruth: source(
      'Row i: the true nearest base rows of query i, nearest first (ivecs). Omitted: computed exactly, once.',
    ).optional(),
    distance: distance.describe('The distance the collection is made with.'),
  })
  .describe('Your own vectors, from files.');

const synthetic = z
  .strictObject({
    points: z.int().min(100).max(100_000_000).describe('How many vectors.'),
    dimensions: z.int().min(2).max(65_536).describe('Dimensions of a vector.'),
    clusters: z.int().min(1).max(100_000).optional().describe('How many planted clusters. Default 200.'),
    intrinsicDimensions: z
      .int()
      .min(1)
      .max(65_536)
      .optional()
      .describe('Rank of the spread inside a cluster: more is harder to search. Default: a third of dimensions.'),
    queries: z.int().min(10).max(100_000).optional().describe('How many queries. Default 1000.'),
    seed: z.int().min(0).max(4_294_967_295).optional().describe('Same seed, same data. Default 1.'),
    distance: distance.optional().describe('Default Cosine.'),
  })
  .describe('Made-up vectors with planted clusters, hard enough that settings matter.');

const dataset = exactlyOneOf(z.strictObject({ vectors: vectors.optional(), synthetic: synthetic.optional() }), [
  'vectors',
  'synthetic',
]).describe('What is searched: exactly one of vectors, synthetic. Immutable once prepared.');

const workload = z
  .strictObject({
    limit: z.int().min(1).max(1000).optional().describe('Hits a query asks for, the k of recall@k. Default 10.'),
    load: z
      .strictObject({
        saturation: z
          .strictObject({ arrivals: z.enum(['Poisson']).optional().describe('Arrival process. Default Poisson.') })
          .describe('Find the highest rate that still meets the constraints.'),
      })
      .optional()
      .describe('How load is offered. Default: saturation with Poisson arrivals.'),
    duration: duration('One measuring window. Default: the longer of 1 s and 1,000 requests.').optional(),
    warmup: duration('Load before each measurement that is not counted. Default 1s.').optional(),
    repeats: z
      .int()
      .min(1)
      .max(20)
      .optional()
      .describe('How often the finalists are measured again, interleaved with the baseline. Default 3.'),
  })
  .describe('What is asked of each build, and how hard.');

const quantizations = z
  .array(
    z.strictObject({
      name: z
        .string()
        .max(63)
        .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'must be lower case letters, digits, - and .')
        .describe('The name to use in parameters.'),
      config: z
        .record(z.string().max(63), z.unknown())
        .describe('A verbatim Qdrant quantization_config body, such as {scalar: {type: int8, quantile: 0.99}}.'),
    }),
  )
  .max(16)
  .describe('Your own quantizations, to be named in parameters.');

const parameter = withRule(
  exactlyOneOf(
    z.strictObject({
      name: z
        .string()
        .max(128)
        .regex(/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$/, "must be one of Qdrant's own paths, such as hnsw_config.m")
        .describe("Qdrant's own path, such as hnsw_config.m, quantization_config or params.hnsw_ef."),
      numbers: z.array(z.number().min(0).max(1e9)).min(1).max(32).optional().describe('The numbers to choose from.'),
      choices: z.array(z.string().min(1).max(63)).min(1).max(32).optional().describe('The names to choose from.'),
      range: withRule(
        z.strictObject({
          min: z.number().min(0).max(1e9).describe('Smallest value.'),
          max: z.number().min(0).max(1e9).describe('Largest value.'),
          scale: z.enum(['Linear', 'Log']).optional().describe('How values are spread. Default Linear.'),
        }),
        {
          rule: 'self.min <= self.max',
          message: 'min must not exceed max; swap them',
          holds: (range) => range.min <= range.max,
        },
      )
        .optional()
        .describe('A range of numbers.'),
    }),
    ['numbers', 'choices', 'range'],
  ),
  {
    rule: "!has(self.range) || !has(self.range.scale) || self.range.scale != 'Log' || self.range.min > 0",
    message: 'a Log range must begin above 0; set range.min to at least 1',
    holds: (value) => value.range?.scale !== 'Log' || value.range.min > 0,
  },
);

const constraints = z
  .strictObject({
    recall: z
      .strictObject({ min: z.number().min(0).max(1).describe('Least recall@limit, from 0 to 1.') })
      .optional()
      .describe('Share of the true nearest neighbours that come back. Default: min 0.95.'),
    latency: z
      .array(
        z.strictObject({
          percentile: withRule(z.number(), {
            rule: 'self in [50.0, 95.0, 99.0, 99.9]',
            message: 'must be one of 50, 95, 99, 99.9',
            holds: (value) => [50, 95, 99, 99.9].includes(value),
          }).describe('50, 95, 99 or 99.9.'),
          max: duration('Largest allowed latency, counted from the scheduled start of a request.'),
        }),
      )
      .max(4)
      .optional()
      .describe('Latency limits under load.'),
    errorRate: z
      .strictObject({ max: z.number().min(0).max(1).describe('Largest share of failed requests.') })
      .optional()
      .describe('Default: max 0.001.'),
    memory: z
      .strictObject({ max: quantity('Largest resident memory of Qdrant under load.') })
      .optional()
      .describe('Memory limit.'),
  })
  .describe('What breaks one of these is never recommended.');

/** Metrics one may optimise for in this version. */
export const OBJECTIVE_METRICS = [
  'throughput',
  'recall',
  'latencyP50',
  'latencyP95',
  'latencyP99',
  'serverCpuPerQuery',
  'memory',
  'indexedSeconds',
  'costPerMillionQueries',
] as const;

const objectives = z
  .array(
    z.strictObject({
      metric: z.enum(OBJECTIVE_METRICS).describe('What to optimise.'),
      goal: z.enum(['Maximize', 'Minimize']).describe('In which direction.'),
    }),
  )
  .min(1)
  .max(4)
  .describe('The first decides; more than one also yields a frontier. Default: throughput, Maximize.');

const judge = z
  .strictObject({
    strategy: z
      .enum(['Adaptive', 'Grid', 'Random'])
      .optional()
      .describe('How the next build is chosen. Default Adaptive.'),
    seed: z.int().min(0).max(4_294_967_295).optional().describe('Same history and seed, same proposal. Default 1.'),
  })
  .describe('Who chooses what is tried next.');

const budget = z
  .strictObject({
    builds: z.int().min(1).max(1000).optional().describe('Most builds, the baseline included. Default 12.'),
    duration: withRule(duration('Most time from the start; a build that runs is finished.'), {
      rule: "duration(self) >= duration('1s')",
      message: 'must be at least 1s',
      holds: (text) => !DURATION_PATTERN.test(text) || durationSeconds(text) >= 1,
    }).optional(),
  })
  .describe('What may be spent.');

/** `spec` of a QdrantSweep. Every optional field has the default its description states. */
export const sweepSpecSchema = z
  .strictObject({
    suspend: z.boolean().optional().describe('true: start nothing new, let what runs finish.'),
    target,
    retention: z
      .strictObject({
        onFinish: z
          .enum(['Delete', 'KeepBest', 'Keep'])
          .optional()
          .describe('What happens to the collections we made when the sweep ends. Default Delete.'),
      })
      .optional()
      .describe('What happens to what we made.'),
    dataset,
    workload: workload.optional(),
    quantizations: quantizations.optional(),
    parameters: z
      .array(parameter)
      .max(32)
      .optional()
      .describe('What may vary. Omitted: a space chosen from the dataset.'),
    constraints: constraints.optional(),
    objectives: objectives.optional(),
    judge: judge.optional(),
    budget: budget.optional(),
    parallelism: z.int().min(1).max(1).optional().describe('Builds at once, each on its own target. Default 1.'),
  })
  .describe('What to find out, on what, and within which budget.');

export type SweepSpec = z.output<typeof sweepSpecSchema>;
export type DatasetSpec = SweepSpec['dataset'];
export type VectorsDataset = NonNullable<DatasetSpec['vectors']>;
export type SyntheticDataset = NonNullable<DatasetSpec['synthetic']>;
export type VectorSource = VectorsDataset['base'];
export type TargetSpec = SweepSpec['target'];
export type ParameterSpec = NonNullable<SweepSpec['parameters']>[number];
export type QuantizationSpec = NonNullable<SweepSpec['quantizations']>[number];
