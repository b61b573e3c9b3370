import type { Metric } from '../../operator/judge/metrics.ts';
import type { Reason } from '../../operator/judge/verdict.ts';
import { percentileMetrics } from '../load/histogram.ts';
import type { LoadResult, MeasuredOutcome, WindowReport } from '../load/load-search.ts';
import type { WindowMeasurement } from '../load/open-loop.ts';
import type { SeriesPoint } from '../load/series.ts';
import type { SearchMessage, SeriesMessage } from '../protocol.ts';
import { littlesLaw } from '../load/stationarity.ts';
import { kinds } from './search-bench.ts';
import { moreHistograms, namedMetrics, recallMetrics, writeMetrics, type AskedQuery } from './workload-report.ts';

/** The outcome of a load phase as it is published: metrics, rates, and why it must not count, if so. */
export function loadReport(
  result: LoadResult,
  fallback: readonly Metric[],
  asked: readonly AskedQuery[] = [],
): Pick<SearchMessage, 'metrics' | 'limited' | 'load'> {
  const { outcome, window, requests, errors } = result;
  const limited = limitedBy(result);
  const kind = outcome.kind === 'Measured' ? outcome.load.kind : 'Saturation';
  const bracket = bracketOf(outcome);
  const ends = bracket ? { bracket } : {};
  if (window === undefined || (limited && !BORNE_OUT.includes(limited.reason))) {
    // What was measured without load stays true; nothing is said of load.
    return {
      metrics: [...fallback],
      ...(limited ? { limited } : {}),
      load: { kind, ...ends, ...ownFigures(result), offeredRate: 0, achievedRate: 0, requests, errors },
    };
  }
  const { measured, recall, recalls, serverCpu } = window;
  const metrics = recallMetrics(recall, asked, recalls);
  const labelled = outcome.kind === 'Measured' ? { source: loadLabel(outcome.load) } : {};
  const timed = [
    ...percentileMetrics('latency', measured.response),
    ...percentileMetrics('service', measured.service),
    ...percentileMetrics('lateness', measured.lateness),
  ];
  metrics.push({ name: 'throughput', ...rateOf(outcome, measured), unit: '1/s', ...labelled });
  metrics.push(...timed.map((metric) => ({ ...metric, ...labelled })));
  metrics.push({ name: 'errorRate', value: measured.scheduled === 0 ? 0 : measured.errorCount / measured.scheduled });
  if (serverCpu !== undefined) {
    metrics.push({ name: 'serverCpuPerQuery', value: serverCpu * 1e6, unit: 'µs', source: 'process' });
  }
  metrics.push({
    name: 'clientCpuPerQuery',
    value: (measured.own.workCpuSeconds / Math.max(1, measured.sentInAll)) * 1e6,
    unit: 'µs',
  });
  if (result.peakMemory !== undefined) {
    metrics.push({ name: 'memory', value: result.peakMemory, unit: 'bytes', source: 'process' });
  }
  metrics.push(...(result.signals ?? []));
  metrics.push(...namedMetrics(asked, measured.queries), ...(measured.writes ? writeMetrics(measured.writes) : []));
  return {
    metrics: metrics.filter(({ value }) => Number.isFinite(value)),
    ...(limited ? { limited } : {}),
    load: {
      kind,
      ...ends,
      ...ownFigures(result),
      offeredRate: measured.rate,
      achievedRate: measured.achievedRate,
      requests,
      errors,
      histograms: {
        response: measured.response.encode(),
        service: measured.service.encode(),
        lateness: measured.lateness.encode(),
        ...moreHistograms(measured),
      },
    },
  };
}

/** A second of a window that goes on, for people: `second 12: 480/s, p95 3.2 ms`. */
export function secondText({ second, achievedRate, latencyP95, errors }: SeriesPoint): string {
  const failed = errors === 0 ? '' : `, ${errors} failed`;
  return `second ${second}: ${rate(achievedRate)}, p95 ${latencyP95.toFixed(1)} ms${failed}`;
}

/** What tells whether the load generator is to be believed, of whatever came of it. */
function ownFigures({ last }: LoadResult): Pick<NonNullable<SearchMessage['load']>, 'client' | 'little'> {
  if (!last) return {};
  const { own, ownLateness, cappedShare } = last;
  return {
    client: {
      busy: 1 - own.idleSeconds / own.wallSeconds,
      ...(own.waitedSeconds === undefined ? {} : { waited: own.waitedSeconds / own.wallSeconds }),
      loopP99: own.loopP99,
      loopMax: own.loopMax,
      latenessP99: ownLateness.percentile(99),
      capped: cappedShare,
    },
    little: littlesLaw(last),
  };
}

function unsteady({ unsteady: why, last }: LoadResult): { reason: Reason; message: string } | undefined {
  if (why === undefined) return undefined;
  const at = last ? ` at ${rate(last.achievedRate)}` : '';
  return { reason: 'Unstable', message: `the window${at} did not stand still: ${why}` };
}

