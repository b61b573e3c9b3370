import type { KubeObject } from '../../operator/runtime/kube.ts';
import { onInstallation, type Ground, type Installation } from './installation.ts';
import { acknowledged, isOver } from './sight.ts';
import { spread, type Spread } from './spread.ts';

export interface FirstStatus {
  /** From the request that makes a sweep until a watching client has its status, s. */
  seconds: Spread;
}

/** How soon an operator with nothing else to do takes note of a new sweep; one sweep at a time. */
export function measureFirstStatus(ground: Ground, sweeps: number): Promise<FirstStatus> {
  return onInstallation(ground, 'first', {}, async (installation) => {
    await installation.startOperator();
    const seconds: number[] = [];
    for (let index = 0; index < sweeps; index += 1) {
      const sweep = installation.nextSweep();
      seconds.push(await secondsToStatus(installation, sweep));
      const { name, namespace = '' } = sweep.metadata;
      const over = (): true | undefined => isOver(installation.sight.sweep(namespace, name)) || undefined;
      await installation.until(`the end of ${name}`, over, 60);
      await installation.remove(sweep);
    }
    const figures = { seconds: spread(seconds) };
    ground.say(`a new sweep's first status: p50 ${figures.seconds.p50} s, worst ${figures.seconds.max} s of ${sweeps}`);
    return figures;
  });
}

/** Makes a sweep and waits for its first status. @returns s */
export async function secondsToStatus(installation: Installation, sweep: KubeObject): Promise<number> {
  const { name, namespace = '' } = sweep.metadata;
  const began = performance.now();
  await installation.create(sweep);
  const look = (): number | undefined =>
    acknowledged(installation.sight.sweep(namespace, name)) ? performance.now() : undefined;
  return ((await installation.until(`the status of ${name}`, look, 120)) - began) / 1000;
}
