import type { Metric } from '../../operator/judge/metrics.ts';
import type { Reason } from '../../operator/judge/verdict.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { mustBeUntouched } from '../ingest/untouched.ts';
import { RecallCounter, RecallTally, type RecallEstimate } from '../evaluate/recall.ts';
import { errorText, JobError } from '../job-error.ts';
import { QueryClient } from '../load/client.ts';
import { runClosedLoop, type ClosedLoopResult } from '../load/closed-loop.ts';
import { loadSearch, type LoadResult, type WindowReport } from '../load/load-search.ts';
import { encodeQueries, queryBodies } from '../load/queries.ts';
import type { SaturationOptions } from '../load/saturation.ts';
import { queryOrder } from '../load/schedule.ts';
import { ProcessStats } from '../load/server-stats.ts';
import { playShare, type Means, type WindowOrder } from '../load/window-order.ts';
import type { AddressRules } from '../net/address-rules.ts';
import type { Leader, PlayPrepared } from '../peers/barrier.ts';
import type { Endpoint, LoadRules } from '../protocol.ts';
import { collectionPath, Rest } from '../rest.ts';

/** Most requests under way. */
const CONNECTIONS = 1024;
const REQUEST_TIMEOUT_MS = 30_000;
/** Longest recall phase of one search; what has been answered by then counts. */
const RECALL_MAX_SECONDS = 300;
/** Queries before the first recall phase that are not counted: connections, the server's and our own warm-up. */
const WARM_QUERIES = 400;

export interface Recalled {
  result: ClosedLoopResult;
  recall: RecallEstimate | undefined;
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
  readonly #order: Uint32Array;
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
    this.#order = queryOrder(dataset.meta.queries, seed);
    this.#together = options.together;
    this.#connections = Math.max(CONNECTIONS, options.connections ?? 0);
    this.#client = new QueryClient(endpoint, {
      limit,
      connections: this.#connections,
      timeoutMilliseconds: REQUEST_TIMEOUT_MS,
      rules,
    });
    this.#rest = new Rest(endpoint, 1, rules);
    this.#stats = endpoint.serverPid === undefined ? undefined : new ProcessStats(endpoint.serverPid);
    this.#concurrency = Math.max(4, 2 * (options.serverCores ?? 4));
  }

  /** Asks every query once, a few at a time: recall, and how fast the server is with that. */
  async recall(params: Readonly<Record<string, unknown>>): Promise<Recalled> {
    const bodies = queryBodies(this.#vectors, this.#limit, params);
    const counter = this.#counter();
    const plan = {
      sender: this.#client,
      bodies,
      concurrency: this.#concurrency,
      maxSeconds: RECALL_MAX_SECONDS,
      signal: this.#signal,
    };
    if (!this.#warm) {
      await runClosedLoop({ ...plan, queries: this.#order.subarray(0, WARM_QUERIES), maxSeconds: 1 });
      this.#warm = true;
    }
    const tally = new RecallTally(this.#dataset.meta.queries);
    const cpuBefore = this.#stats?.cpuSeconds();
    const result = await runClosedLoop({
      ...plan,
      queries: this.#order,
      onAnswer: (query, ids) => tally.add(query, counter.recall(query, ids)),
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
    const asked = result.answered + result.errorCount;
    const metrics: Metric[] = [];
    if (recall) metrics.push({ name: 'recall', value: recall.value, low: recall.low, high: recall.high });
    if (cpuBefore !== undefined && cpuAfter !== undefined) {
      metrics.push({
        name: 'serverCpuPerQuery',
        value: ((cpuAfter - cpuBefore) / asked) * 1e6,
        unit: 'µs',
        source: 'process',
      });
    }
    metrics.push({ name: 'clientCpuPerQuery', value: (result.cpuSeconds / asked) * 1e6, unit: 'µs' });
    if (result.errorCount === 0) return { result, recall, metrics };
    metrics.push({ name: 'errorRate', value: result.errorCount / asked });
    const message = `${result.errorCount} of ${asked} queries failed (${kinds(result.errors)})`;
    const why = await this.#firstError(bodies[this.#order[0] as number] as Buffer);
    return { result, recall, metrics, limited: { reason: 'ServerErrors', message: `${message}${why}` } };
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
  ): Promise<LoadResult> {
    const means = this.#means(params);
    const together = this.#together;
    const result = await loadSearch({
      ...means,
      connections: this.#connections,
      rules,
      saturation,
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
    await this.#mustBeUntouched();
    return result;
  }

  /** Offers this generator's share of windows that another one leads. */
  sharer(params: Readonly<Record<string, unknown>>): PlayPrepared {
    const means = this.#means(params);
    return (order, share) => playShare(order, means, share);
  }

  #means(params: Readonly<Record<string, unknown>>): Means {
    return {
      client: this.#client,
      bodies: queryBodies(this.#vectors, this.#limit, params),
      order: this.#order,
      queries: this.#dataset.meta.queries,
      limit: this.#limit,
      recall: this.#counter(),
      seed: this.#seed,
      signal: this.#signal,
    };
  }

  #mustBeUntouched(): Promise<void> {
    return mustBeUntouched(this.#rest, this.#endpoint.collection, this.#dataset.meta.points, this.#signal);
  }

  #counter(): RecallCounter {
    return new RecallCounter(this.#dataset, this.#dataset.meta.queries, this.#limit);
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

/** `http503 3, timeout 1` */
export function kinds(errors: Readonly<Record<string, number>>): string {
  return Object.entries(errors)
    .map(([kind, count]) => `${kind} ${count}`)
    .join(', ');
}
