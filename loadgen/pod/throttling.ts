import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** How often and how long the kernel held back a group of processes for using up its CPU limit, since it was made. */
export interface Throttling {
  /** Enforcement periods (100 ms as a rule) in which the group wanted to run. */
  periods: number;
  /** Those in which it was held back. */
  throttledPeriods: number;
  /** Seconds it was held back, added up over its CPUs. */
  throttledSeconds: number;
}

/** Where a container sees its own group: cgroup v2, then v1 with its controllers together or apart. */
const PLACES = ['cpu.stat', 'cpu/cpu.stat', 'cpu,cpuacct/cpu.stat'];

/**
 * The CPU throttling of the group this process runs in, read from the kernel's `cpu.stat`
 * (Documentation/admin-guide/cgroup-v2.rst, Documentation/scheduler/sched-bwc.rst). In a pod that is the container's.
 * @param root where the control groups are mounted.
 * @returns undefined where there is none to be read: no Linux, or a group without a CPU limit's counters.
 */
export async function readOwnThrottling(root = '/sys/fs/cgroup'): Promise<Throttling | undefined> {
  for (const place of PLACES) {
    const text = await readFile(join(root, place), 'utf8').catch(() => undefined);
    const found = text === undefined ? undefined : parseCpuStat(text);
    if (found) return found;
  }
  return undefined;
}

/** v2 counts µs in `throttled_usec`, v1 ns in `throttled_time`. */
export function parseCpuStat(text: string): Throttling | undefined {
  const values = new Map(
    [...text.matchAll(/^([a-z_]+) (\d+)$/gm)].map(([, name, value]) => [name ?? '', Number(value)]),
  );
  const periods = values.get('nr_periods');
  const throttledPeriods = values.get('nr_throttled');
  const microseconds = values.get('throttled_usec') ?? (values.get('throttled_time') ?? NaN) / 1000;
  if (periods === undefined || throttledPeriods === undefined || !Number.isFinite(microseconds)) return undefined;
  return { periods, throttledPeriods, throttledSeconds: microseconds / 1e6 };
}
