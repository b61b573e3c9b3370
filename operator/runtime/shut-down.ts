import type { Logger } from 'pino';
import { type Clock, systemClock } from './clock.ts';

export interface ShutDownStep {
  what: string;
  /** After so long, what comes next is begun all the same. Default 5 s. */
  limitMs?: number;
  run: () => unknown;
}

const LIMIT_MS = 5000;

/** Takes the steps one after another. One that fails or takes too long is logged, and keeps none of the rest from its turn. */
export async function shutDown(
  steps: readonly ShutDownStep[],
  log: Pick<Logger, 'warn' | 'debug'>,
  clock: Clock = systemClock,
): Promise<void> {
  for (const { what, run, limitMs = LIMIT_MS } of steps) {
    const late = Promise.withResolvers<never>();
    const cancel = clock.after(limitMs, () => late.reject(new Error(`not within ${limitMs} ms`)));
    try {
      await Promise.race([(async () => run())(), late.promise]);
      log.debug({ step: what }, 'shut down');
    } catch (error) {
      log.warn({ step: what, error: String(error) }, 'shutting down, a step was not completed');
    } finally {
      cancel();
    }
  }
}
