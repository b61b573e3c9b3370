import { setTimeout as sleep } from 'node:timers/promises';
import { total, type CallCounts } from './api-calls.ts';
import { inParallel } from './in-parallel.ts';
import { onInstallation, type Ground, type Installation, type Operator } from './installation.ts';
import { loopDelayOf, worse, type LoopDelay } from './loop-delay.ts';
import { memoryOf } from './memory.ts';
import { acknowledged, isOver } from './sight.ts';
import { rounded, spread, type Spread } from './spread.ts';

export interface ManySweeps {
  sweeps: number;
  namespaces: number;
  /** From the first request that makes one until the last such request is answered, s. */
  appliedSeconds: number;
  /** From the request that makes a sweep until it has its first status, s. */
  acknowledgedSeconds: Spread;
  /** Those that came to their end within the bound. */
  ended: number;
  boundSeconds: number;
  /** From the first request to the last end, or the bound, s. */
  seconds: number;
  /** All that the operator asked, also for those that still wait, by the number of those that ended. */
  callsPerEndedSweep: number;
  calls: CallCounts;
  /** MiB. */
  peakMemory: number;
  /** Absent where the operator does not tell. */
  loopDelayMs?: LoopDelay;
  /** Of all statuses at the end, bytes as JSON. */
  statusBytes: Spread;
}

export interface ManySweepsOptions {
  sweeps: number;
  namespaces: number;
  boundSeconds: number;
}

/** What an operator makes of many sweeps that come all at once, far more than it works on at a time. */
export function measureManySweeps(ground: Ground, options: ManySweepsOptions): Promise<ManySweeps> {
  const { sweeps, namespaces, boundSeconds } = options;
  return onInstallation(ground, 'many', { namespaces }, async (installation) => {
    const operator = await installation.startOperator();
    operator.calls.clear();
    const delays = new DelayWatch(operator, ground.signal);
    const began = performance.now();
    const since = (from: number): number => rounded((performance.now() - from) / 1000);
    const noted = noteStatuses(installation, sweeps);
    let appliedSeconds = 0;
    await inParallel(
      16,
      Array.from({ length: sweeps }, () => installation.nextSweep()),
      async (sweep) => {
        noted.made(sweep.metadata.name);
        await installation.create(sweep);
        appliedSeconds = since(began);
      },
    );
    const acknowledgedSeconds = spread(await noted.seconds);
    ground.say(`${sweeps} sweeps applied in ${appliedSeconds} s, each acknowledged after ${acknowledgedSeconds.max} s`);
    const ended = await countEnded(installation, sweeps, boundSeconds - since(began), ground);
    const seconds = since(began);
    const calls = operator.calls.byKind();
    const loopDelayMs = await delays.stop();
    const { peak } = await memoryOf(operator.process.pid);
    const all = installation.sight.sweeps(installation.namespaces);
    const figures: ManySweeps = {
      sweeps,
      namespaces,
      appliedSeconds,
      acknowledgedSeconds,
      ended,
      boundSeconds,
      seconds,
      callsPerEndedSweep: rounded(total(calls) / Math.max(1, ended)),
      calls,
      peakMemory: peak,
      ...(loopDelayMs ? { loopDelayMs } : {}),
      statusBytes: spread(all.map((sweep) => Buffer.byteLength(JSON.stringify(sweep['status'] ?? {})))),
    };
    ground.say(`${ended} of them over after ${seconds} s, ${peak} MiB at the most`);
    return figures;
  });
}

/** Takes down when each sweep was made, and when it has its first status. */
function noteStatuses(installation: Installation, sweeps: number) {
  const made = new Map<string, number>();
  const took = new Map<string, number>();
  const look = (): number[] | undefined => {
    for (const sweep of installation.sight.sweeps(installation.namespaces)) {
      const { name } = sweep.metadata;
      const from = made.get(name);
      if (from === undefined || took.has(name) || !acknowledged(sweep)) continue;
      took.set(name, (performance.now() - from) / 1000);
    }
    return took.size === sweeps ? [...took.values()] : undefined;
  };
  return {
    made: (name: string): void => void made.set(name, performance.now()),
    seconds: installation.until(`the first status of ${sweeps} sweeps`, look, 300),
  };
}

async function countEnded(
  installation: Installation,
  sweeps: number,
  seconds: number,
  { signal, say }: Ground,
): Promise<number> {
  const { sight, namespaces } = installation;
  const deadline = performance.now() + seconds * 1000;
  for (let told = performance.now(); ;) {
    const ended = sight.sweeps(namespaces).filter(isOver).length;
    if (ended === sweeps || performance.now() > deadline) return ended;
    if (performance.now() - told > 30_000) {
      told = performance.now();
      say(`${ended} of ${sweeps} are over`);
    }
    await sleep(100, undefined, { signal });
  }
}

/** Asks an operator every few seconds how its event loop fares, and keeps the worst. */
class DelayWatch {
  #worst: LoopDelay | undefined;
  #stopped = false;
  readonly #ended: Promise<void>;

  constructor({ port }: Operator, signal: AbortSignal) {
    this.#ended = this.#watch(port, signal);
  }

  async stop(): Promise<LoopDelay | undefined> {
    this.#stopped = true;
    await this.#ended;
    return this.#worst;
  }

  async #watch(port: number, signal: AbortSignal): Promise<void> {
    while (!this.#stopped && !signal.aborted) {
      const now = await loopDelayOf(port).catch(() => undefined);
      if (now) this.#worst = this.#worst ? worse(this.#worst, now) : now;
      await sleep(1000, undefined, { signal }).catch(() => undefined);
    }
  }
}
