import { setTimeout as sleep } from 'node:timers/promises';
import { total, type CallCounts } from './api-calls.ts';
import { onInstallation, type Ground, type Installation } from './installation.ts';
import { memoryOf, type Memory } from './memory.ts';
import { isOver } from './sight.ts';
import { rounded } from './spread.ts';

export interface Idle {
  sweeps: number;
  /** From the first request to the last sweep's end, s. */
  sweepsSeconds: number;
  /** What the operator asked of the API server for them, a sweep. */
  callsPerSweep: number;
  sweepCalls: CallCounts;
  /** Then nothing was asked of the operator for so long, s. */
  seconds: number;
  callsPerSecond: number;
  calls: CallCounts;
  /** MiB: the most that was resident while it was idle, and since its start. */
  memory: Memory;
}

/** Between the last sweep's end and the measurement: events and statuses are written behind. */
const SETTLE_MS = 15_000;

/** What an operator costs that has finished sweeps and nothing to do. */
export function measureIdle(
  ground: Ground,
  { sweeps, seconds, settleMs = SETTLE_MS }: { sweeps: number; seconds: number; settleMs?: number },
): Promise<Idle> {
  return onInstallation(ground, 'idle', { namespaces: 10 }, async (installation) => {
    const { calls, process } = await installation.startOperator();
    calls.clear();
    const sweepsSeconds = await finish(installation, sweeps);
    const sweepCalls = calls.byKind();
    ground.say(`${sweeps} sweeps finished in ${sweepsSeconds} s with ${total(sweepCalls)} calls of the API server`);
    await sleep(settleMs, undefined, { signal: ground.signal });
    calls.clear();
    let resident = 0;
    for (let second = 0; second < seconds; second += 1) {
      await sleep(1000, undefined, { signal: ground.signal });
      ({ resident } = larger({ resident }, await memoryOf(process.pid)));
    }
    const { peak } = await memoryOf(process.pid);
    const figures: Idle = {
      sweeps,
      sweepsSeconds,
      callsPerSweep: rounded(total(sweepCalls) / sweeps),
      sweepCalls,
      seconds,
      callsPerSecond: rounded(calls.total / seconds),
      calls: calls.byKind(),
      memory: { resident, peak },
    };
    ground.say(`idle with them: ${figures.callsPerSecond} calls a second, ${resident} MiB (${peak} at the most)`);
    return figures;
  });
}

const larger = (a: { resident: number }, b: { resident: number }) => (a.resident > b.resident ? a : b);

async function finish(installation: Installation, sweeps: number): Promise<number> {
  const began = performance.now();
  for (let index = 0; index < sweeps; index += 1) await installation.create(installation.nextSweep());
  const { sight, namespaces } = installation;
  const over = (): true | undefined => sight.sweeps(namespaces).filter(isOver).length === sweeps || undefined;
  await installation.until(`the end of ${sweeps} sweeps`, over, 300);
  return rounded((performance.now() - began) / 1000);
}
