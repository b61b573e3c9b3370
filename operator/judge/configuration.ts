/** A value a parameter takes; `quantization_config` takes a name (`none`, `scalar`, …, or one from `spec.quantizations`). */
export type ParameterValue = number | string | boolean;

/** Parameters by Qdrant's own paths: `hnsw_config.m`, `quantization_config`, `params.hnsw_ef`, … */
export type Parameters = Readonly<Record<string, ParameterValue>>;

/**
 * One point of the search space. `build` holds what a collection is made with, `search` what a query carries
 * (names beginning with `params.`). An absent name means Qdrant's default.
 */
export interface Configuration {
  build: Parameters;
  search: Parameters;
}
