import { describe, expect, it } from 'vitest';
import { samples } from './prometheus-text.ts';
import { type PodUsage, usageBetween, usageIn } from './pod-usage.ts';

const labels = (pod: string, container: string, more = '') =>
  `{container="${container}",${more}id="/kubepods/pod1/${container}",image="qdrant:1",name="abc",namespace="team",pod="${pod}"}`;
const TEXT = `# HELP container_cpu_usage_seconds_total [ALPHA] Cumulative cpu time consumed in seconds.
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total${labels('q-0', 'qdrant', 'cpu="total",')} 12.345678 1795268645123
container_cpu_usage_seconds_total${labels('q-0', '', 'cpu="total",')} 99 1795268645123
container_cpu_usage_seconds_total${labels('q-0', 'qdrant', 'cpu="cpu01",')} 7 1795268645123
container_cpu_usage_seconds_total${labels('other-0', 'qdrant', 'cpu="total",')} 1
container_cpu_cfs_periods_total${labels('q-0', 'qdrant')} 200
container_cpu_cfs_throttled_periods_total${labels('q-0', 'qdrant')} 17
container_cpu_cfs_throttled_seconds_total${labels('q-0', 'qdrant')} 0.5
container_memory_working_set_bytes${labels('q-0', 'qdrant')} 1.5e+08 1795268640000
container_memory_rss${labels('q-0', 'qdrant')} 1.2e+08
container_memory_max_usage_bytes${labels('q-0', 'qdrant')} 2.5e+08
container_start_time_seconds${labels('q-0', 'qdrant')} 1.7e+09
container_memory_rss${labels('q-0', 'qdrant').replace('pod1', 'pod0')} 5
container_memory_working_set_bytes${labels('q-0', 'qdrant').replace('pod1', 'pod0')} NaN
machine_cpu_cores 2
`;
const here = { namespace: 'team', pod: 'q-0', container: 'qdrant' };
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
  it('is read for that container alone, and for its newest start', () => {
    expect(usageIn(TEXT, here, now)).toEqual({
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
    expect(usageIn(TEXT, { ...here, namespace: 'other' }, now)).toBeUndefined();
    expect(usageIn(TEXT, { ...here, pod: 'other-0' }, now)).toBeUndefined();
    expect(usageIn('', here, now)).toBeUndefined();
  });

  it('has no throttling without a quota, and our time where the kubelet gives none', () => {
    const text = TEXT.replaceAll(/^container_cpu_cfs.*\n/gm, '').replaceAll(' 1795268645123', '');
    const usage = usageIn(text, here, now) as PodUsage;
    expect(usage.periods).toBeUndefined();
    expect(usage.at).toBe('2026-11-21T12:00:00.000Z');
  });

  const reading = (change: Partial<PodUsage>): PodUsage => ({
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
    ['restarted', {}, { cpuSeconds: 1 }, undefined],
  ])('between two readings: %s', (_name, before, after, expected) => {
    expect(usageBetween(reading(before), reading(after))).toEqual(expected);
  });
});
