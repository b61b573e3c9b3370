import { z } from 'zod';
import { PROFILES } from '../crds/common/profiles.ts';
import { sweepSpecSchema } from '../crds/sweep/sweep-spec.ts';
import { REASONS } from '../operator/judge/verdict.ts';
import { namedQueriesSchema, payloadIndexSchema } from './workload.ts';

/**
 * What passes between whoever starts a load generator (the local CLI, the operator) and its process: one job in,
 * a sequence of messages out. Both ways are validated; the carrier (a pipe here, NATS in a cluster) is not its concern.
 */

const parameters = z.record(z.string().max(128), z.union([z.number(), z.string().max(256), z.boolean()]));

/** Dataset as in the resource, `file:` URLs already absolute. */
const datasetSource = sweepSpecSchema.shape.dataset;

/** A collection on a Qdrant. The API key comes from the environment variable named here, never in the job itself. */
export const endpointSchema = z.strictObject({
  url: z.string().max(2048),
  apiKeyEnv: z.string().max(128).optional(),
  collection: z.string().max(255),
  /** A server we made ourselves, wherever it is; any other has to be where this process may go. */
  own: z.literal(true).optional(),
  /** The server's process, where it runs on this machine: CPU time and memory are read from it. */
  serverPid: z.int().positive().optional(),
});
export type Endpoint = z.output<typeof endpointSchema>;

/** Which cores the engine and the load generator get while load is measured; outside of that both may use all. */
export const isolationSchema = z.strictObject({
  serverCores: z.array(z.int().min(0)).min(1).max(1024),
  clientCores: z.array(z.int().min(0)).min(1).max(1024),
});
export type Isolation = z.output<typeof isolationSchema>;

/** One search the judge wants measured on a build. */
export const plannedSearchSchema = z.strictObject({
  /** The search's identity in the record. */
  id: z.string().max(128),
  /** Canonical search parameters. */
  search: parameters,
  /** The verbatim body of a query's `params`. */
  params: z.record(z.string().max(63), z.unknown()),
  /** `Always`: load is measured whatever its recall (the baseline's defaults). `Boundary`: only if it is the cheapest that is good enough. */
  load: z.enum(['Always', 'Boundary']),
});
export type PlannedSearch = z.output<typeof plannedSearchSchema>;

const arrivals = z.enum(['Poisson', 'Constant']);

/** How load is offered; as in the resource, with every default filled in. */
export const loadModelSchema = z.discriminatedUnion('kind', [
  /** Find the highest rate that meets the rules. */
  z.strictObject({ kind: z.literal('Saturation'), arrivals }),
  /** A given rate (1/s), of a profile the highest. */
  z.strictObject({ kind: z.literal('Open'), arrivals, rate: z.number().gt(0).max(1e6), profile: z.enum(PROFILES) }),
  /** So many clients that wait for their answers. */
  z.strictObject({ kind: z.literal('Closed'), concurrency: z.int().min(1).max(10_000) }),
]);
export type LoadModel = z.output<typeof loadModelSchema>;

/** How load is offered, when an offered rate counts as too high, and how long it is watched. */
export const loadRulesSchema = z.strictObject({
  /** Default: Saturation with Poisson arrivals. */
  load: loadModelSchema.optional(),
  /** Least recall@limit a search must reach to be worth loading. */
  recallMin: z.number().min(0).max(1),
  /** Whether each named query must reach it, not all together. */
  recallPerQuery: z.boolean().optional(),
  /** Latency limits in ms, counted from the scheduled start. */
  latency: z.array(z.strictObject({ percentile: z.number(), max: z.number() })).max(4),
  /** Largest share of failed requests. */
  errorRateMax: z.number().min(0).max(1),
  /** A measuring window lasts at least this long … */
  windowSeconds: z.number().positive().max(86_400),
  /** … and at least this many requests. */
  windowRequests: z.int().min(1).max(10_000_000),
  warmupSeconds: z.number().min(0).max(3600),
  /** How many of a build's searches are loaded at most, besides those marked `Always`. */
  loadedSearches: z.int().min(1).max(64),
});
export type LoadRules = z.output<typeof loadRulesSchema>;

const ratePerSecond = z.number().gt(0).max(1e6);

/** What is asked of a build while it is measured. Absent: every query alike, without filter and payload, only reads. */
export const workloadSchema = z.strictObject({
  queries: namedQueriesSchema,
  /** Whether answers carry payloads. */
  withPayload: z.boolean(),
  /** Payload indexes made before the upload. */
  payloadIndexes: z.array(payloadIndexSchema).max(16),
  /** Writes beside the searches: requests a second, and points in one upsert. A delete takes one point. */
  writes: z
    .strictObject({
      upserts: z.strictObject({ rate: ratePerSecond, batch: z.int().min(1).max(10_000) }).optional(),
      deletes: z.strictObject({ rate: ratePerSecond }).optional(),
    })
    .optional(),
});
export type Workload = z.output<typeof workloadSchema>;

