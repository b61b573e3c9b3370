/** Time as the runtime sees it; tests put one of their own in its place. */
export interface Clock {
  /** Milliseconds, monotonic within a process and close to wall-clock time. */
  now(): number;
  /** Runs `callback` once after `ms`; the returned function takes that back. A waiting timer keeps no process alive. */
  after(ms: number, callback: () => void): () => void;
}

/** Timers hold at most 2^31-1 ms; who waits longer than this looks again. */
const LONGEST_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, ms), LONGEST_MS));
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Waits. @throws the reason of `signal` as soon as that is aborted. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const onAbort = (): void => {
      cancel();
      reject(signal.reason as Error);
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
