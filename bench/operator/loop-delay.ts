import { samples } from '../../operator/nodes/prometheus-text.ts';
import { rounded } from './spread.ts';

/** How long Node's event loop was kept from turning, ms. The timer that measures it is 10 of them. */
export interface LoopDelay {
  p99: number;
  max: number;
}

const NAMES = { p99: 'nodejs_eventloop_lag_p99_seconds', max: 'nodejs_eventloop_lag_max_seconds' };

/** Reads it from a page of metrics, which has it since the page was last asked for. Pure. */
export function parseLoopDelay(page: string): LoopDelay | undefined {
  const found = new Map([...samples(page, new Set(Object.values(NAMES)))].map(({ name, value }) => [name, value]));
  const p99 = found.get(NAMES.p99);
  const max = found.get(NAMES.max);
  if (p99 === undefined || max === undefined || Number.isNaN(p99)) return undefined;
  return { p99: rounded(p99 * 1000), max: rounded(max * 1000) };
}

/** @param port where an operator serves its metrics. */
export async function loopDelayOf(port: number): Promise<LoopDelay | undefined> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  return parseLoopDelay(await answer.text());
}

/** The worse of each. */
export const worse = (a: LoopDelay, b: LoopDelay): LoopDelay => ({
  p99: Math.max(a.p99, b.p99),
  max: Math.max(a.max, b.max),
});
