import type { Metric } from '../../operator/judge/metrics.ts';
import type { Reason } from '../../operator/judge/verdict.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { mustBeUntouched } from '../ingest/untouched.ts';
import { RecallCounter, type RecallEstimate } from '../evaluate/recall.ts';
import { errorText, JobError } from '../job-error.ts';
import { AnswerCounter } from '../load/answers.ts';
import { QueryClient } from '../load/client.ts';
import { runClosedLoop, type ClosedLoopResult } from '../load/closed-loop.ts';
import { LatencyHistogram } from '../load/histogram.ts';
import { loadSearch, type LoadResult, type WindowReport } from '../load/load-search.ts';
import { encodeQueries } from '../load/queries.ts';
import type { SaturationOptions } from '../load/saturation.ts';
import type { SeriesPoint } from '../load/series.ts';
import {
  readServer,
  reportedMemory,
  serverTimeMetrics,
  signalsBetween,
  type ServerReading,
} from '../load/server-signals.ts';
import { ProcessStats } from '../load/server-stats.ts';
import { compileWorkload, PLAIN_WORKLOAD, questionBodies, type CompiledWorkload } from '../load/workload.ts';
import { playShare, type Means, type WindowOrder } from '../load/window-order.ts';
import type { AddressRules } from '../net/address-rules.ts';
import type { Leader, PlayPrepared } from '../peers/barrier.ts';
import type { Endpoint, LoadRules, Workload } from '../protocol.ts';
import { collectionPath, Rest } from '../rest.ts';
import { BenchWrites } from './bench-writes.ts';
import { namedMetrics, recallMetrics, type AskedQuery } from './workload-report.ts';

/** Most requests under way. */
const CONNECTIONS = 1024;
const REQUEST_TIMEOUT_MS = 30_000;
/** Longest recall phase of one search; what has been answered by then counts. */
const RECALL_MAX_SECONDS = 300;
/** Queries before the first recall phase that are not counted: connections, the server's and our own warm-up. */
const WARM_QUERIES = 400;
/** Connections for writes beside the searches, and for looking for what was written. */
const WRITE_CONNECTIONS = 768;

export interface Recalled {
  result: ClosedLoopResult;
  /** Answers a second, as fast as the workload's mix would be: the closed loop asks each named query equally often. */
  rate: number;
  recall: RecallEstimate | undefined;
  /** Of the named query with the lowest. */
  worstRecall: number | undefined;
  /** The named queries whose figures are published apart, each with this recall. */
  asked: readonly AskedQuery[];
  metrics: Metric[];
  limited?: { reason: Reason; message: string };
}

/** Everything that is needed to measure searches on one ready collection; made once, used for all its searches. */
export class SearchBench {
  readonly #endpoint: Endpoint;
  readonly #dataset: Dataset;
  readonly #limit: number;
  readonly #vectors: readonly Buffer[];
  readonly #client: QueryClient;
  readonly #rest: Rest;
  readonly #workload: CompiledWorkload;
  readonly #workloadAsked: Workload;
  #writes: BenchWrites | undefined;
  readonly #windowSeconds: number;
  /** Named queries whose figures are published apart. */
  readonly #asked: readonly AskedQuery[];
  readonly #seed: number;
  readonly #stats: ProcessStats | undefined;
  readonly #concurrency: number;
  readonly #connections: number;
  readonly #together: { leader: Leader; arm: number } | undefined;
  readonly #signal: AbortSignal;
  #warm = false;