/** Reasons that say something of the server: the window's figures stand beside them. */
const BORNE_OUT: readonly Reason[] = ['NoSustainableRate', 'ServerErrors'];

/** Whether the figures are of a search for the highest rate, or of a load that was given: `closed loop, 32 clients`. */
export function loadLabel(load: MeasuredOutcome['load']): string {
  if (load.kind === 'Closed') return `closed loop, ${load.concurrency} client${load.concurrency === 1 ? '' : 's'}`;
  const { arrivals, profile } = load;
  const how = [...(arrivals === 'Poisson' ? [] : ['constant arrivals']), ...(profile === 'Constant' ? [] : [profile])];
  return [`open loop, ${load.rate}/s`, ...how].join(', ');
}

/** The highest sustainable rate with its bracket; of a given load the rate that was achieved. */
function rateOf(outcome: LoadResult['outcome'], { achievedRate }: WindowMeasurement): Omit<Metric, 'name'> {
  return outcome.kind === 'Found'
    ? { value: outcome.low, low: outcome.low, high: outcome.high }
    : { value: achievedRate };
}

function bracketOf(outcome: LoadResult['outcome']): [number, number] | undefined {
  switch (outcome.kind) {
    case 'Found':
      return [outcome.low, outcome.high];
    case 'NoSustainableRate':
      return [0, outcome.lowest];
    case 'Unstable':
      return [outcome.low ?? 0, outcome.high ?? outcome.low ?? 0];
    case 'ClientLimited':
      return [0, outcome.rate];
    case 'Measured':
      return undefined;
  }
}

/** Why a load that was given does not count, or was not borne. What constraints ask for is the judge's to say. */
function givenLimit(result: LoadResult): { reason: Reason; message: string } | undefined {
  const { outcome, window, lastLimit, errors } = result;
  if (outcome.kind !== 'Measured') return undefined;
  const { load, breach } = outcome;
  if (lastLimit !== undefined) {
    if (result.skewed) return { reason: 'StartSkew', message: lastLimit };
    return {
      reason: 'ClientLimited',
      message: `with ${loadLabel(load)}, ${lastLimit}; give it a core of its own, or a machine of its own`,
    };
  }
  if (breach?.kind === 'Errors') return { reason: 'ServerErrors', message: `${breach.message} (${kinds(errors)})` };
  if (load.kind === 'Open' && (breach?.kind === 'Backlog' || breach?.kind === 'Achieved')) {
    const achieved = window ? `, ${rate(window.measured.achievedRate)} were answered` : '';
    return {
      reason: 'NoSustainableRate',
      message: `${rate(load.rate)} (${loadLabel(load)}) could not be sustained: ${breach.message}${achieved}`,
    };
  }
  return unsteady(result);
}

function limitedBy(result: LoadResult): { reason: Reason; message: string } | undefined {
  const { outcome, lastBreach, lastLimit, errors } = result;
  switch (outcome.kind) {
    case 'Measured':
      return givenLimit(result);
    case 'Found':
      return unsteady(result);
    case 'ClientLimited':
      if (result.skewed) return { reason: 'StartSkew', message: `${lastLimit}, at ${rate(outcome.rate)}` };
      return {
        reason: 'ClientLimited',
        message:
          `at ${rate(outcome.rate)} ${lastLimit ?? 'the load generator was the limit'}; ` +
          'give it a core of its own, or a machine of its own',
      };
    case 'NoSustainableRate':
      if (lastBreach?.kind === 'Errors') {
        return {
          reason: 'ServerErrors',
          message: `${lastBreach.message} (${kinds(errors)}) even at ${rate(outcome.lowest)}`,
        };
      }
      return {
        reason: 'NoSustainableRate',
        message: `even ${rate(outcome.lowest)} broke a rule: ${lastBreach?.message ?? 'no window met the rules'}`,
      };
    case 'Unstable':
      return {
        reason: 'Unstable',
        message:
          `windows at the same rates contradicted each other between ${rate(outcome.low ?? 0)} and ` +
          `${outcome.high === undefined ? 'above' : rate(outcome.high)}; is something else running on the machine?`,
      };
  }
}

function rate(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(0)}/s`;
}

/** The seconds of a window for charts. */
export function seriesMessages(report: WindowReport, search: string, repeat: number): SeriesMessage[] {
  return report.measured.series.map((point) => ({
    type: 'series',
    search,
    repeat,
    second: Math.round((report.startedAt + point.second) * 10) / 10,
    offeredRate: point.offeredRate,
    achievedRate: point.achievedRate,
    latencyP50: point.latencyP50,
    latencyP95: point.latencyP95,
    latencyP99: point.latencyP99,
    errors: point.errors,
  }));
}
