import { setTimeout as sleep } from 'node:timers/promises';
import type { Passed } from '../../dev/faults/proxy/api-proxy.ts';
import { onInstallation, type Ground, type Installation, type Operator } from './installation.ts';
import { isOver } from './sight.ts';
import { rounded, spread, type Spread } from './spread.ts';

export interface NewLeader {
  /** From the leader's death until its successor writes something for a sweep under way, s. */
  seconds: Spread;
}

/** Enough searches that there is still something to do when the next leader comes. */
const LONG = {
  parameters: [{ name: 'params.hnsw_ef', numbers: Array.from({ length: 24 }, (_, index) => 16 + 8 * index) }],
};
const PACE_MS = 250;

/** How soon a standby goes on with a sweep whose operator was killed. */
export function measureNewLeader(ground: Ground, rounds: number): Promise<NewLeader> {
  let searching = Promise.withResolvers<void>();
  const onMoment = (moment: string): Promise<void> => {
    if (moment === 'searching') searching.resolve();
    return Promise.resolve();
  };
  return onInstallation(ground, 'leader', { onMoment }, async (installation) => {
    let leader = await installation.startOperator();
    const seconds: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const standby = await installation.startOperator('standby');
      searching = Promise.withResolvers();
      installation.pace(PACE_MS);
      const { metadata } = await installation.create(installation.nextSweep(LONG));
      const { name, namespace = '' } = metadata;
      await Promise.race([searching.promise, sleep(60_000, undefined, { signal: ground.signal, ref: false })]);
      const killed = Date.now();
      await leader.process.kill();
      const took = ((await firstWrite(installation, standby, killed)) - killed) / 1000;
      ground.say(`the leader was killed: its successor went on after ${rounded(took)} s`);
      seconds.push(took);
      installation.pace(0);
      const over = (): true | undefined => isOver(installation.sight.sweep(namespace, name)) || undefined;
      await installation.until(`the end of ${name}`, over, 120);
      leader = standby;
    }
    return { seconds: spread(seconds) };
  });
}

/** Whether a write is one of a sweep's conductor: leases say who leads, events may be lost. Pure. */
export const isWork = ({ resource, status }: Pick<Passed, 'resource' | 'status'>): boolean =>
  status >= 200 && status < 300 && resource !== 'leases' && resource !== 'events';

/** When an operator first wrote something for a sweep, ms since the epoch. */
async function firstWrite(installation: Installation, { api }: Operator, since: number): Promise<number> {
  const found = await installation.until(
    'work by the next leader',
    () => api.writes.find((write) => write.at >= since && isWork(write)),
    120,
  );
  return found.at;
}
