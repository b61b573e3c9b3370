/** What is known of a window when asking whether the load generator itself was the limit. Times in ms. */
export interface ClientFacts {
  /** Did the window break a rule (latency, backlog, achieved rate)? */
  breached: boolean;
  wallSeconds: number;
  /** Share of wall time in which the load generator's thread had nothing to do, 0–1. */
  idleShare: number;
  /** Share of wall time in which it was ready but had no CPU, where known. */
  waitedShare: number | undefined;
  /** Longest and 99th percentile turn of its event loop. */
  loopP99: number;
  loopMax: number;
  /** Lateness that is its own, by percentile: request could start, but did not. */
  ownLateness: (percentile: number) => number;
  /** Time from the actual start to the answer, by percentile. */
  service: (percentile: number) => number;
  /** Time from start to answer when nothing else was asked for, or undefined. */
  unloadedService: number | undefined;
  /** Share of requests that waited because `maxInFlight` were under way. */
  cappedShare: number;
  latency: readonly { percentile: number; max: number }[];
}

/** Busier than this, the generator's own queueing shows in the figures (Little's law: at 85 % a queue of 5 or more). */
const MAX_BUSY = 0.85;
/**
 * Without a CPU for more than this share. Some waiting does no harm: between naps the thread waits for its turn on a
 * shared core and then catches up, as its idle share shows.
 */
const MAX_WAITED = 0.35;
/** A window that met the rules is trusted longer: what was late made its figures worse, not better. */
const MAX_BUSY_SUSTAINED = 0.92;
const MAX_WAITED_SUSTAINED = 0.5;
/** Own lateness up to this is the grain of the clock and never counts. ms. */
const LATENESS_GRAIN = 1;
/** Share of a latency limit that own lateness may take up. */
const LATENESS_SHARE = 0.1;

/**
 * Was the load generator the limit, rather than the server? Its thread was busy or starved, requests that could start did
 * not, or its own cap on requests under way held the rate down while the server was as quick as when idle.
 * A slow server shows none of these: the generator then naps, waiting for answers.
 * @returns why, in one sentence, or undefined.
 */
export function clientLimit(facts: ClientFacts): string | undefined {
  const busy = 1 - facts.idleShare;
  if (busy > (facts.breached ? MAX_BUSY : MAX_BUSY_SUSTAINED)) {
    return `the load generator's thread was busy or without a CPU for ${percent(busy)} of the time`;
  }
  const waited = facts.waitedShare ?? 0;
  if (waited > (facts.breached ? MAX_WAITED : MAX_WAITED_SUSTAINED)) {
    return `the load generator was ready to run but had no CPU for ${percent(waited)} of the time`;
  }
  for (const { percentile, max } of facts.latency) {
    const late = facts.ownLateness(percentile);
    if (late > Math.max(LATENESS_GRAIN, max * LATENESS_SHARE)) {
      return `the load generator sent requests ${ms(late)} late at p${percentile}, over a tenth of the limit of ${ms(max)}`;
    }
  }
  if (!facts.breached) return undefined;
  const late = facts.ownLateness(99);
  if (late > Math.max(10 * LATENESS_GRAIN, facts.service(99))) {
    return `the load generator sent requests ${ms(late)} late at p99, while the server took ${ms(facts.service(99))}`;
  }
  if (
    facts.cappedShare > 0.5 &&
    facts.unloadedService !== undefined &&
    facts.service(50) < 1.5 * facts.unloadedService
  ) {
    return (
      `${percent(facts.cappedShare)} of requests waited for one of the load generator's slots, while the server was as ` +
      `quick as when idle (${ms(facts.service(50))})`
    );
  }
  return undefined;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;
}
