/** Why a watch was opened again. `expired`: the server had forgotten our version, everything was listed anew. */
export type WatchRestart = 'closed' | 'expired' | 'error';

/** What the runtime counts. Whoever serves metrics implements it; names of objects are never labels. */
export interface RuntimeMetrics {
  /** A reconcile ended; `requeue_after`: it asked to be called again. */
  reconciled(queue: string, outcome: 'success' | 'requeue_after' | 'error', seconds: number): void;
  /** Of the failures: trying again would be of no use; the program's own fault; the time limit. */
  reconcileFailed(queue: string, why: 'terminal' | 'panic' | 'timeout'): void;
  /** Workers that are at work, of so many. */
  workers(queue: string, active: number, most: number): void;
  /** Keys that wait for a worker, after a change. */
  queueDepth(queue: string, depth: number): void;
  /** A key began to wait for a worker. */
  queueAdded(queue: string): void;
  /** A key waited so long from being added to being worked on. */
  queueWaited(queue: string, seconds: number): void;
  /** A failed key was put back with a delay. */
  queueRetried(queue: string): void;
  watchRestarted(kind: string, why: WatchRestart): void;
  /** A handler of an informer threw. */
  handlerFailed(kind: string): void;
  /** An event that could not be written; nothing but its text is lost. */
  eventLost(): void;
  /** `refused`: too large even when trimmed; `gone`: the object no longer exists. */
  statusWritten(outcome: 'written' | 'unchanged' | 'gone' | 'refused' | 'failed'): void;
  /** The API server answered, by its HTTP status; 0: it did not. */
  requested(method: string, status: number): void;
  /** Whether this process has the lease. */
  leading(lease: string, leads: boolean): void;
}

const nothing = (): void => undefined;

export const noMetrics: RuntimeMetrics = {
  reconciled: nothing,
  reconcileFailed: nothing,
  workers: nothing,
  queueDepth: nothing,
  queueAdded: nothing,
  queueWaited: nothing,
  queueRetried: nothing,
  watchRestarted: nothing,
  handlerFailed: nothing,
  eventLost: nothing,
  statusWritten: nothing,
  requested: nothing,
  leading: nothing,
};