/** Fetch or make the dataset, check it, compute the ground truth; nothing is spent before this has passed. */
export const prepareJobSchema = z.strictObject({
  kind: z.literal('Prepare'),
  dataset: datasetSource,
  limit: z.int().min(1).max(1000),
  /** The sorts of queries: each with a filter gets a ground truth of its own. */
  queries: namedQueriesSchema.optional(),
  /** Folder that keeps prepared datasets, keyed by content. */
  cacheDir: z.string().max(4096),
});
export type PrepareJob = z.output<typeof prepareJobSchema>;

/** Load generators that share a job: 1 if left out. */
const pods = z.int().min(1).max(64).optional();

/** Upload into a fresh collection, wait until it is ready, measure recall of every planned search, load the best. */
export const measureJobSchema = z.strictObject({
  kind: z.literal('Measure'),
  run: z.string().max(128),
  attempt: z.int().min(1),
  seed: z.int().min(0),
  pods,
  endpoint: endpointSchema,
  isolation: isolationSchema.optional(),
  /** Folder of the prepared dataset, from the Prepare job. */
  datasetDir: z.string().max(4096),
  limit: z.int().min(1).max(1000),
  workload: workloadSchema.optional(),
  /** The collection's body as it was created: what readback is compared with. */
  collectionBody: z.record(z.string().max(63), z.unknown()),
  searches: z.array(plannedSearchSchema).min(1).max(1024),
  rules: loadRulesSchema,
  /** Searches already committed by an earlier attempt, with what was measured; they are not measured again. */
  done: z
    .array(
      z.strictObject({
        id: z.string().max(128),
        stage: z.enum(['Recall', 'Load', 'Final']),
        recall: z.number().optional(),
      }),
    )
    .max(1024),
  /** Longest wait for the collection to become ready. */
  readyTimeoutSeconds: z.number().positive().max(86_400),
});
export type MeasureJob = z.output<typeof measureJobSchema>;

/** Measure finished builds again, interleaved (A B, B A, …), so that drift of the machine hits all alike. */
export const finalsJobSchema = z.strictObject({
  kind: z.literal('Finals'),
  seed: z.int().min(0),
  pods,
  datasetDir: z.string().max(4096),
  limit: z.int().min(1).max(1000),
  workload: workloadSchema.optional(),
  rules: loadRulesSchema,
  isolation: isolationSchema.optional(),
  repeats: z.int().min(1).max(20),
  arms: z
    .array(
      z.strictObject({
        run: z.string().max(128),
        endpoint: endpointSchema,
        search: parameters,
        params: z.record(z.string().max(63), z.unknown()),
        /** Ids by repeat, 1 … repeats; those in `done` are skipped. */
        ids: z.array(z.string().max(128)).min(1).max(20),
        /** Rate (1/s) at which the sweep found it sustainable: where the search begins. Absent: by what recall was measured at. */
        startRate: z.number().positive().optional(),
      }),
    )
    .min(1)
    .max(8),
  done: z.array(z.string().max(128)).max(160),
});
export type FinalsJob = z.output<typeof finalsJobSchema>;

export const jobSchema = z.discriminatedUnion('kind', [prepareJobSchema, measureJobSchema, finalsJobSchema]);
export type Job = z.output<typeof jobSchema>;

const metric = z.strictObject({
  name: z.string().max(64),
  value: z.number(),
  low: z.number().optional(),
  high: z.number().optional(),
  unit: z.string().max(16).optional(),
  source: z.string().max(128).optional(),
  /** The named query it is of; of all together, where absent. */
  query: z.string().max(63).optional(),
});

/** Most metrics of one search: totals, and those of every named query. */
const MAX_METRICS = 320;

/** Where the load generator is, for people: phase, how much of how much, how fast. */
export const progressMessageSchema = z.strictObject({
  type: z.literal('progress'),
  phase: z.enum(['Fetching', 'Generating', 'GroundTruth', 'Uploading', 'Indexing', 'Recall', 'Loading', 'Finals']),
  done: z.number().min(0),
  total: z.number().min(0),
  /** Units a second, where it makes sense. */
  rate: z.number().min(0).optional(),
  /** One short phrase, such as the search under way. */
  detail: z.string().max(256).optional(),
});

