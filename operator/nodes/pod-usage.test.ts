import { describe, expect, it } from 'vitest';
import { samples } from './prometheus-text.ts';
import { type PodUsage, usageBetween, usageIn } from './pod-usage.ts';

const ID = 'f'.repeat(63) + '1';
const OTHER = 'f'.repeat(63) + '2';
/** As it is where cAdvisor knows the runtime; `bare`, as it is where it does not. */
const labels = (id: string, more = '') =>
  `{container="qdrant",${more}id="${id}",image="q:1",name="x",namespace="t",pod="q-0"}`;
const bare = (id: string, more = '') => `{container="",${more}id="${id}",image="",name="",namespace="",pod=""}`;
const text = (
  label: typeof labels,
  id: string,
): string => `# HELP container_cpu_usage_seconds_total [ALPHA] Cumulative cpu time.
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total${label(id, 'cpu="total",')} 12.345678 1795268645123
container_cpu_usage_seconds_total${label(id.replace(ID, ''), 'cpu="total",')} 99 1795268645123
container_cpu_usage_seconds_total${label(id, 'cpu="cpu01",')} 7 1795268645123
container_cpu_usage_seconds_total${label(id.replace(ID, OTHER), 'cpu="total",')} 1
container_cpu_cfs_periods_total${label(id)} 200
container_cpu_cfs_throttled_periods_total${label(id)} 17
container_cpu_cfs_throttled_seconds_total${label(id)} 0.5
container_memory_working_set_bytes${label(id)} 1.5e+08 1795268640000
container_memory_rss${label(id)} 1.2e+08
container_memory_rss${label('/system.slice/crio-conmon-' + ID + '.scope')} 3
container_memory_max_usage_bytes${label(id)} 2.5e+08
container_memory_max_usage_bytes${label(id)} NaN
machine_cpu_cores 2
`;
const now = new Date('2026-11-21T12:00:00Z');

describe('Prometheus’ text', () => {
  it.each([
    ['a 1', [{ name: 'a', labels: {}, value: 1 }]],
    ['a{} 1e3 55', [{ name: 'a', labels: {}, value: 1000, timestampMs: 55 }]],
    ['a{x="1",y="2",} +Inf', [{ name: 'a', labels: { x: '1', y: '2' }, value: Number.POSITIVE_INFINITY }]],
    [
      'a{x="say \\"}, \\\\ \\n"} -Inf\r',
      [{ name: 'a', labels: { x: 'say "}, \\ \n' }, value: Number.NEGATIVE_INFINITY }],
    ],
    ['# a 1\n\n  \nb 2\na{x=1} 3\na\nanother 1\na 4', [{ name: 'a', labels: {}, value: 4 }]],
  ])('%j', (text, expected) => expect([...samples(text, new Set(['a']))]).toEqual(expected));
});

describe('what a container used', () => {
  it.each([
    ['labelled, cgroupfs', labels, `/kubepods/burstable/pod1-2/${ID}`],
    ['not labelled, cgroupfs', bare, `/a/kubepods/pod1-2/${ID}`],
    ['containerd under systemd', labels, `/kubepods.slice/kubepods-pod1_2.slice/cri-containerd-${ID}.scope`],
    ['CRI-O under systemd', labels, `/kubepods.slice/kubepods-pod1_2.slice/crio-${ID}.scope`],
  ])('is read for that container alone: %s', (_name, label, id) => {
    expect(usageIn(text(label, id), ID, now)).toEqual({
      containerId: ID,
      cpuSeconds: 12.345678,
      periods: 200,
      throttledPeriods: 17,
      throttledSeconds: 0.5,
      workingSetBytes: 150_000_000,
      rssBytes: 120_000_000,
      peakBytes: 250_000_000,
      at: new Date(1795268645123).toISOString(),
    });
  });

  it('is not there for another, or before its first figures', () => {
    expect(usageIn(text(labels, `/kubepods/${ID}`), OTHER, now)).toBeUndefined();
    expect(usageIn('', ID, now)).toBeUndefined();
  });

  it('has no throttling without a quota, and our time where the kubelet gives none', () => {
    const without = text(labels, `/kubepods/${ID}`)
      .replaceAll(/^container_cpu_cfs.*\n/gm, '')
      .replaceAll(' 1795268645123', '');
    const usage = usageIn(without, ID, now) as PodUsage;
    expect(usage.periods).toBeUndefined();
    expect(usage.at).toBe('2026-11-21T12:00:00.000Z');
  });

  const reading = (change: Partial<PodUsage>): PodUsage => ({
    containerId: ID,
    cpuSeconds: 10,
    workingSetBytes: 100,
    rssBytes: 80,
    at: '2026-11-21T12:00:00Z',
    ...change,
  });
  it.each<[string, Partial<PodUsage>, Partial<PodUsage>, unknown]>([
    ['nothing between', {}, {}, { seconds: 0, cpuSeconds: 0, peakBytes: 100 }],
    [
      'all there',
      { periods: 5, throttledPeriods: 1, throttledSeconds: 0.5 },
      {
        cpuSeconds: 14,
        periods: 45,
        throttledPeriods: 3,
        throttledSeconds: 1,
        peakBytes: 300,
        at: '2026-11-21T12:00:04Z',
      },
      { seconds: 4, cpuSeconds: 4, periods: 40, throttledPeriods: 2, throttledSeconds: 0.5, peakBytes: 300 },
    ],
    ['no quota before', {}, { periods: 5, workingSetBytes: 150 }, { seconds: 0, cpuSeconds: 0, peakBytes: 150 }],
    ['restarted', {}, { containerId: OTHER }, undefined],
  ])('between two readings: %s', (_name, before, after, expected) => {
    expect(usageBetween(reading(before), reading(after))).toEqual(expected);
  });
});
