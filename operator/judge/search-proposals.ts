import { beamOf, canonicalSearch, configurationKey, parametersKey } from './canonical.ts';
import type { Candidate } from './candidates.ts';
import type { Parameters } from './configuration.ts';
import { showNumber } from './format.ts';
import type { SearchRecord } from './history.ts';
import { metricValue, recallMetric, type Metric } from './metrics.ts';
import { fromLogit, logit, worth } from './objective.ts';
import { RATE_EXPONENT, rounded } from './model.ts';
import type { Outcome } from './outcomes.ts';
import { expectedImprovement } from './statistics.ts';
import type { Proposal, Study } from './study.ts';

/** A proposal with its rank: expected gain as a log-ratio times the chance that it holds. */
export interface RankedProposal {
  proposal: Proposal;
  acquisition: number;
}

/** Standard deviation of such a forecast, as a log-ratio. */
const FORECAST_SD = 0.05;

/** A narrower beam is worth proposing when it is at most this share of the one that was good enough. */
const WORTHWHILE = 0.92;

/**
 * Searches between two measured ones of the same build: where one beam was too narrow and the next was good enough, the
 * truth lies between. Recall is taken to rise evenly in log-odds over the beam's logarithm.
 */
export function searchProposals(study: Study, measured: readonly Outcome[], incumbent: number): RankedProposal[] {
  const { objectives, constraints, space } = study;
  const objective = objectives[0];
  const recallMin = constraints.recall?.min;
  if (!objective || recallMin === undefined || !space.search.some(({ name }) => name === 'params.hnsw_ef')) return [];
  const known = new Set(study.history.searches.map(configurationKey));
  return measured.flatMap(({ build, best, searches }) => {
    if (!best) return [];
    const wide = searches.find(({ search }) => parametersKey(search) === parametersKey(best.configuration.search));
    const narrow = wide && nextNarrower(wide, searches);
    const recallOf = ({ metrics }: SearchRecord) => recallMetric(metrics, constraints.recall)?.value;
    const [low, high] = [narrow && recallOf(narrow), wide && recallOf(wide)];
    if (!wide || !narrow || low === undefined || high === undefined || low >= recallMin || high < recallMin) return [];
    const [from, to] = [beamOf(narrow.search), beamOf(wide.search)];
    const target = Math.min(high, recallMin + standardError(recallMetric(wide.metrics, constraints.recall)));
    const share = (logit(target) - logit(low)) / (logit(high) - logit(low));
    const beam = Math.ceil(from * (to / from) ** share);
    if (!(beam > from) || beam > to * WORTHWHILE) return [];
    const search = canonicalSearch({ ...wide.search, 'params.hnsw_ef': beam }, build, study.limit, study.dataset);
    const configuration = { build, search };
    if (known.has(configurationKey(configuration))) return [];

    const recall = Number(
      fromLogit(logit(low) + (logit(high) - logit(low)) * (Math.log(beam / from) / Math.log(to / from))).toFixed(3),
    );
    const faster = (beam / to) ** (rateExponent(narrow, wide) ?? RATE_EXPONENT);
    const expected = expectedMetrics(best, objective.metric, faster);
    const value = expected.find(({ name }) => name === objective.metric)?.value;
    if (value === undefined) return [];
    const probabilityFeasible = recall >= recallMin ? 0.6 : 0.4;
    return [
      {
        acquisition: expectedImprovement(worth(value, objective), FORECAST_SD, incumbent) * probabilityFeasible,
        proposal: {
          configuration,
          source: 'Rule',
          change: 'SearchOnly',
          expected: objective.metric === 'recall' ? expected : [...expected, { name: 'recall', value: recall }],
          probabilityFeasible,
          rationale:
            `On this build ${beamText(narrow.search)} gave recall ${showNumber(low)}, too little, and ${beamText(wide.search)} ` +
            `gave ${showNumber(high)}: ${beamText(search)} should be enough with less work`,
        } satisfies Proposal,
      },
    ];
  });
}

/** `hnsw_ef=64`, or its default by that name. */
function beamText(search: Parameters): string {
  const beam = search['params.hnsw_ef'];
  return beam === undefined ? "Qdrant's default hnsw_ef" : `hnsw_ef=${beam}`;
}

/** The widest measured search of the same group with a narrower beam. */
function nextNarrower(wide: SearchRecord, searches: readonly SearchRecord[]): SearchRecord | undefined {
  const group = otherParameters(wide.search);
  return searches
    .filter(({ search }) => otherParameters(search) === group && beamOf(search) < beamOf(wide.search))
    .toSorted((a, b) => beamOf(b.search) - beamOf(a.search))[0];
}

/** How the rate changes with the beam by the server's own CPU time for both searches, where it could be read. */
function rateExponent(narrow: SearchRecord, wide: SearchRecord): number | undefined {
  const [a, b] = [metricValue(narrow.metrics, 'serverCpuPerQuery'), metricValue(wide.metrics, 'serverCpuPerQuery')];
  if (a === undefined || b === undefined || !(a > 0) || !(b > a)) return undefined;
  return -Math.log(b / a) / Math.log(beamOf(wide.search) / beamOf(narrow.search));
}

/** The objective's metric scaled by the change of rate: rates rise, times and costs fall, the rest stays. */
function expectedMetrics(
  best: Candidate,
  metric: Proposal['expected'][number]['name'],
  faster: number,
): Proposal['expected'] {
  const value = metricValue(best.metrics, metric);
  if (value === undefined) return [];
  if (metric === 'throughput') return [{ name: metric, value: rounded(value * faster) }];
  const shrinks = metric.startsWith('latency') || metric === 'serverCpuPerQuery' || metric === 'costPerMillionQueries';
  return [{ name: metric, value: rounded(shrinks ? value / faster : value) }];
}

function standardError(recall: Metric | undefined): number {
  return recall?.low !== undefined && recall.high !== undefined ? (recall.high - recall.low) / 3.92 : 0;
}

function otherParameters(search: Parameters): string {
  const { 'params.hnsw_ef': _, ...others } = search;
  return parametersKey(others);
}
