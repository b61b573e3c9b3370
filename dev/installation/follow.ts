import { setTimeout as sleep } from 'node:timers/promises';
import { humanDuration } from '../../crds/duration.ts';
import { hasEnded, type SweepStatus } from '../../crds/sweep/sweep-status.ts';
import { KubeClient, loadKubeConfig } from '../../operator/runtime/kube-client.ts';
import type { Kube } from '../../operator/runtime/kube.ts';
import { SWEEP_KIND } from '../../operator/kinds.ts';
import type { Installation } from './install.ts';

const POLL_MS = 1000;
/** A line is said again after so long, so that a quiet terminal is not taken for a dead one. */
const REMIND_MS = 15_000;
/** Failures in a row before giving up: the API server may be restarting. */
const MAX_FAILURES = 30;

/** The status of a sweep once it is over. Says on the way what has changed. @throws when the resource is gone. */
export async function followSweep(
  kube: Pick<Kube, 'get'>,
  { namespace, name }: { namespace: string; name: string },
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<SweepStatus> {
  const began = Date.now();
  let told = '';
  let toldAt = 0;
  let failures = 0;
  const searches = new Set<string>();
  for (;;) {
    signal.throwIfAborted();
    const object = await kube.get({ ...SWEEP_KIND, namespace, name }, signal).catch((error: unknown) => {
      failures += 1;
      if (failures >= MAX_FAILURES) throw error;
      return null;
    });
    if (object === undefined) throw new Error(`QdrantSweep ${namespace}/${name} was deleted meanwhile`);
    const status = object?.['status'] as SweepStatus | undefined;
    if (status) {
      failures = 0;
      const line = progressLine(status);
      if (line !== told || Date.now() - toldAt > REMIND_MS) {
        const left = status.progress.estimatedCompletionAt
          ? Math.max(0, (Date.parse(status.progress.estimatedCompletionAt) - Date.now()) / 1000)
          : undefined;
        const rest = left === undefined || left < 1 ? '' : `; about ${humanDuration(left)} to the end`;
        say(`${humanDuration((Date.now() - began) / 1000).padStart(12)}  ${line}${rest}`);
        told = line;
        toldAt = Date.now();
      }
      for (const run of status.recentRuns.toReversed()) {
        if (!run.finishedAt || !run.verdict || searches.has(run.run)) continue;
        searches.add(run.run);
        say(`${' '.repeat(14)}${run.summary}: ${run.verdict}, ${run.message ?? run.reason ?? ''}`);
      }
      if (hasEnded(status.phase)) return status;
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** `Running, build 2 of 4, 12 searches: scalar`. Pure. */
export function progressLine({ phase, progress, recentRuns, conditions, summary }: SweepStatus): string {
  const trouble = conditions.find(
    ({ type, status }) => (type === 'TargetReady' || type === 'DatasetReady') && status === 'False',
  );
  if (trouble) return `${phase}: ${trouble.message}`;
  const waiting = conditions.find(({ type, reason }) => type === 'Reconciling' && reason === 'Waiting');
  if (waiting) return `${phase}: waiting for ${waiting.message}`;
  if (phase !== 'Running') return phase;
  const current = recentRuns.find((run) => !run.finishedAt);
  const what = current
    ? `build ${Math.min(progress.builds + 1, progress.maxBuilds)} of ${progress.maxBuilds}: ${current.summary}`
    : progress.builds >= progress.maxBuilds
      ? 'the finalists again'
      : `${progress.builds} of ${progress.maxBuilds} builds`;
  const best = summary?.throughput ? `; best so far ${summary.throughput} at recall ${summary.recall}` : '';
  return `${what}, ${progress.searches} searches measured${best}`;
}

/** A client of an installation's API server. The caller closes it. */
export function clientOf({ kubeconfig, context }: Pick<Installation, 'kubeconfig' | 'context'>): KubeClient {
  return new KubeClient({
    config: loadKubeConfig(kubeconfig, process.env, context),
    userAgent: 'qdrant-bench-demo',
    fieldManager: 'qdrant-bench-demo',
    kinds: [SWEEP_KIND],
  });
}
