import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { ProgressMessage } from '../../../loadgen/protocol.ts';
import type { EnginePlace } from './engine-place.ts';

type Phase = ProgressMessage['phase'];

/** Something that goes wrong around data and load, in one phase of a sweep. */
export interface DataFault {
  /** kind/Phase */
  name: string;
  phase: Phase;
  strike: (place: EnginePlace) => Promise<void> | void;
  mend: (place: EnginePlace) => Promise<void> | void;
  /** It needs a file system that can be filled. */
  needsOwnDisk?: true;
}

const KINDS: readonly (Omit<DataFault, 'name' | 'phase'> & { kind: string; phases: readonly Phase[] })[] = [
  {
    kind: 'engine-killed',
    phases: ['Uploading', 'Indexing', 'Recall', 'Loading', 'Finals'],
    strike: (place) => place.kill(),
    mend: (place) => place.up(),
  },
  {
    kind: 'network-cut',
    phases: ['Uploading', 'Recall', 'Loading', 'Finals'],
    strike: (place) => place.cut(),
    mend: (place) => place.join(),
  },
  {
    kind: 'load-generator-out-of-memory',
    phases: ['Uploading', 'Recall', 'Loading', 'Finals'],
    strike: () => starveLoadGenerators(),
    mend: () => undefined,
  },
  {
    kind: 'disk-full',
    phases: ['Uploading', 'Indexing'],
    strike: (place) => place.fillDisk(),
    // An engine that met a full disk may be beyond help: it is started anew, as its StatefulSet would.
    mend: async (place) => {
      place.freeDisk();
      await place.kill();
      await place.up();
    },
    needsOwnDisk: true,
  },
];

export const DATA_FAULTS: readonly DataFault[] = KINDS.flatMap(({ kind, phases, ...fault }) =>
  phases.map((phase) => ({ ...fault, name: `${kind}/${phase}`, phase })),
);

/** Load generators that are children of this process. */
function loadGenerators(): number[] {
  const found: number[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      const parent = /^PPid:\s+([0-9]+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1];
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
      if (Number(parent) === process.pid && command.includes('loadgen/main.ts')) found.push(Number(name));
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

/**
 * From now on they get no more memory: the next allocation fails, and the process dies of it. Where that cannot be set,
 * they are killed, as the kernel does when a pod is over its limit.
 */
function starveLoadGenerators(): void {
  for (const pid of loadGenerators()) {
    if (spawnSync('prlimit', ['--pid', String(pid), '--as=65536']).status === 0) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
}
