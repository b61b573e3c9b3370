import { createHash } from 'node:crypto';
import type { SweepSpec } from '../../crds/sweep/sweep-spec.ts';
import type { Parameters } from '../judge/configuration.ts';

/** JSON with sorted keys, so that equal values have equal texts. */
export function stableJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stableJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${stableJson(item)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

const digest = (...parts: unknown[]): string => createHash('sha256').update(stableJson(parts)).digest('hex');

/**
 * What a sweep's history hangs on: namespace, name, target, dataset digest and the workload that is measured. Changing
 * parameters, budget, judge or constraints keeps the history; changing one of these begins another.
 */
export function historyKey(
  sweep: { namespace: string; name: string; spec: SweepSpec },
  target: TargetIdentity,
  datasetDigest: string,
): string {
  const { limit = 10, load, duration, warmup, payloadIndexes, queries } = sweep.spec.workload ?? {};
  const workload = { limit, load, duration, warmup, payloadIndexes, queries };
  return `sha256:${digest(sweep.namespace, sweep.name, target, datasetDigest, workload)}`;
}

/** What makes two targets the same for comparing numbers: kind, address, resources; not the process that happens to run. */
export interface TargetIdentity {
  kind: string;
  url?: string;
  resources?: unknown;
}

/** A run's id: 12 hexadecimal digits from the history key and the canonical build. */
export function runId(key: string, build: Parameters): string {
  return digest(key, 'run', build).slice(0, 12);
}

/** A search's id: what is measured and which repeat of it; committing it twice changes nothing. */
export function searchId(key: string, build: Parameters, search: Parameters, repeat: number): string {
  return digest(key, 'search', build, search, repeat).slice(0, 20);
}

/** The collection of an attempt. The prefix and the two hashes keep it apart from anything that is not ours. */
export function collectionName(key: string, run: string, attempt: number): string {
  return `qdrantbench-${digest(key).slice(0, 8)}-${run}-${attempt}`;
}
