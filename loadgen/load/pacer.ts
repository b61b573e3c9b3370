import { writeFileSync } from 'node:fs';
import { cpuWaitSeconds } from './server-stats.ts';
import { LatencyHistogram } from './histogram.ts';

/** What the load generator's own thread went through. Seconds of wall time unless said otherwise. */
export interface OwnWork {
  wallSeconds: number;
  /** Time with nothing to do: naps, and polls that found nothing. */
  idleSeconds: number;
  /** CPU used for requests: the turns in which something happened, without naps and polls that found nothing. */
  workCpuSeconds: number;
  /** All CPU used by this process. */
  cpuSeconds: number;
  /** Time ready to run but without a CPU, where the kernel tells. */
  waitedSeconds: number | undefined;
  /** How long the event loop took for one turn beyond its nap: ms, 99th percentile and longest. */
  loopP99: number;
  loopMax: number;
}

/** While requests are under way: short, since answers are seen only between naps. */
const NAP_BUSY = 0.05;
/** While nothing is under way: until the next arrival, at most this. ms. */
const NAP_FREE = 1;
/** A nap that ends this much later than asked for was not the timer's fault. ms. */
const NAP_SLACK = 0.15;
/** A poll that found nothing and took longer was interrupted. ms. */
const EMPTY_POLL = 0.05;

const sleeper = new Int32Array(new SharedArrayBuffer(4));
let sharpened = false;

/** Lets naps end within µs instead of the kernel's default of 50 µs; where it isn't allowed, they are as they are. */
function sharpenTimers(): void {
  if (sharpened) return;
  sharpened = true;
  try {
    writeFileSync('/proc/self/timerslack_ns', '1000');
  } catch {
    // Not Linux, or not permitted.
  }
}

/**
 * Runs the event loop so that work scheduled to the µs starts on time. Timers of the event loop have a grain of 1 ms and
 * more, and spinning would take a whole core (from the engine's sibling, perhaps), so the loop is turned by setImmediate
 * and naps for 50 µs whenever a turn found nothing to do. What is idle and what is work is accounted for exactly, which is
 * what tells a busy or starved generator from a slow server.
 *
 * @param turn does what is due and returns whether anything happened since the last turn, how many requests are under
 * way, and ms until the next thing is due; `done` ends the loop.
 */
export function pace(
  turn: (now: number) => { worked: boolean; inFlight: number; untilNext: number; done: boolean },
): Promise<OwnWork> {
  sharpenTimers();
  const loop = new LatencyHistogram();
  const cpu = process.cpuUsage();
  const waited = cpuWaitSeconds();
  const start = performance.now();
  let lastEnd = start;
  let idle = 0;
  let working = 0;
  let workedBefore = true;
  return new Promise((resolve, reject) => {
    const step = (): void => {
      try {
        const now = performance.now();
        const polled = now - lastEnd;
        const { worked, inFlight, untilNext, done } = turn(now);
        loop.record(polled);
        // The time since the last turn began holds that turn's own work.
        if (worked || workedBefore) working += polled;
        else if (polled < EMPTY_POLL) idle += polled;
        if (done) {
          resolve(account());
          return;
        }
        workedBefore = worked;
        lastEnd = now;
        const nap = Math.min(inFlight > 0 ? NAP_BUSY : NAP_FREE, untilNext - 0.01);
        if (!worked && nap > 0.02) {
          const before = performance.now();
          Atomics.wait(sleeper, 0, 0, nap);
          const slept = performance.now() - before;
          idle += Math.min(slept, nap + NAP_SLACK);
          // What exceeds the nap is the turn's lag, not idleness.
          lastEnd = before + Math.min(slept, nap + NAP_SLACK);
        }
        setImmediate(step);
      } catch (error) {
        reject(error as Error);
      }
    };
    const account = (): OwnWork => {
      const used = process.cpuUsage(cpu);
      const cpuSeconds = (used.user + used.system) / 1e6;
      const waitedNow = cpuWaitSeconds();
      return {
        wallSeconds: (performance.now() - start) / 1000,
        idleSeconds: idle / 1000,
        cpuSeconds,
        workCpuSeconds: Math.min(cpuSeconds, working / 1000),
        waitedSeconds: waited === undefined || waitedNow === undefined ? undefined : waitedNow - waited,
        loopP99: loop.percentile(99),
        loopMax: loop.max,
      };
    };
    setImmediate(step);
  });
}
