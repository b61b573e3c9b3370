import type { Parameters, ParameterValue } from './configuration.ts';
import { defaultOf } from './parameters.ts';
import type { DatasetFacts } from './space.ts';

/** Fewest segments Qdrant aims at by itself: one for two cores, from 2 to 8. */
const FEWEST_SEGMENTS = 2;

const BYTES: Readonly<Record<string, number>> = { float32: 4, float16: 2, uint8: 1, turbo4: 0.5 };

/** Size of the original vectors in KB (1024 bytes), the unit of Qdrant's thresholds. */
export function vectorsKb(facts: DatasetFacts, datatype: ParameterValue = 'float32'): number {
  return (facts.points * facts.dimensions * (BYTES[String(datatype)] ?? 4)) / 1024;
}

/** Size of a segment's share in KB, when the target makes as many segments as stated or as few as it ever does. */
export function segmentKb(facts: DatasetFacts): number {
  return vectorsKb(facts) / Math.max(1, facts.segments ?? FEWEST_SEGMENTS);
}

/**
 * Whether a search of this build may walk a graph. Without facts about the data only `m` can rule it out; with them,
 * also that all vectors together stay below `indexing_threshold` (nothing is indexed) or `full_scan_threshold`
 * (a graph exists and is not used). False is certain; true is not.
 */
export function mayUseGraph(build: Parameters, facts?: DatasetFacts): boolean {
  const number = (name: string) => Number(build[name] ?? defaultOf(name) ?? 0);
  if (number('hnsw_config.m') === 0 && number('hnsw_config.payload_m') === 0) return false;
  if (!facts) return true;
  return mayBeIndexed(build, facts) && vectorsKb(facts, datatype(build)) >= number('hnsw_config.full_scan_threshold');
}

/** Whether any segment of this build may be indexed (graph, quantization). False is certain. */
export function mayBeIndexed(build: Parameters, facts: DatasetFacts): boolean {
  const threshold = Number(
    build['optimizers_config.indexing_threshold'] ?? defaultOf('optimizers_config.indexing_threshold'),
  );
  if (build['optimizers_config.prevent_unoptimized'] === true) return true;
  return threshold > 0 && vectorsKb(facts, datatype(build)) >= threshold;
}

function datatype(build: Parameters): ParameterValue {
  return build['vectors.datatype'] ?? 'float32';
}