  constructor(options: {
    endpoint: Endpoint;
    /** Where the endpoint may be. */
    rules: AddressRules;
    dataset: Dataset;
    limit: number;
    /** Default: every query alike. */
    workload?: Workload | undefined;
    /** Least length of a measuring window. */
    windowSeconds: number;
    seed: number;
    /** Cores the engine has, where known. */
    serverCores: number | undefined;
    signal: AbortSignal;
    /** Has other load generators offer their share; `arm` is which of the job's collections this is. */
    together?: { leader: Leader; arm: number } | undefined;
    /** Connections that the load needs, where that is more than usual. */
    connections?: number;
    /** Encoded queries, when several benches share a dataset. */
    vectors?: readonly Buffer[];
  }) {
    const { endpoint, rules, dataset, limit, seed, signal } = options;
    if (limit > dataset.truth.k) {
      throw new JobError(
        'DatasetChanged',
        `the dataset was prepared for limit ${dataset.truth.k}, asked is ${limit}; prepare it again`,
      );
    }
    this.#endpoint = endpoint;
    this.#dataset = dataset;
    this.#limit = limit;
    this.#seed = seed;
    this.#signal = signal;
    this.#vectors = options.vectors ?? encodeQueries(dataset);
    this.#together = options.together;
    this.#connections = Math.max(CONNECTIONS, options.connections ?? 0);
    const workload = options.workload ?? PLAIN_WORKLOAD;
    this.#workload = compileWorkload(dataset, workload, { seed, vectors: this.#vectors });
    this.#workloadAsked = workload;
    this.#windowSeconds = options.windowSeconds;
    this.#asked = this.#workload.tellsNames
      ? workload.queries.map(({ name }) => ({ name, selectivity: dataset.meta.filters?.[name]?.selectivity }))
      : [];
    this.#client = new QueryClient(endpoint, {
      limit,
      connections: this.#connections + (workload.writes ? WRITE_CONNECTIONS : 0),
      withPayload: workload.withPayload,
      timeoutMilliseconds: REQUEST_TIMEOUT_MS,
      rules,
    });
    this.#rest = new Rest(endpoint, 1, rules);
    this.#stats = endpoint.serverPid === undefined ? undefined : new ProcessStats(endpoint.serverPid);
    this.#concurrency = Math.max(4, 2 * (options.serverCores ?? 4));
  }

  /** Asks every query once, a few at a time: recall, and how fast the server is with that. */
  async recall(params: Readonly<Record<string, unknown>>): Promise<Recalled> {
    await this.#readyWrites();
    const { named, each, order } = this.#workload;
    const bodies = questionBodies(this.#workload, this.#vectors, this.#limit, params);
    const plan = {
      sender: this.#client,
      bodies,
      named,
      concurrency: this.#concurrency,
      maxSeconds: RECALL_MAX_SECONDS,
      signal: this.#signal,
    };
    if (!this.#warm) {
      await runClosedLoop({ ...plan, queries: order.subarray(0, WARM_QUERIES), maxSeconds: 1 });
      this.#warm = true;
    }
    const tally = this.#answers().tally();
    const cpuBefore = this.#stats?.cpuSeconds();
    const serverTime = new LatencyHistogram();
    this.#client.serverTime = serverTime;
    const result = await runClosedLoop({
      ...plan,
      queries: each,
      onAnswer: tally.add,
    }).finally(() => {
      this.#client.serverTime = undefined;
    });
    const cpuAfter = this.#stats?.cpuSeconds();
    await this.#mustBeUntouched();
    if (result.answered === 0 && Object.keys(result.errors).every((kind) => kind === 'connection')) {
      throw new JobError(
        'TargetUnreachable',
        `${this.#endpoint.url} does not answer queries any more; is it still running?`,
      );
    }
    const recall = tally.estimate();
    const recalls = tally.each();
    const asked = result.answered + result.errorCount;
    const metrics: Metric[] = recallMetrics(recall, this.#asked, recalls);
    const found = {
      asked: this.#asked.map((query, index) => ({ ...query, before: recalls[index] })),
      result,
      recall,
      rate: this.#mixRate(result),
      // One that was not measured may be any.
      worstRecall: recalls.includes(undefined) ? undefined : Math.min(...recalls.map((own) => own?.value ?? 0)),
    };
    if (cpuBefore !== undefined && cpuAfter !== undefined) {
      metrics.push({
        name: 'serverCpuPerQuery',
        value: ((cpuAfter - cpuBefore) / asked) * 1e6,
        unit: 'µs',
        source: 'process',
      });
    }
    metrics.push({ name: 'clientCpuPerQuery', value: (result.cpuSeconds / asked) * 1e6, unit: 'µs' });
    metrics.push(...serverTimeMetrics(serverTime));
    metrics.push(...namedMetrics(this.#asked, result.queries).filter(({ name }) => name.startsWith('service')));
    if (result.errorCount === 0) return { ...found, metrics };
    metrics.push({ name: 'errorRate', value: result.errorCount / asked });
    const message = `${result.errorCount} of ${asked} queries failed (${kinds(result.errors)})`;
    const why = await this.#firstError(bodies[this.#failing(result)] as Buffer);
    return { ...found, metrics, limited: { reason: 'ServerErrors', message: `${message}${why}` } };
  }

  /** A question of the named query that failed most often. */
  #failing({ queries }: ClosedLoopResult): number {
    const { rows, order } = this.#workload;
    const counts = [...(queries?.values() ?? [])].map(({ errorCount }) => errorCount);
    return counts.length === 0 ? (order[0] as number) : counts.indexOf(Math.max(...counts)) * rows.length;
  }

  /** What the closed loop's rate would be with each named query as often as its weight says. */
  #mixRate({ rate, queries }: ClosedLoopResult): number {
    if (!queries) return rate;
    const { weights } = this.#workload;
    const each = [...queries.values()].map(({ service }) => ({ count: service.count, mean: service.mean }));
    const answered = each.reduce((sum, { count }) => sum + count, 0);
    const equally = each.reduce((sum, { count, mean }) => sum + (count / answered) * mean, 0);
    const byWeight = each.reduce((sum, { mean }, name) => sum + (weights[name] as number) * mean, 0);
    return equally > 0 && byWeight > 0 ? (rate * equally) / byWeight : rate;
  }

  /** What the server says about one query, when it refuses it. */
  async #firstError(body: Buffer): Promise<string> {
    try {
      await this.#rest.call('POST', `${collectionPath(this.#endpoint.collection)}/points/query`, {
        body,
        signal: this.#signal,
      });
      return '';
    } catch (error) {
      return `: ${errorText(error)}`.slice(0, 700);
    }
  }

  /** Measures one search under load as the rules say. @throws {JobError} when the collection is not the same after it. */
  async load(
    params: Readonly<Record<string, unknown>>,
    rules: LoadRules,
    saturation: SaturationOptions,
    unloadedService: number | undefined,
    onWindow: (report: WindowReport) => void | Promise<void>,
    onSecond?: (point: SeriesPoint) => void,
  ): Promise<LoadResult> {
    const writes = await this.#readyWrites();
    const means = { ...this.#means(params), onSecond };
    const together = this.#together;
    const before = await this.#reading();
    const result = await loadSearch({
      ...means,
      connections: this.#connections,
      rules,
      saturation,
      ...(writes ? { beforeWindow: () => writes.beforeWindow() } : {}),
      onWindow,
      ...(together
        ? {
            play: (order: WindowOrder) =>
              together.leader.play({ arm: together.arm, params: { ...params } }, order, (asked, share) =>
                playShare(asked, means, share),
              ),
          }
        : {}),
      ...(unloadedService === undefined ? {} : { unloadedService }),
      ...(this.#stats ? { stats: this.#stats } : {}),
    });
    const after = await this.#reading();
    await writes?.clear();
    await this.#mustBeUntouched();
    // What is measured next begins with a collection that has come to rest, as the first one did.
    await writes?.settle();
    // Looking for written points is asking, too.
    const signals = signalsBetween(before, after, writes ? 0 : result.requests);
    const memory = result.peakMemory === undefined ? reportedMemory(after) : undefined;
    return { ...result, signals: memory ? [...signals, memory] : signals };
  }

  #reading(): Promise<ServerReading> {
    return readServer(this.#rest, this.#endpoint.collection, this.#stats, this.#signal);
  }

  /** What is written beside the searches, made ready once; undefined where nothing is. */
  async #readyWrites(): Promise<BenchWrites | undefined> {
    const { writes, queries } = this.#workloadAsked;
    if (!writes) return undefined;
    this.#writes ??= await BenchWrites.make({
      dataset: this.#dataset,
      workload: { queries, writes },
      sender: this.#client,
      rest: this.#rest,
      collection: this.#endpoint.collection,
      limit: this.#limit,
      seed: this.#seed,
      windowSeconds: this.#windowSeconds,
      signal: this.#signal,
    });
    return this.#writes;
  }

  /** Offers this generator's share of windows that another one leads. */
  sharer(params: Readonly<Record<string, unknown>>): PlayPrepared {
    const means = this.#means(params);
    return (order, share) => playShare(order, means, share);
  }

  #means(params: Readonly<Record<string, unknown>>): Means {
    return {
      client: this.#client,
      bodies: questionBodies(this.#workload, this.#vectors, this.#limit, params),
      order: this.#workload.order,
      named: this.#workload.named,
      writes: this.#writes?.window,
      limit: this.#limit,
      answers: this.#answers(),
      seed: this.#seed,
      signal: this.#signal,
    };
  }

  #mustBeUntouched(): Promise<void> {
    return mustBeUntouched(this.#rest, this.#endpoint.collection, this.#dataset.meta.points, this.#signal);
  }

  #answers(): AnswerCounter {
    const dataset = this.#dataset;
    const { meta } = dataset;
    const { queries, weights, rows } = this.#workload;
    const distance = (query: number, id: number): number =>
      dataset.distance(query, id < meta.points ? id : (this.#writes?.rowOf(id) ?? -1));
    const counters = queries.map(
      ({ name }) => new RecallCounter({ meta, truth: dataset.truthOf(name), distance }, meta.queries, this.#limit),
    );
    return new AnswerCounter(counters, weights, rows);
  }

  async close(): Promise<void> {
    await this.#client.close();
    await this.#rest.close();
  }
}

/** A connection for each client of a closed load: they wait for answers, not for each other. */
export function connectionsFor({ load }: Pick<LoadRules, 'load'>): number {
  return load?.kind === 'Closed' ? load.concurrency : 0;
}

/** Where the search begins, relative to what the recall phase reached: below, so that the first step succeeds. */
const START_SHARE = 0.7;

/** Where to look for the highest rate when nothing is known but how fast the recall phase was. */
export function firstGuess({ rate }: Pick<Recalled, 'rate'>): SaturationOptions {
  return { startRate: Math.max(0.1, rate * START_SHARE) };
}

/** `http503 3, timeout 1` */
export function kinds(errors: Readonly<Record<string, number>>): string {
  return Object.entries(errors)
    .map(([kind, count]) => `${kind} ${count}`)
    .join(', ');
}
