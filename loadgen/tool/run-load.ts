import { availableParallelism } from 'node:os';
import { RecallCounter, RecallTally, type TruthSource } from '../evaluate/recall.ts';
import { errorText, JobError } from '../job-error.ts';
import { QueryClient } from '../load/client.ts';
import type { LatencyHistogram } from '../load/histogram.ts';
import { preempt, prioritise } from '../load/isolation.ts';
import { queryOrder } from '../load/schedule.ts';
import type { SeriesPoint } from '../load/series.ts';
import { PeakMemory, ProcessStats } from '../load/server-stats.ts';
import { ANYWHERE } from '../net/address-rules.ts';
import { collectionPath, RestError, type Rest } from '../rest.ts';
import { judgeLoad, type LoadLimits } from './judge-load.ts';
import { NOTHING, type LoadReport, type Percentiles } from './load-report.ts';
import { closedLoad, openLoad, round, type Loaded } from './loops.ts';
import { readGivenBodies, type GivenBodies } from './given-bodies.ts';
import { readQueryBodies } from './query-bodies.ts';
import { collectionInfo, connect, endpointOf, serverVersion, type ServerAddress } from './server.ts';
import { openVectors, readTruth } from './vector-files.ts';

/** One load on one collection. */
export interface LoadTask extends ServerAddress {
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
  limits: LoadLimits;
  /** The server's process, where it runs on this machine. */
  serverPid?: number;
  benchVersion: string;
}

export interface LoadHooks {
  signal: AbortSignal;
  /** A line that stays. */
  say: (text: string) => void;
  /** A second of load is over; the first `warmupSeconds` are not counted. */
  onSecond: (point: SeriesPoint) => void;
}

const NICENESS = -10;

/**
 * Loads a collection with queries, and says how it bore that. Nothing is written to the server.
 * @throws {JobError} DatasetInvalid: files, or a query the server refuses; TargetUnreachable.
 */
export async function runLoad(task: LoadTask, hooks: LoadHooks): Promise<LoadReport> {
  const { signal } = hooks;
  const { bodies, rows, withPayload } = await readBodies(task);
  if (bodies.length < rows) hooks.say(`only the first ${bodies.length} of ${rows} queries are used`);
  const rest = connect(task, 1);
  const { endpoint, env } = endpointOf(task);
  const connections = task.load.arrivals === 'Closed' ? task.load.concurrency : task.load.maxInFlight;
  const client = new QueryClient(endpoint, {
    limit: task.limit,
    withPayload,
    connections,
    timeoutMilliseconds: task.timeoutSeconds * 1000,
    rules: ANYWHERE,
    env,
  });
  try {
    const info = await collectionInfo(rest, task, signal);
    if (info === undefined) {
      throw new JobError(
        'DatasetInvalid',
        `--collection ${task.collection}: there is none of this name at ${task.url}`,
      );
    }
    const truth = task.groundTruth && (await readTruth('--ground-truth', task.groundTruth, bodies.length, task.limit));
    const order = queryOrder(bodies.length, task.seed);
    await mustBeAnswered(rest, task, bodies[order[0] as number] as Buffer, signal);
    const tally = new RecallTally(bodies.length);
    const counter = truth ? new RecallCounter(byId(truth), bodies.length, task.limit) : undefined;
    const asked = new Uint8Array(bodies.length);
    const onAnswer = (query: number, ids: Int32Array): void => {
      asked[query] = 1;
      if (counter) tally.add(query, counter.recall(query, ids));
    };

    const stats = task.serverPid === undefined ? undefined : new ProcessStats(task.serverPid);
    const memory = stats && new PeakMemory(stats);
    // Where that is permitted, this thread goes first: what else runs here then makes its requests less late.
    prioritise(process.pid, NICENESS);
    await preempt(true);
    let loaded: Loaded;
    let serverCpu: number | undefined;
    try {
      const plan = { sender: client, bodies, order, onAnswer, onSecond: hooks.onSecond, signal };
      const cpuBefore = stats?.cpuSeconds();
      loaded = await (task.load.arrivals === 'Closed' ? closedLoad(task, plan) : openLoad(task, plan));
      const cpuAfter = stats?.cpuSeconds();
      if (cpuBefore !== undefined && cpuAfter !== undefined) serverCpu = (cpuAfter - cpuBefore) / loaded.sentInAll;
    } finally {
      memory?.stop();
      await preempt(false);
      prioritise(process.pid, 0);
    }
    const recall = tally.estimate();
    loaded.facts.recall = recall?.value;
    const judged = judgeLoad(loaded.facts, task.limits);
    const limited = judged.reason === 'ClientLimited';
    const { facts } = loaded;
    const figures = {
      achievedRate: round(facts.achievedRate),
      responseMs: percentiles(loaded.response),
      serviceMs: percentiles(loaded.service),
    };
    return {
      verdict: judged.verdict,
      reason: judged.reason,
      message: judged.message,
      loop: task.load.arrivals === 'Closed' ? 'closed' : 'open',
      arrivals: task.load.arrivals,
      offeredRate: facts.offeredRate === undefined ? null : round(facts.offeredRate),
      ...(limited ? { achievedRate: null, responseMs: NOTHING, serviceMs: NOTHING } : figures),
      requests: facts.requests,
      unsent: loaded.unsent,
      errors: facts.errors,
      errorKinds: { ...facts.errorKinds },
      recall: recall?.value ?? null,
      recallStdErr: recall?.standardError ?? null,
      recallQueries: recall?.queries ?? 0,
      latenessMs: percentiles(loaded.lateness),
      clientCpuMicrosPerRequest: perRequest(loaded.cpuSeconds / loaded.sentInAll),
      serverCpuMicrosPerRequest: perRequest(serverCpu),
      serverPeakMemoryBytes: memory?.peak ?? null,
      limited: limited ? figures : null,
      client: loaded.client,
      constraints: judged.constraints,
      durationSeconds: task.durationSeconds,
      warmupSeconds: task.warmupSeconds,
      rate: task.load.arrivals === 'Closed' ? null : task.load.rate,
      concurrency: task.load.arrivals === 'Closed' ? task.load.concurrency : null,
      maxInFlight: task.load.arrivals === 'Closed' ? null : task.load.maxInFlight,
      limit: task.limit,
      params: task.params,
      seed: task.seed,
      queries: asked.reduce((sum, was) => sum + was, 0),
      environment: {
        benchVersion: task.benchVersion,
        nodeVersion: process.version,
        platform: `${process.platform}-${process.arch}`,
        cores: availableParallelism(),
        qdrantVersion: await serverVersion(rest, signal),
        collection: task.collection,
        points: info.points_count ?? null,
      },
    };
  } finally {
    await client.close();
    await rest.close();
  }
}

