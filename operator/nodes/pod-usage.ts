import { samples } from './prometheus-text.ts';

/** What a container used up to a moment, as its node's kubelet tells. Counters go on from the container's start. */
export interface PodUsage {
  /** The runtime's; another one after a restart, whose counters begin anew. */
  containerId: string;
  /** CPU time. */
  cpuSeconds: number;
  /** Periods of the CPU quota in which it wanted to run, and those in which the quota stopped it. Absent without a quota. */
  periods?: number;
  throttledPeriods?: number;
  throttledSeconds?: number;
  /** Memory that cannot be taken back: what counts against the limit. */
  workingSetBytes: number;
  rssBytes: number;
  /** The most since the container's start, where the kernel keeps it. */
  peakBytes?: number;
  /** ISO 8601, UTC: when the kubelet took the figures, which may be some ten seconds before we ask. */
  at: string;
}

/** What a container used between two readings. */
export interface PodUsageDifference {
  seconds: number;
  cpuSeconds: number;
  periods?: number;
  throttledPeriods?: number;
  throttledSeconds?: number;
  /** The most the kernel knows of, else the greater working set of the two readings. */
  peakBytes: number;
}

const FIELDS = {
  container_cpu_usage_seconds_total: 'cpuSeconds',
  container_cpu_cfs_periods_total: 'periods',
  container_cpu_cfs_throttled_periods_total: 'throttledPeriods',
  container_cpu_cfs_throttled_seconds_total: 'throttledSeconds',
  container_memory_working_set_bytes: 'workingSetBytes',
  container_memory_rss: 'rssBytes',
  container_memory_max_usage_bytes: 'peakBytes',
} as const;
const NAMES: ReadonlySet<string> = new Set(Object.keys(FIELDS));

/**
 * One container's figures in the text of `/metrics/cadvisor`; undefined when it is not there (yet). It is known by its
 * id in the cgroup's name: the labels of pod and container are missing where cAdvisor cannot ask the runtime. `now`
 * stands in where the figures carry no time.
 */
export function usageIn(text: string, containerId: string, now: Date): PodUsage | undefined {
  // `…/pod<uid>/<id>`, `…/cri-containerd-<id>.scope`; but not `crio-conmon-<id>.scope`, which is its keeper.
  const itsCgroup = new RegExp(`/(?:(?!crio-conmon-)[a-z-]+-)?${containerId}(?:\\.scope)?$`);
  const found: Partial<Record<(typeof FIELDS)[keyof typeof FIELDS], number>> = {};
  let at = now.getTime();
  for (const { name, labels, value, timestampMs } of samples(text, NAMES)) {
    if (!itsCgroup.test(labels['id'] ?? '')) continue;
    // CPU time comes in all and, on some kernels, per core.
    if (labels['cpu'] !== undefined && labels['cpu'] !== 'total') continue;
    if (!Number.isFinite(value)) continue;
    found[FIELDS[name as keyof typeof FIELDS]] = value;
    if (name === 'container_cpu_usage_seconds_total' && timestampMs) at = timestampMs;
  }
  const { cpuSeconds, workingSetBytes, rssBytes, ...rest } = found;
  if (cpuSeconds === undefined || workingSetBytes === undefined || rssBytes === undefined) return undefined;
  return { containerId, cpuSeconds, workingSetBytes, rssBytes, ...rest, at: new Date(at).toISOString() };
}

/** undefined when the container was restarted between the two: its counters began again. */
export function usageBetween(before: PodUsage, after: PodUsage): PodUsageDifference | undefined {
  if (after.containerId !== before.containerId) return undefined;
  const change = (field: 'periods' | 'throttledPeriods' | 'throttledSeconds') => {
    const [from, to] = [before[field], after[field]];
    return from === undefined || to === undefined ? {} : { [field]: Math.max(0, to - from) };
  };
  return {
    seconds: (Date.parse(after.at) - Date.parse(before.at)) / 1000,
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    ...change('periods'),
    ...change('throttledPeriods'),
    ...change('throttledSeconds'),
    peakBytes: after.peakBytes ?? Math.max(before.workingSetBytes, after.workingSetBytes),
  };
}