/** The dataset is there, checked, with ground truth. */
export const preparedMessageSchema = z.strictObject({
  type: z.literal('prepared'),
  datasetDir: z.string().max(4096),
  /** `sha256:…` over vectors, queries, distance. */
  digest: z.string().max(80),
  points: z.int().min(1),
  dimensions: z.int().min(1),
  queries: z.int().min(1),
  distance: z.enum(['Cosine', 'Dot', 'Euclid', 'Manhattan']),
  /** Of each named query with a filter: the mean share of points that match it. */
  selectivity: z.record(z.string(), z.number().min(0).max(1)).optional(),
});

/** The build is ready to be searched. */
export const builtMessageSchema = z.strictObject({
  type: z.literal('built'),
  /** uploadSeconds, indexedSeconds, stableSeconds, disk, … */
  metrics: z.array(metric).max(64),
  /** What the server says it applied: `config` of the collection info. */
  applied: z.record(z.string(), z.unknown()),
  segments: z.int().min(0),
  indexedVectors: z.int().min(0),
  /** Settings that were asked for and are not in effect: `hnsw_config.m: asked 32, applied 16`. */
  ignored: z.array(z.string().max(256)).max(64),
});

/** One search is measured. */
export const searchMessageSchema = z.strictObject({
  type: z.literal('search'),
  id: z.string().max(128),
  run: z.string().max(128),
  repeat: z.int().min(0),
  stage: z.enum(['Recall', 'Load', 'Final']),
  metrics: z.array(metric).max(MAX_METRICS),
  /** Why these numbers must not be published as the server's: ClientLimited, Unstable, ServerErrors, NoSustainableRate, … */
  limited: z.strictObject({ reason: z.enum(REASONS), message: z.string().max(1024) }).optional(),
  /** How the load went: rates in 1/s, requests sent, errors by kind. */
  load: z
    .strictObject({
      /** `Closed` figures hide waiting: whoever shows them says so. */
      kind: z.enum(['Saturation', 'Open', 'Closed']),
      /** Saturation: the last sustainable and the first unsustainable rate. */
      bracket: z.tuple([z.number(), z.number()]).optional(),
      offeredRate: z.number(),
      achievedRate: z.number(),
      requests: z.int().min(0),
      errors: z.record(z.string().max(64), z.int().min(0)),
      /** What the load generator itself went through in that window: shares of its time, ms. */
      client: z
        .strictObject({
          busy: z.number(),
          waited: z.number().optional(),
          loopP99: z.number(),
          loopMax: z.number(),
          latenessP99: z.number(),
          capped: z.number(),
        })
        .optional(),
      /** Little's law: requests in flight on average, and as rate × mean response has it. */
      little: z.strictObject({ inFlight: z.number(), expected: z.number() }).optional(),
      /**
       * HdrHistograms (V2, compressed, base64) in µs of the published window: response, service, lateness; the same of
       * one named query as `response/NAME`, of writes as `upserts/response`.
       */
      histograms: z.record(z.string().max(80), z.string().max(100_000)).optional(),
    })
    .optional(),
  seconds: z.number().min(0),
});

/** A second of load, for charts; may be lost. */
export const seriesMessageSchema = z.strictObject({
  type: z.literal('series'),
  search: z.string().max(128),
  repeat: z.int().min(0),
  /** Seconds since this search's load began. */
  second: z.number().min(0),
  offeredRate: z.number().min(0),
  achievedRate: z.number().min(0),
  /** ms, from the scheduled start. */
  latencyP50: z.number().min(0),
  latencyP95: z.number().min(0),
  latencyP99: z.number().min(0),
  errors: z.int().min(0),
});

/** The job is over; nothing follows. */
export const doneMessageSchema = z.strictObject({ type: z.literal('done') });

/** The job cannot go on. */
export const failedMessageSchema = z.strictObject({
  type: z.literal('failed'),
  /** `DatasetInvalid` and `DatasetUnreachable` belong to Prepare; the rest are verdict reasons. */
  reason: z.enum([...REASONS, 'DatasetInvalid', 'DatasetUnreachable', 'Internal']),
  message: z.string().max(4096),
});

export const messageSchema = z.discriminatedUnion('type', [
  progressMessageSchema,
  preparedMessageSchema,
  builtMessageSchema,
  searchMessageSchema,
  seriesMessageSchema,
  doneMessageSchema,
  failedMessageSchema,
]);
export type Message = z.output<typeof messageSchema>;
export type ProgressMessage = z.output<typeof progressMessageSchema>;
export type PreparedMessage = z.output<typeof preparedMessageSchema>;
export type BuiltMessage = z.output<typeof builtMessageSchema>;
export type SearchMessage = z.output<typeof searchMessageSchema>;
export type SeriesMessage = z.output<typeof seriesMessageSchema>;
export type FailedMessage = z.output<typeof failedMessageSchema>;

/** How the load generator speaks; resolves when the message is safely handed over. */
export type Publish = (message: Message) => Promise<void>;
