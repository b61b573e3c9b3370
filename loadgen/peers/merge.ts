import { LatencyHistogram } from '../load/histogram.ts';
import type { NamedMeasurement } from '../load/named-queries.ts';
import type { WindowMeasurement } from '../load/open-loop.ts';
import type { SeriesPoint } from '../load/series.ts';
import type { SubWindow } from '../load/sub-windows.ts';

/**
 * One window of what several generators measured of it. Histograms are added and counts summed, so that it is what one
 * generator with all the requests would have recorded; percentiles are never averaged. Order and grouping do not matter.
 * Of the generators' own work the totals stand, and the worst event loop.
 */
export function mergeWindows(windows: readonly WindowMeasurement[]): WindowMeasurement {
  const sum = (of: (window: WindowMeasurement) => number): number =>
    windows.reduce((total, window) => total + of(window), 0);
  const most = (of: (window: WindowMeasurement) => number): number => Math.max(0, ...windows.map(of));
  const histogram = (name: 'response' | 'service' | 'lateness' | 'ownLateness'): LatencyHistogram =>
    mergeHistograms(windows.map((window) => window[name]));
  const scheduled = sum((window) => window.scheduled);
  const waited = windows.map(({ own }) => own.waitedSeconds);
  const aborted = windows.map((window) => window.aborted);
  // Backlog ruins latency, not the other way round.
  const why = aborted.includes('Backlog') ? 'Backlog' : aborted.includes('Latency') ? 'Latency' : undefined;
  // One of them makes all writes.
  const writes = windows.find((window) => window.writes)?.writes;
  return {
    rate: sum((window) => window.rate),
    seconds: most((window) => window.seconds),
    startedAt: Math.min(...windows.map((window) => window.startedAt)),
    scheduled,
    sent: sum((window) => window.sent),
    sentInAll: sum((window) => window.sentInAll),
    completed: sum((window) => window.completed),
    achievedRate: sum((window) => window.achievedRate),
    errors: mergeErrors(windows),
    errorCount: sum((window) => window.errorCount),
    backlogStart: sum((window) => window.backlogStart),
    backlogEnd: sum((window) => window.backlogEnd),
    ...(why === undefined ? {} : { aborted: why }),
    response: histogram('response'),
    service: histogram('service'),
    lateness: histogram('lateness'),
    ownLateness: histogram('ownLateness'),
    cappedShare: scheduled === 0 ? 0 : sum((window) => window.cappedShare * window.scheduled) / scheduled,
    own: {
      wallSeconds: sum(({ own }) => own.wallSeconds),
      idleSeconds: sum(({ own }) => own.idleSeconds),
      workCpuSeconds: sum(({ own }) => own.workCpuSeconds),
      cpuSeconds: sum(({ own }) => own.cpuSeconds),
      waitedSeconds: waited.includes(undefined) ? undefined : sum(({ own }) => own.waitedSeconds ?? 0),
      loopP99: most(({ own }) => own.loopP99),
      loopMax: most(({ own }) => own.loopMax),
    },
    ...mergeNamed(windows),
    ...(writes ? { writes } : {}),
    meanInFlight: sum((window) => window.meanInFlight),
    parts: mergeParts(windows.map((window) => window.parts)),
    series: mergeSeries(windows.map((window) => window.series)),
  };
}

export function mergeHistograms(histograms: readonly LatencyHistogram[]): LatencyHistogram {
  const merged = new LatencyHistogram();
  for (const histogram of histograms) merged.add(histogram);
  return merged;
}

function mergeErrors(all: readonly { errors: Readonly<Record<string, number>> }[]): Record<string, number> {
  const errors: Record<string, number> = {};
  for (const one of all) {
    for (const [kind, count] of Object.entries(one.errors)) errors[kind] = (errors[kind] ?? 0) + count;
  }
  return errors;
}

/** The same by named query: all of them ask the same ones. */
function mergeNamed(windows: readonly WindowMeasurement[]): Pick<WindowMeasurement, 'queries'> {
  const groups = new Map<string, NamedMeasurement[]>();
  for (const { queries = [] } of windows) {
    for (const [name, query] of queries) groups.set(name, [...(groups.get(name) ?? []), query]);
  }
  if (groups.size === 0) return {};
  const merged = [...groups].map(([name, group]): [string, NamedMeasurement] => [
    name,
    {
      scheduled: group.reduce((sum, { scheduled }) => sum + scheduled, 0),
      completed: group.reduce((sum, { completed }) => sum + completed, 0),
      errorCount: group.reduce((sum, { errorCount }) => sum + errorCount, 0),
      errors: mergeErrors(group),
      response: mergeHistograms(group.map(({ response }) => response)),
      service: mergeHistograms(group.map(({ service }) => service)),
      lateness: mergeHistograms(group.map(({ lateness }) => lateness)),
    },
  ]);
  return { queries: new Map(merged) };
}

/** Those parts of a window that all of them measured. */
function mergeParts(windows: readonly (readonly SubWindow[])[]): SubWindow[] {
  const common = windows.length === 0 ? 0 : Math.min(...windows.map((parts) => parts.length));
  return Array.from({ length: common }, (_, index) => {
    const parts = windows.map((window) => window[index] as SubWindow);
    return {
      response: mergeHistograms(parts.map(({ response }) => response)),
      inFlight: parts.reduce((sum, { inFlight }) => sum + inFlight, 0),
    };
  });
}

/** Second by second; the percentiles are those of all answers, for each point brought its histogram. */
function mergeSeries(windows: readonly (readonly SeriesPoint[])[]): SeriesPoint[] {
  const points = new Map<number, SeriesPoint[]>();
  for (const point of windows.flat()) points.set(point.second, [...(points.get(point.second) ?? []), point]);
  return [...points]
    .toSorted(([a], [b]) => a - b)
    .map(([second, group]) => {
      const latency = mergeHistograms(group.flatMap((point) => (point.latency ? [point.latency] : [])));
      const sum = (of: (point: SeriesPoint) => number): number => group.reduce((total, point) => total + of(point), 0);
      return {
        second,
        offeredRate: sum((point) => point.offeredRate),
        achievedRate: sum((point) => point.achievedRate),
        latencyP50: latency.percentile(50),
        latencyP95: latency.percentile(95),
        latencyP99: latency.percentile(99),
        errors: sum((point) => point.errors),
        latency,
      };
    });
}
