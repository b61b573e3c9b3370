import type { ParameterValue } from './configuration.ts';

/** What a parameter decides: the collection, a query, or the cluster. */
export type ParameterLevel = 'Build' | 'Search' | 'Target';

/** What changing a parameter in production costs: a field of the query, a background re-optimisation, a re-upload, another cluster. */
export type ChangeCost = 'Request' | 'Patch' | 'Recreate' | 'Target';

/** What is known of one of Qdrant's parameters. */
export interface KnownParameter {
  /** Qdrant's own path: as in a collection's body, or `params.…` as in a query's. */
  name: string;
  level: ParameterLevel;
  type: 'Integer' | 'Number' | 'Boolean' | 'Choice' | 'Quantization';
  /** Qdrant's default; absent where the server decides. */
  default?: ParameterValue;
  min?: number;
  max?: number;
  choices?: readonly string[];
  /** First minor release that knows it. */
  since: string;
  cost: ChangeCost;
}

const MEMORY = ['cold', 'cached', 'pinned'] as const;

const build = (name: string, rest: Omit<KnownParameter, 'name' | 'level'>): KnownParameter => ({
  name,
  level: 'Build',
  ...rest,
});
const search = (name: string, rest: Omit<KnownParameter, 'name' | 'level' | 'cost'>): KnownParameter => ({
  name: `params.${name}`,
  level: 'Search',
  cost: 'Request',
  ...rest,
});

const integer = (range: { default?: number; min: number; max?: number }, since: string, cost: ChangeCost = 'Patch') =>
  ({ type: 'Integer', since, cost, ...range }) as const;
const flag = (fallback: boolean, since: string, cost: ChangeCost = 'Patch') =>
  ({ type: 'Boolean', default: fallback, since, cost }) as const;

/**
 * The parameters one may vary, with the defaults and bounds of Qdrant 1.19 (`config/config.yaml` and the OpenAPI
 * description of the server). Sizes (`…_threshold`, `max_segment_size`) are in KB of vector data.
 */
export const PARAMETERS: readonly KnownParameter[] = [
  build('hnsw_config.m', integer({ default: 16, min: 0, max: 1024 }, '1.0')),
  build('hnsw_config.ef_construct', integer({ default: 100, min: 4, max: 16_384 }, '1.0')),
  build('hnsw_config.full_scan_threshold', integer({ default: 10_000, min: 10 }, '1.0')),
  build('hnsw_config.max_indexing_threads', integer({ default: 0, min: 0, max: 1024 }, '1.0')),
  build('hnsw_config.on_disk', flag(false, '1.0')),
  build('hnsw_config.memory', { type: 'Choice', choices: MEMORY, default: 'cached', since: '1.19', cost: 'Patch' }),
  build('hnsw_config.payload_m', integer({ min: 0, max: 1024 }, '1.1')),
  build('hnsw_config.inline_storage', flag(false, '1.16')),
  build('quantization_config', { type: 'Quantization', default: 'none', since: '1.1', cost: 'Patch' }),
  build('vectors.datatype', {
    type: 'Choice',
    choices: ['float32', 'float16', 'uint8', 'turbo4'],
    default: 'float32',
    since: '1.9',
    cost: 'Recreate',
  }),
  build('vectors.on_disk', flag(false, '1.2')),
  build('vectors.memory', {
    type: 'Choice',
    choices: ['cold', 'cached'],
    default: 'cached',
    since: '1.19',
    cost: 'Patch',
  }),
  build('optimizers_config.deleted_threshold', {
    type: 'Number',
    default: 0.2,
    min: 0,
    max: 1,
    since: '1.0',
    cost: 'Patch',
  }),
  build('optimizers_config.vacuum_min_vector_number', integer({ default: 1000, min: 100 }, '1.0')),
  build('optimizers_config.default_segment_number', integer({ default: 0, min: 0, max: 1024 }, '1.0', 'Recreate')),
  build('optimizers_config.max_segment_size', integer({ min: 1 }, '1.0')),
  build('optimizers_config.indexing_threshold', integer({ default: 10_000, min: 0 }, '1.0')),
  build('optimizers_config.flush_interval_sec', integer({ default: 5, min: 1, max: 3600 }, '1.0')),
  build('optimizers_config.max_optimization_threads', integer({ min: 1, max: 1024 }, '1.0')),
  build('optimizers_config.prevent_unoptimized', flag(false, '1.17')),
  build('wal_config.wal_capacity_mb', integer({ default: 32, min: 1, max: 65_536 }, '1.0', 'Recreate')),
  build('wal_config.wal_segments_ahead', integer({ default: 0, min: 0, max: 1024 }, '1.0', 'Recreate')),
  build('on_disk_payload', flag(true, '1.0')),
  build('shard_number', integer({ default: 1, min: 1, max: 1024 }, '1.0', 'Recreate')),
  search('hnsw_ef', { type: 'Integer', min: 1, max: 1_000_000, since: '1.0' }),
  search('exact', { type: 'Boolean', default: false, since: '1.0' }),
  search('indexed_only', { type: 'Boolean', default: false, since: '1.6' }),
  search('quantization.ignore', { type: 'Boolean', default: false, since: '1.1' }),
  search('quantization.rescore', { type: 'Boolean', since: '1.1' }),
  search('quantization.oversampling', { type: 'Number', default: 1, min: 1, max: 1000, since: '1.3' }),
  search('acorn.enable', { type: 'Boolean', default: false, since: '1.16' }),
  search('acorn.max_selectivity', { type: 'Number', default: 0.4, min: 0, max: 1, since: '1.16' }),
  { name: 'target.memory', level: 'Target', type: 'Choice', since: '1.0', cost: 'Target' },
  { name: 'target.cpu', level: 'Target', type: 'Choice', since: '1.0', cost: 'Target' },
  { name: 'target.nodes', level: 'Target', type: 'Integer', min: 1, since: '1.0', cost: 'Target' },
];

const BY_NAME = new Map(PARAMETERS.map((parameter) => [parameter.name, parameter]));

/** What is known of a parameter, or undefined. */
export function knownParameter(name: string): KnownParameter | undefined {
  return BY_NAME.get(name);
}

/** Qdrant's default of a parameter; undefined where the server decides or the name is not known. */
export function defaultOf(name: string): ParameterValue | undefined {
  return BY_NAME.get(name)?.default;
}
