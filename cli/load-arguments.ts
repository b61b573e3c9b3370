import { UsageError } from './arguments.ts';
import { readFlags, type Flag } from './flags.ts';
import { nestedValues } from './nested-values.ts';
import { COMMON_FLAGS, SERVER_FLAGS, serverArguments, type ServerArguments } from './server-flags.ts';

export const LOAD_FLAGS: readonly Flag[] = [
  ...SERVER_FLAGS,
  { name: 'queries', value: 'FILE', help: 'query vectors: .fvecs, .bvecs, .npy, .hdf5, .parquet or .jsonl' },
  {
    name: 'bodies',
    value: 'FILE',
    help: 'instead of --queries: bodies of POST …/points/query, one JSON object a line, sent as they\nare written: filters, sparse and multivectors, prefetch and fusion, recommend. --limit,\n--param and --using are added where a body does not say them',
  },
  {
    name: 'ground-truth',
    value: 'FILE',
    help: 'row numbers of the true neighbours of each query, nearest first: .ivecs,\n.npy, .hdf5, .parquet or .jsonl.\nWithout, recall is null. Counted by id: of equally near points only the named ones count',
  },
  {
    name: 'arrivals',
    value: 'KIND',
    default: 'Poisson',
    help: 'Poisson or Constant: requests start when they are due, answered or not (open loop);\nClosed: --concurrency requests at a time, the next starts when one ends',
  },
  { name: 'rate', value: 'N', help: 'requests a second (Poisson, Constant)' },
  { name: 'concurrency', value: 'N', help: 'requests under way (Closed)' },
  { name: 'duration', value: 'TIME', default: '20s', help: 'how long is counted, 24h at most' },
  { name: 'warmup', value: 'TIME', default: '2s', help: 'loaded before that, and not counted' },
  { name: 'limit', value: 'N', default: '10', help: 'neighbours asked for' },
  {
    name: 'param',
    value: 'PATH=VALUE',
    multiple: true,
    help: "a field of the query's params, such as hnsw_ef=64, exact=true or\nquantization.rescore=true; may be repeated",
  },
  { name: 'using', value: 'NAME', help: 'the named vector to search' },
  { name: 'seed', value: 'N', default: '1', help: 'the same seed gives the same schedule and order of queries' },
  {
    name: 'max-in-flight',
    value: 'N',
    default: '1024',
    help: 'most requests under way; more wait, and their clock runs (Poisson, Constant)',
  },
  { name: 'timeout', value: 'TIME', default: '30s', help: 'a request that takes longer has failed' },
  { name: 'min-recall', value: 'SHARE', help: 'Failed below it; needs --ground-truth' },
  { name: 'max-error-rate', value: 'SHARE', default: '0.001', help: 'Failed above it' },
  { name: 'max-p50', value: 'TIME', help: 'Failed when the response time, from when requests were due, exceeds it' },
  { name: 'max-p95', value: 'TIME', help: 'the same, 95th percentile' },
  { name: 'max-p99', value: 'TIME', help: 'the same, 99th percentile' },
  { name: 'max-p999', value: 'TIME', help: 'the same, 99.9th percentile' },
  {
    name: 'server-pid',
    value: 'PID',
    help: "the server's process on this machine (Linux), for its CPU time and memory",
  },
  ...COMMON_FLAGS,
];

export interface LoadArguments extends ServerArguments {
  /** Exactly one of the two. */
  queries?: string;
  bodies?: string;
  groundTruth?: string;
  load:
    | { arrivals: 'Poisson' | 'Constant'; rate: number; maxInFlight: number }
    | { arrivals: 'Closed'; concurrency: number };
  durationSeconds: number;
  warmupSeconds: number;
  timeoutSeconds: number;
  limit: number;
  params: Record<string, unknown>;
  using?: string;
  seed: number;
  limits: { latency: { percentile: number; max: number }[]; minRecall?: number; maxErrorRate: number };
  serverPid?: number;
}

/** @throws {UsageError} unless it is exactly one. */
function asked(queries: string | undefined, bodies: string | undefined): Pick<LoadArguments, 'queries' | 'bodies'> {
  if (queries !== undefined && bodies !== undefined) {
    throw new UsageError('--bodies: --queries is given, too; give one of them');
  }
  if (queries !== undefined) return { queries };
  if (bodies !== undefined) return { bodies };
  throw new UsageError('load: --queries is missing; give a file of query vectors, or of query bodies with --bodies');
}

