import type { SweepStatus } from '../crds/sweep/sweep-status.ts';
import { summary } from '../operator/judge/bodies.ts';
import { configurationKey } from '../operator/judge/canonical.ts';
import type { History, SearchRecord } from '../operator/judge/history.ts';

/** One measured search, for reading by people and programs. */
export type SearchRow = Omit<SearchRecord, 'build' | 'search'> & { summary: string };

/** The rows of everything measured, in an order that does not depend on when it was measured. */
export function searchRows(history: History): SearchRow[] {
  return history.searches
    .toSorted((a, b) => {
      const [x, y] = [configurationKey(a), configurationKey(b)];
      return x === y ? a.repeat - b.repeat : x < y ? -1 : 1;
    })
    .map(({ build, search, ...row }) => ({ ...row, summary: summary({ build, search }) }));
}

/** What `--output json` prints: the resource with its status, and all that was measured behind it. */
export function sweepObject(
  sweep: { apiVersion?: string; kind?: string; metadata: { name: string; namespace?: string }; spec: unknown },
  status: SweepStatus,
  history: History,
): Record<string, unknown> {
  return {
    apiVersion: sweep.apiVersion ?? 'qdrantbench.io/v1alpha1',
    kind: 'QdrantSweep',
    metadata: sweep.metadata,
    spec: sweep.spec,
    status,
    searches: searchRows(history),
  };
}