async function readBodies(task: LoadTask): Promise<GivenBodies> {
  if (task.bodies !== undefined) return await readGivenBodies(task.bodies, task);
  await using file = await openVectors('--queries', task.queries ?? '');
  return { bodies: await readQueryBodies(file, task), rows: file.rows, withPayload: false };
}

/** One query before all others: a server that refuses it says why. */
async function mustBeAnswered(rest: Rest, task: LoadTask, body: Buffer, signal: AbortSignal): Promise<void> {
  try {
    const timeoutMilliseconds = task.timeoutSeconds * 1000;
    await rest.call('POST', `${collectionPath(task.collection)}/points/query`, { body, signal, timeoutMilliseconds });
  } catch (error) {
    if (!(error instanceof RestError)) throw error;
    // What passes, and what the server suffers from, is measured.
    if (error.retryable || error.status >= 500) return;
    const denied = error.status === 401 || error.status === 403;
    throw new JobError(
      denied ? 'TargetUnreachable' : 'DatasetInvalid',
      `the server refuses the first query: ${errorText(error)}${denied ? '' : '; check --queries, --param, --limit and --using'}`,
      { cause: error },
    );
  }
}

/** Ground truth by id alone: distances of what is equally near are not known here. */
function byId(truth: { k: number; ids: Int32Array }): TruthSource {
  return {
    meta: { distance: 'Euclid' },
    truth: { ...truth, distances: new Float64Array(truth.ids.length).fill(NaN) },
    distance: () => Infinity,
  };
}

function percentiles(histogram: LatencyHistogram | undefined): Percentiles {
  if (histogram === undefined || histogram.count === 0) return NOTHING;
  const at = (percentile: number): number => round(histogram.percentile(percentile));
  return { p50: at(50), p95: at(95), p99: at(99), p999: at(99.9), max: round(histogram.max) };
}

function perRequest(seconds: number | undefined): number | null {
  return seconds === undefined || !Number.isFinite(seconds) ? null : round(seconds * 1e6);
}
