import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { RecallCounter, RecallTally, type TruthSource } from '../evaluate/recall.ts';
import { errorText, JobError } from '../job-error.ts';
import { QueryClient } from '../load/client.ts';
import { runClosedWindow } from '../load/closed-window.ts';
import { runClosedLoop } from '../load/closed-loop.ts';
import type { LatencyHistogram } from '../load/histogram.ts';
import { preempt, prioritise } from '../load/isolation.ts';
import { runWindow, type WindowPlan } from '../load/open-loop.ts';
import { constantArrivals, queryOrder, windowArrivals } from '../load/schedule.ts';
import type { SeriesPoint } from '../load/series.ts';
import { PeakMemory, ProcessStats } from '../load/server-stats.ts';
import { clientLimit } from '../load/validity.ts';
import { judgeWindow } from '../load/window-rules.ts';
import { ANYWHERE } from '../net/address-rules.ts';
import { collectionPath, RestError, type Rest } from '../rest.ts';
import { judgeLoad, type LoadFacts, type LoadLimits } from './judge-load.ts';
import { NOTHING, type LoadReport, type Percentiles } from './load-report.ts';
import { readQueryBodies } from './query-bodies.ts';
import { collectionInfo, connect, endpointOf, serverVersion, type ServerAddress } from './server.ts';
import { openVectors, readTruth } from './vector-files.ts';

