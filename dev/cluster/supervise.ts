import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Holder, inside } from './namespaces.ts';
import { digestOf, type Part, writeFiles } from './parts/part.ts';
import type { ClusterPaths } from './paths.ts';
import { isAlive, lastWords, startDetached, stopProcess } from './process.ts';
import { type ClusterState, writeState } from './state.ts';

/** How long a part may take until it does its work. */
const healthyMs = 90_000;

export type Supervision = {
  paths: ClusterPaths;
  state: ClusterState;
  holder: Holder;
  env: NodeJS.ProcessEnv;
  onProgress?: (line: string) => void;
  signal?: AbortSignal;
};

/** The log file of a part. */
export const logOf = (paths: ClusterPaths, name: string): string => join(paths.logs, `${name}.log`);

/** Leaves a part alone that runs as it should; else starts it, again if need be. Does not wait until it is healthy. */
export async function ensureStarted(part: Part, supervision: Supervision): Promise<void> {
  const { paths, state, holder, env, onProgress } = supervision;
  const digest = digestOf(part);
  const running = state.parts[part.name];
  if (running !== undefined && isAlive(running)) {
    if (running.digest === digest) return;
    await stopProcess(running);
  }
  await writeFiles(part);
  onProgress?.(`starting ${part.name}`);
  // Where pods can have cores of their own, the cluster's parts keep to the one that no pod gets.
  const pinned = state.cpuPolicy === 'static' ? ['taskset', '--cpu-list', '0'] : [];
  const [command = '', ...args] = [...pinned, ...inside(holder, part.command, part.args).flat()];
  const id = await startDetached(command, args, { log: logOf(paths, part.name), env, cwd: '/' });
  state.parts[part.name] = { ...id, digest };
  await writeState(paths.state, state);
}

/** Waits until parts do their work. Throws with the last words of one that ended or took too long. */
export async function untilHealthy(parts: readonly Part[], supervision: Supervision): Promise<void> {
  const { paths, state, signal } = supervision;
  const until = Date.now() + healthyMs;
  for (const part of parts) {
    while (!(await part.healthy())) {
      signal?.throwIfAborted();
      const id = state.parts[part.name];
      const ended = id === undefined || !isAlive(id);
      if (ended || Date.now() > until) {
        const log = logOf(paths, part.name);
        const how = ended ? 'ended' : `is not healthy after ${healthyMs / 1000} s`;
        throw new Error(`${part.name} ${how}; its log is ${log}:\n${await lastWords(log)}`);
      }
      await sleep(100);
    }
  }
}
