import { durationSeconds } from '../../crds/duration.ts';
import { quantityValue } from '../../crds/quantity.ts';
import { resolveDataset, resolveWorkload, type ResolvedWorkload } from '../../crds/sweep/presets.ts';
import type { DatasetSpec, ParameterSpec, QuantizationSpec, SweepSpec } from '../../crds/sweep/sweep-spec.ts';
import type { LoadModel } from '../../loadgen/protocol.ts';
import type { Constraints, Objective } from '../judge/study.ts';

/** A QdrantSweep's spec with every default filled in and every text turned into a number. */
export interface SweepSettings {
  suspend: boolean;
  onFinish: 'Delete' | 'KeepBest' | 'Keep';
  limit: number;
  /** How load is offered. */
  load: LoadModel;
  /** Load generators that share each job. */
  pods: number;
  /** What is asked, the preset's values filled in; undefined: every query alike, without payload, only reads. */
  workload: ResolvedWorkload | undefined;
  /** What is searched, with the payload fields a preset needs. */
  dataset: DatasetSpec;
  /** Least length of a measuring window, in seconds and in requests; the finalists' too, so that their figures compare. */
  windowSeconds: number;
  windowRequests: number;
  warmupSeconds: number;
  repeats: number;
  quantizations: readonly QuantizationSpec[];
  /** undefined: the judge chooses the space. */
  parameters: readonly ParameterSpec[] | undefined;
  constraints: Constraints;
  objectives: readonly Objective[];
  strategy: 'Adaptive' | 'Grid' | 'Random';
  seed: number;
  maxBuilds: number;
  /** Seconds from the start after which no build is started; undefined: no limit. */
  maxSeconds: number | undefined;
  pricePerHour: number | undefined;
  /** Of the price: `USD`. */
  currency: string | undefined;
  /** Defaults a user should know were assumed, one sentence each. */
  assumed: string[];
}

export const DEFAULT_RECALL = 0.95;
export const DEFAULT_BUILDS = 12;
const DEFAULT_ERROR_RATE = 0.001;
/** A soak is about change over time. */
const SOAK_SECONDS = 600;

/** Fills in the contract's defaults. The spec has passed its schema, so durations and quantities parse. */
export function resolveSettings(spec: SweepSpec): SweepSettings {
  const { workload = {}, constraints = {}, judge = {}, budget = {} } = spec;
  const assumed: string[] = [];
  const recall = constraints.recall ?? { min: DEFAULT_RECALL };
  if (!constraints.recall) assumed.push(`constraints.recall is not set: recall ≥ ${DEFAULT_RECALL} is assumed`);
  const load = resolveLoad(workload.load);
  const objectives = spec.objectives ?? [
    // Only a search for the highest rate can tell what throughput a configuration is capable of.
    load.kind === 'Saturation'
      ? { metric: 'throughput' as const, goal: 'Maximize' as const }
      : { metric: 'latencyP95' as const, goal: 'Minimize' as const },
  ];
  if (!spec.objectives) {
    assumed.push(
      load.kind === 'Saturation'
        ? 'objectives are not set: throughput is maximized'
        : 'objectives are not set: latencyP95 is minimized, for throughput needs workload.load.saturation',
    );
  }
  if (load.kind === 'Closed') {
    assumed.push(
      `workload.load.closed: all rates and latencies are of ${load.concurrency} clients that wait for each answer before they ask again; waiting that a slow answer would cause others does not show in them, and they compare only with tools that measure so`,
    );
  }
  const asked = resolveWorkload(spec);
  if (workload.preset) assumed.push(presetNote(workload.preset, spec));
  if (!budget.builds) assumed.push(`budget.builds is not set: at most ${DEFAULT_BUILDS} builds are made`);
  const price = spec.target.kubernetes?.pricePerHour ?? spec.target.external?.pricePerHour;
  const soak = load.kind === 'Open' && load.profile === 'Soak';
  if (soak && !workload.duration) assumed.push(`workload.duration is not set: a Soak lasts ${SOAK_SECONDS} s`);
  const windowSeconds = workload.duration ? durationSeconds(workload.duration) : soak ? SOAK_SECONDS : 1;
  return {
    suspend: spec.suspend ?? false,
    onFinish: spec.retention?.onFinish ?? 'Delete',
    limit: asked.limit,
    load,
    pods: spec.loadgen?.pods ?? 1,
    workload: isPlain(asked) ? undefined : asked,
    dataset: resolveDataset(spec),
    windowSeconds,
    windowRequests: workload.duration ? 1 : 1000,
    warmupSeconds: workload.warmup ? durationSeconds(workload.warmup) : 1,
    repeats: workload.repeats ?? 3,
    quantizations: spec.quantizations ?? [],
    parameters: spec.parameters,
    constraints: {
      recall: { min: recall.min, ...(recall.perQuery ? { perQuery: true } : {}) },
      latency: (constraints.latency ?? []).map(({ percentile, max }) => ({
        percentile,
        max: durationSeconds(max) * 1000,
      })),
      errorRate: { max: constraints.errorRate?.max ?? DEFAULT_ERROR_RATE },
      ...(constraints.memory ? { memory: { max: quantityValue(constraints.memory.max) } } : {}),
    },
    objectives,
    strategy: judge.strategy ?? 'Adaptive',
    seed: judge.seed ?? 1,
    maxBuilds: budget.builds ?? DEFAULT_BUILDS,
    maxSeconds: budget.duration ? durationSeconds(budget.duration) : undefined,
    pricePerHour: price ? Number(price.amount) : undefined,
    currency: price?.currency,
    assumed,
  };
}

/** The load model with its defaults; exactly one is given, or none. */
function resolveLoad(load: NonNullable<SweepSpec['workload']>['load']): LoadModel {
  if (load?.open) {
    const { arrivals = 'Poisson', rate, profile = 'Constant' } = load.open;
    return { kind: 'Open', arrivals, rate, profile };
  }
  if (load?.closed) return { kind: 'Closed', concurrency: load.closed.concurrency };
  return { kind: 'Saturation', arrivals: load?.saturation?.arrivals ?? 'Poisson' };
}

/** Whether a workload is what everything was measured with before there was another. */
function isPlain({ queries, withPayload, payloadIndexes, writes }: ResolvedWorkload): boolean {
  const [first, ...others] = queries;
  const alike = first?.name === 'default' && first.filter === undefined && others.length === 0;
  return alike && !withPayload && payloadIndexes.length === 0 && writes === undefined;
}

/** What a preset stands for here, in one sentence. */
function presetNote(name: string, spec: SweepSpec): string {
  const { queries, limit, withPayload, writes } = resolveWorkload(spec);
  const sum = queries.reduce((total, { weight }) => total + weight, 0);
  const mix = queries.map(({ name: query, weight }) => `${query} ${Math.round((100 * weight) / sum)} %`).join(', ');
  const written = [
    ...(writes?.upserts ? [`${writes.upserts.rate}/s upserts of ${writes.upserts.batch}`] : []),
    ...(writes?.deletes ? [`${writes.deletes.rate}/s deletes`] : []),
  ].join(' and ');
  const added = (resolveDataset(spec).synthetic?.payload as { field: string }[] | undefined)?.map(({ field }) => field);
  return [
    `workload.preset ${name}: queries ${mix}; limit ${limit}`,
    ...(withPayload ? ['with payload'] : []),
    ...(written ? [`beside them ${written}`] : []),
    ...(added ? [`the synthetic dataset has the payload fields ${added.join(', ')}`] : []),
  ].join('; ');
}