/** One load on one collection. */
export interface LoadTask extends ServerAddress {
  queries: string;
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

/** The stream of seeded randomness arrivals are drawn from. */
const ARRIVALS = 16;
/** A backlog of so many seconds' arrivals, or of half of all there will be, is not waited for any longer. */
const HOPELESS_SECONDS = 10;
const PROBES = 200;
const PROBE_SECONDS = 0.5;
const NICENESS = -10;

/** What both kinds of load come to. */
interface Loaded {
  facts: LoadFacts;
  service: LatencyHistogram;
  response: LatencyHistogram | undefined;
  lateness: LatencyHistogram | undefined;
  /** Counted requests that were due and never sent. */
  unsent: number;
  sentInAll: number;
  cpuSeconds: number;
  client: LoadReport['client'];
}

/**
 * Loads a collection with queries, and says how it bore that. Nothing is written to the server.
 * @throws {JobError} DatasetInvalid: files, or a query the server refuses; TargetUnreachable.
 */
export async function runLoad(task: LoadTask, hooks: LoadHooks): Promise<LoadReport> {
  const { signal } = hooks;
  const rest = connect(task, 1);
  const { endpoint, env } = endpointOf(task);
  const connections = task.load.arrivals === 'Closed' ? task.load.concurrency : task.load.maxInFlight;
  const client = new QueryClient(endpoint, {
    limit: task.limit,
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
    await using file = await openVectors('--queries', task.queries);
    const bodies = await readQueryBodies(file, task);
    if (bodies.length < file.rows) hooks.say(`only the first ${bodies.length} of ${file.rows} queries are used`);
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
      loaded = await (task.load.arrivals === 'Closed' ? closed(task, plan) : open(task, plan));
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

type Shared = Pick<WindowPlan, 'bodies' | 'order' | 'onSecond' | 'signal'> & {
  sender: QueryClient;
  onAnswer: (query: number, ids: Int32Array) => void;
};

async function open(task: LoadTask, plan: Shared): Promise<Loaded> {
  if (task.load.arrivals === 'Closed') throw new Error('no open loop');
  const { arrivals, rate, maxInFlight } = task.load;
  const unloaded = await unloadedService(task, plan);
  const leadSeconds = task.warmupSeconds;
  const seconds = leadSeconds + task.durationSeconds;
  const measured = await runWindow({
    ...plan,
    orderStart: 0,
    arrivals:
      arrivals === 'Constant' ? constantArrivals(rate, seconds) : windowArrivals(rate, seconds, task.seed, ARRIVALS),
    rate,
    leadSeconds,
    seconds,
    maxInFlight,
    limit: task.limit,
    maxBacklog: Math.max(1000, rate * Math.min(HOPELESS_SECONDS, seconds / 2)),
    latency: [],
    drainSeconds: task.timeoutSeconds + 1,
  });
  const { own } = measured;
  const breach = judgeWindow(measured, { latency: task.limits.latency, errorRateMax: task.limits.maxErrorRate });
  const limit = clientLimit({
    breached: breach !== undefined && breach.kind !== 'Errors',
    wallSeconds: own.wallSeconds,
    idleShare: own.idleSeconds / own.wallSeconds,
    waitedShare: own.waitedSeconds === undefined ? undefined : own.waitedSeconds / own.wallSeconds,
    loopP99: own.loopP99,
    loopMax: own.loopMax,
    ownLateness: (percentile) => measured.ownLateness.percentile(percentile),
    service: (percentile) => measured.service.percentile(percentile),
    unloadedService: unloaded,
    cappedShare: measured.cappedShare,
    latency: task.limits.latency,
  });
  return {
    facts: {
      requests: measured.scheduled,
      completed: measured.completed,
      errors: measured.errorCount,
      errorKinds: measured.errors,
      // What was due within the counted time, which is the rate up to the last request.
      offeredRate: measured.aborted ? rate : measured.scheduled / measured.seconds,
      achievedRate: measured.achievedRate,
      recall: undefined,
      response: (percentile) => measured.response.percentile(percentile),
      breach,
      clientLimit: limit,
    },
    service: measured.service,
    response: measured.response,
    lateness: measured.lateness,
    unsent: measured.scheduled - measured.sent,
    sentInAll: measured.sentInAll,
    cpuSeconds: own.workCpuSeconds,
    client: {
      idleShare: round(own.idleSeconds / own.wallSeconds),
      waitedForCpuShare: own.waitedSeconds === undefined ? null : round(own.waitedSeconds / own.wallSeconds),
      cappedShare: round(measured.cappedShare),
      loopP99Ms: own.loopP99,
      loopMaxMs: own.loopMax,
    },
  };
}

async function closed(task: LoadTask, plan: Shared): Promise<Loaded> {
  if (task.load.arrivals !== 'Closed') throw new Error('no closed loop');
  const unloaded = await unloadedService(task, plan);
  const { warmupSeconds: leadSeconds, durationSeconds, timeoutSeconds } = task;
  const { concurrency } = task.load;
  const measured = await runClosedWindow({
    ...plan,
    orderStart: 0,
    concurrency,
    leadSeconds,
    seconds: leadSeconds + durationSeconds,
    drainSeconds: timeoutSeconds + 1,
    expected: ((concurrency * durationSeconds) / Math.max(0.1, unloaded ?? 1)) * 1000,
  });
  const { own } = measured;
  const limit = clientLimit({
    // It always asks for more than there is.
    breached: true,
    wallSeconds: own.wallSeconds,
    idleShare: own.idleSeconds / own.wallSeconds,
    waitedShare: own.waitedSeconds === undefined ? undefined : own.waitedSeconds / own.wallSeconds,
    loopP99: own.loopP99,
    loopMax: own.loopMax,
    ownLateness: () => 0,
    service: (percentile) => measured.service.percentile(percentile),
    unloadedService: undefined,
    cappedShare: 0,
    latency: [],
  });
  return {
    facts: {
      requests: measured.scheduled,
      completed: measured.completed,
      errors: measured.errorCount,
      errorKinds: measured.errors,
      offeredRate: undefined,
      achievedRate: measured.achievedRate,
      recall: undefined,
      response: undefined,
      breach: undefined,
      clientLimit: limit,
    },
    service: measured.service,
    response: undefined,
    lateness: undefined,
    unsent: 0,
    sentInAll: measured.sentInAll,
    cpuSeconds: own.workCpuSeconds,
    client: {
      idleShare: round(own.idleSeconds / own.wallSeconds),
      waitedForCpuShare: own.waitedSeconds === undefined ? null : round(own.waitedSeconds / own.wallSeconds),
      cappedShare: null,
      loopP99Ms: own.loopP99,
      loopMaxMs: own.loopMax,
    },
  };
}

/** Median time of an answer while two are asked for, ms: what tells the generator's own cap from a slow server. */
async function unloadedService(task: LoadTask, { sender, bodies, order, signal }: Shared): Promise<number | undefined> {
  const probed = await runClosedLoop({
    sender,
    bodies,
    queries: order.subarray(0, PROBES),
    concurrency: 2,
    maxSeconds: PROBE_SECONDS,
    ...(signal ? { signal } : {}),
  });
  // What they left behind is not the load's.
  await sleep(Math.min(100, task.warmupSeconds * 100));
  return probed.answered === 0 ? undefined : probed.service.percentile(50);
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

/** To a thousandth: a µs of a ms. */
function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