const MAX_RATE = 200_000;
const MAX_CONCURRENCY = 4096;
/** Each has its place in a schedule that is made beforehand: 16 bytes. */
const MAX_REQUESTS = 20_000_000;
const PERCENTILES: readonly [string, number][] = [
  ['max-p50', 50],
  ['max-p95', 95],
  ['max-p99', 99],
  ['max-p999', 99.9],
];

/** @returns 'help' when that was asked for. @throws {UsageError} naming the flag, what was given and what was expected. */
export function parseLoad(argv: readonly string[]): LoadArguments | 'help' {
  const given = readFlags('load', LOAD_FLAGS, argv);
  if (given.on('help')) return 'help';
  const groundTruth = given.text('ground-truth');
  const using = given.text('using');
  const [queries, bodies] = [given.text('queries'), given.text('bodies')];
  const minRecall = given.number('min-recall', { min: 0, max: 1 });
  if (minRecall !== undefined && groundTruth === undefined) {
    throw new UsageError('--min-recall: recall is counted against --ground-truth, which is missing');
  }
  const serverPid = given.number('server-pid', { min: 1, max: 2 ** 31, whole: true });
  const durationSeconds = given.seconds('duration', { min: 0.1, max: 86_400 });
  const warmupSeconds = given.seconds('warmup', { min: 0, max: 3600 });
  const arrivals = given.oneOf('arrivals', ['Poisson', 'Constant', 'Closed']);
  const latency = PERCENTILES.filter(([name]) => given.has(name)).map(([name, percentile]) => ({
    percentile,
    max: given.seconds(name, { min: 0.001, max: 60 }) * 1000,
  }));
  const without = (names: readonly string[], why: string): void => {
    const wrong = names.find((name) => given.has(name));
    if (wrong !== undefined) throw new UsageError(`--${wrong}: ${why}`);
  };
  let load: LoadArguments['load'];
  if (arrivals === 'Closed') {
    without(['rate'], 'a closed loop has no rate; give --concurrency, or --arrivals Poisson');
    without(['max-in-flight'], 'a closed loop keeps --concurrency requests under way');
    const latencies = PERCENTILES.map(([name]) => name);
    without(
      latencies,
      'counts from when a request was due, and in a closed loop none is; use --arrivals Poisson with --rate',
    );
    given.required('concurrency');
    load = {
      arrivals,
      concurrency: given.number('concurrency', { min: 1, max: MAX_CONCURRENCY, whole: true }) as number,
    };
  } else {
    without(
      ['concurrency'],
      `${arrivals} requests come by --rate, however many are under way; for a number under way use --arrivals Closed`,
    );
    given.required('rate');
    const rate = given.number('rate', { min: 0.01, max: MAX_RATE }) as number;
    const requests = Math.ceil(rate * (durationSeconds + warmupSeconds));
    if (requests > MAX_REQUESTS) {
      throw new UsageError(
        `--rate ${rate} for ${durationSeconds + warmupSeconds} s is ${requests} requests, at most are ${MAX_REQUESTS}; shorten --duration`,
      );
    }
    if (requests < 1)
      throw new UsageError(`--rate ${rate}: no request falls into ${durationSeconds} s; lengthen --duration`);
    const maxInFlight = given.number('max-in-flight', { min: 1, max: MAX_CONCURRENCY, whole: true }) as number;
    load = { arrivals, rate, maxInFlight };
  }
  return {
    ...serverArguments(given),
    ...asked(queries, bodies),
    ...(groundTruth === undefined ? {} : { groundTruth }),
    load,
    durationSeconds,
    warmupSeconds,
    timeoutSeconds: given.seconds('timeout', { min: 0.01, max: 600 }),
    limit: given.number('limit', { min: 1, max: 1000, whole: true }) as number,
    params: nestedValues('param', given.many('param')),
    ...(using === undefined ? {} : { using }),
    seed: given.number('seed', { min: 0, max: Number.MAX_SAFE_INTEGER, whole: true }) as number,
    limits: {
      latency,
      ...(minRecall === undefined ? {} : { minRecall }),
      maxErrorRate: given.number('max-error-rate', { min: 0, max: 1 }) as number,
    },
    ...(serverPid === undefined ? {} : { serverPid }),
  };
}
