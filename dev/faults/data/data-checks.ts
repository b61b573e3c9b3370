import type { History } from '../../../operator/judge/history.ts';
import { metricValue } from '../../../operator/judge/metrics.ts';

/** How a sweep came through a fault. */
export interface Passage {
  history: History;
  phase: string;
  /** Why it stopped in between, each time with its sentence. */
  stops: readonly { reason: string; message: string }[];
  /** Messages of attempts that were given up. */
  failures: readonly string[];
  /** Collections on the engine in the end. */
  collections: readonly string[];
}

/** Recall of one build hardly differs from that of another with the same settings. */
const RECALL_TOLERANCE = 0.06;
/** A rate below this share of the undisturbed one was not the server's. */
const LEAST_RATE_SHARE = 0.2;

/**
 * What is wrong with how a sweep came through, in words; `undisturbed` is the same sweep without a fault. Whatever went
 * wrong has been named, everything was measured in the end, and no number is the fault's. Pure.
 */
export function problemsOf(passage: Passage, undisturbed: History, options: { rates: boolean }): string[] {
  const problems: string[] = [];
  const { history, phase, stops, failures, collections } = passage;
  if (phase !== 'Completed') problems.push(`the sweep ended ${phase}, expected Completed`);
  for (const { reason, message } of stops) {
    if (reason === 'Internal') problems.push(`a fault around the sweep was taken for one of ours: ${message}`);
    if (message.trim() === '') problems.push(`it stopped for ${reason} and did not say why`);
  }
  for (const message of failures) if (message.trim() === '') problems.push('an attempt failed without a word');
  for (const name of collections) problems.push(`collection ${name} was left behind`);
  const measured = new Map(history.searches.map((search) => [whatIsMeasured(search), search]));
  if (measured.size !== history.searches.length) problems.push('a search is in the record twice');
  for (const expected of undisturbed.searches.filter(({ stage, repeat }) => stage !== 'Final' && repeat === 0)) {
    const what = whatIsMeasured(expected);
    const found = measured.get(what);
    if (found === undefined) {
      problems.push(`search ${what} was never measured`);
      continue;
    }
    const [was, is] = [metricValue(expected.metrics, 'recall'), metricValue(found.metrics, 'recall')];
    if (was !== undefined && is !== undefined && Math.abs(was - is) > RECALL_TOLERANCE) {
      problems.push(`search ${what} has recall ${is}, undisturbed it has ${was}`);
    }
  }
  if (options.rates) problems.push(...falseRates(history, undisturbed));
  return problems;
}

/** Settings and repeat: ids differ from sweep to sweep. */
function whatIsMeasured({ build, search, repeat }: History['searches'][number]): string {
  const sorted = (parameters: object): string => JSON.stringify(Object.entries(parameters).toSorted());
  return `${sorted(build)} ${sorted(search)} #${repeat}`;
}

/** Published rates that can only be the fault's. */
function falseRates(history: History, undisturbed: History): string[] {
  const rateOf = (search: History['searches'][number] | undefined): number | undefined =>
    search === undefined || search.verdict === 'Inconclusive' ? undefined : metricValue(search.metrics, 'throughput');
  return history.searches.flatMap((search) => {
    const rate = rateOf(search);
    const what = whatIsMeasured(search);
    const expected = rateOf(undisturbed.searches.find((other) => whatIsMeasured(other) === what));
    if (rate === undefined || expected === undefined || rate >= LEAST_RATE_SHARE * expected) return [];
    return [`search ${what} is said to manage ${rate.toFixed(1)}/s, undisturbed it manages ${expected.toFixed(1)}/s`];
  });
}
