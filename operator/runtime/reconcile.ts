import type { Logger } from 'pino';

/** What to do after a run that did not fail. */
export interface RunResult {
  /** Call again after so long, unless something happens before. */
  requeueAfterMs?: number;
}

/** One run, as whoever carries it out sees it. */
export interface RunContext {
  /** Aborted when its time is up, and when everything ends. */
  signal: AbortSignal;
  /** Says with every line which run it was. */
  log: Logger;
  reconcileID: string;
}

/** A failure that trying again would only repeat, such as a spec that is wrong: the key rests until something changes. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}

/** A run took too long, and was told so by its signal. */
export class ReconcileTimeout extends Error {
  override readonly name = 'ReconcileTimeout';
  constructor(ms: number) {
    super(`the run was ended after ${Math.round(ms / 1000)} s, its time limit`);
  }
}

/** A fault of the program itself, which in Go would be a panic. A TypeError with a cause is fetch's, of the network. */
export function isPanic(error: unknown): boolean {
  if (!(error instanceof Error)) return true;
  return (error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError) && !error.cause;
}
