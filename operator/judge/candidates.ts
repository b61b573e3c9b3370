import { configurationKey } from './canonical.ts';
import type { Configuration } from './configuration.ts';
import { withCosts } from './costs.ts';
import type { RunRecord, SearchRecord } from './history.ts';
import { judgeSearch } from './judge-search.ts';
import { metricValue, type Metric, type MetricName } from './metrics.ts';
import { meanInterval } from './statistics.ts';
import type { Study } from './study.ts';
import type { ConstraintResult, Judgement, Reason } from './verdict.ts';

/** A configuration with all that was measured of it under load, judged by the constraints as they are now. */
export interface Candidate {
  configuration: Configuration;
  /** The run and the search whose row stands for it: the sweep's own where there is one, else the first repeat's. */
  run: string;
  searchId: string;
  /** Means; low and high are the 95 % t-interval over repeats, or of a single measurement its own. Build-level metrics and costs included. */
  metrics: Metric[];
  /** The repeats the means are over, by number (0 is the sweep itself). */
  repeats: readonly { repeat: number; metrics: readonly Metric[] }[];
  judgement: Judgement;
  constraints: ConstraintResult[];
}

/** Reasons that come from how a measurement went, not from what the constraints ask: they survive a change of constraints. */
const CIRCUMSTANCES: readonly Reason[] = [
  'ClientLimited',
  'Unstable',
  'StartSkew',
  'Disrupted',
  'DatasetChanged',
  'ServerErrors',
  'NoSustainableRate',
  'TargetUnreachable',
  'SettingIgnored',
  'BuildFailed',
];

/**
 * Every loaded configuration once, in a stable order. `Final` rows count over the sweep's own. Rows that say nothing
 * (Inconclusive, Error) are left out of the means unless there are no others.
 */
export function candidates(
  study: Pick<Study, 'history' | 'constraints' | 'pricePerHour'>,
  rows: 'All' | 'WithoutFinals' = 'All',
): Candidate[] {
  const runs = new Map(study.history.runs.map((run) => [run.id, run]));
  const groups = new Map<string, SearchRecord[]>();
  for (const search of study.history.searches.toSorted(byIdentity)) {
    if (search.stage === 'Recall' || (rows === 'WithoutFinals' && search.stage === 'Final')) continue;
    const key = configurationKey(search);
    groups.set(key, [...(groups.get(key) ?? []), search]);
  }
  return [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => merged(group, runs, study));
}

/** The candidate of one search that was not loaded: what there is when nothing was. */
export function unloadedCandidates(study: Pick<Study, 'history' | 'constraints' | 'pricePerHour'>): Candidate[] {
  const runs = new Map(study.history.runs.map((run) => [run.id, run]));
  return study.history.searches
    .filter(({ stage }) => stage === 'Recall')
    .toSorted(byIdentity)
    .map((search) => merged([search], runs, study));
}

function merged(
  group: readonly SearchRecord[],
  runs: ReadonlyMap<string, RunRecord>,
  { constraints, pricePerHour }: Pick<Study, 'constraints' | 'pricePerHour'>,
): Candidate {
  const finals = group.filter(({ stage }) => stage === 'Final');
  const preferred = finals.length > 0 ? finals : group;
  const judged = preferred.map((row) => ({
    row,
    judgement: judgeSearch({ stage: row.stage, metrics: row.metrics, ...circumstances(row) }, constraints),
  }));
  const telling = judged.filter(({ judgement: { verdict } }) => verdict === 'Passed' || verdict === 'Failed');
  const used = (telling.length > 0 ? telling : judged).map(({ row }) => row);
  const first = group.find(({ stage }) => stage !== 'Final') ?? (group[0] as SearchRecord);
  const metrics = withCosts([...mean(used.map((row) => row.metrics)), ...buildMetrics(used, runs)], pricePerHour);
  // A repeat that could not sustain any rate says so of the configuration, however the means look.
  const limited = used.map(circumstances).find((found) => found.limited !== undefined);
  const judgement = judgeSearch({ stage: first.stage, metrics, ...limited }, constraints);
  return {
    configuration: { build: first.build, search: first.search },
    run: first.run,
    searchId: first.id,
    metrics,
    repeats: used.map((row) => ({ repeat: row.repeat, metrics: row.metrics })),
    judgement,
    constraints: judgement.constraints,
  };
}

function circumstances({ reason, message }: SearchRecord): { limited?: { reason: Reason; message: string } } {
  return CIRCUMSTANCES.includes(reason) ? { limited: { reason, message } } : {};
}

/** Means with t-intervals by metric; of a single row the metrics as they are. Only what every row has is averaged. */
function mean(rows: readonly (readonly Metric[])[]): Metric[] {
  const first = rows[0] ?? [];
  if (rows.length < 2) return first.filter(({ value }) => Number.isFinite(value));
  return first.flatMap((metric) => {
    const values = rows
      .map((row) => metricValue(row, metric.name, metric.query))
      .filter((value) => value !== undefined);
    if (values.length < rows.length) return [];
    const { mean: value, low, high } = meanInterval(values);
    const { low: _low, high: _high, ...rest } = metric;
    // None of our metrics can be negative; an interval over few repeats does not know that.
    return [{ ...rest, value, low: low === undefined ? undefined : Math.max(0, low), high }];
  });
}

/** Build-level metrics of the runs used that the searches do not carry themselves. */
function buildMetrics(used: readonly SearchRecord[], runs: ReadonlyMap<string, RunRecord>): Metric[] {
  const own = new Set<MetricName>(used.flatMap(({ metrics }) => metrics.map(({ name }) => name)));
  const run = used.map((row) => runs.get(row.run)).find((found) => found !== undefined);
  return (run?.metrics ?? []).filter(({ name, value }) => !own.has(name) && Number.isFinite(value));
}

function byIdentity(a: SearchRecord, b: SearchRecord): number {
  if (a.repeat !== b.repeat) return a.repeat - b.repeat;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
