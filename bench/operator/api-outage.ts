import { setTimeout as sleep } from 'node:timers/promises';
import { onInstallation, type Ground } from './installation.ts';
import { acknowledged } from './sight.ts';
import { rounded, spread, type Spread } from './spread.ts';

export interface ApiOutage {
  /** How long the API server was away, s. */
  awaySeconds: number;
  /** From its return until a sweep made meanwhile has its status, s. */
  seconds: Spread;
  /** A leader that cannot renew its Lease ends, and is started again. */
  restarts: number;
}

/** How soon an operator works again after its API server refused all connections for a while. */
export function measureApiOutage(ground: Ground, awaySeconds: number, rounds: number): Promise<ApiOutage> {
  return onInstallation(ground, 'outage', {}, async (installation) => {
    const operator = await installation.startOperator();
    const { api } = operator;
    installation.keep(operator);
    const seconds: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      api.goAway();
      await sleep(awaySeconds * 1000, undefined, { signal: ground.signal });
      const sweep = installation.nextSweep();
      await installation.create(sweep);
      const { name, namespace = '' } = sweep.metadata;
      const back = performance.now();
      api.heal();
      const look = (): number | undefined =>
        acknowledged(installation.sight.sweep(namespace, name)) ? performance.now() : undefined;
      const took = ((await installation.until(`the status of ${name}`, look, 180)) - back) / 1000;
      ground.say(`the API server was away for ${awaySeconds} s: work ${rounded(took)} s after its return`);
      seconds.push(took);
    }
    return { awaySeconds, seconds: spread(seconds), restarts: operator.restarts };
  });
}
