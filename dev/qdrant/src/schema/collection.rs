//! Bodies of `PUT` and `PATCH /collections/{name}`, and the parts the read-back shares with them.

use qdrant_edge::{Distance, Memory};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::Unsupported;
pub use super::quantization::*;
use super::strict_mode::StrictModeConfig;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateCollection {
    pub vectors: Option<VectorsConfig>,
    pub shard_number: Option<NonZeroU32>,
    #[serde(default)]
    pub sharding_method: Unsupported,
    pub replication_factor: Option<NonZeroU32>,
    pub write_consistency_factor: Option<NonZeroU32>,
    pub on_disk_payload: Option<bool>,
    pub payload: Option<PayloadParams>,
    pub hnsw_config: Option<HnswConfigDiff>,
    pub wal_config: Option<WalConfigDiff>,
    pub optimizers_config: Option<OptimizersConfigDiff>,
    pub quantization_config: Option<QuantizationConfig>,
    pub sparse_vectors: Option<BTreeMap<String, SparseVectorParams>>,
    pub strict_mode_config: Option<StrictModeConfig>,
    #[serde(default)]
    pub init_from: Unsupported,
    pub metadata: Option<Map<String, Value>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateCollection {
    pub vectors: Option<BTreeMap<String, VectorParamsDiff>>,
    pub optimizers_config: Option<OptimizersConfigDiff>,
    pub params: Option<CollectionParamsDiff>,
    pub hnsw_config: Option<HnswConfigDiff>,
    pub quantization_config: Option<QuantizationConfigDiff>,
    pub sparse_vectors: Option<BTreeMap<String, SparseVectorParams>>,
    pub strict_mode_config: Option<StrictModeConfig>,
    pub metadata: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectionParamsDiff {
    pub replication_factor: Option<NonZeroU32>,
    pub write_consistency_factor: Option<NonZeroU32>,
    #[serde(default)]
    pub read_fan_out_factor: Unsupported,
    #[serde(default)]
    pub read_fan_out_delay_ms: Unsupported,
    pub on_disk_payload: Option<bool>,
    pub payload: Option<PayloadParams>,
}

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum VectorsConfig {
    Single(VectorParams),
    Multi(BTreeMap<String, VectorParams>),
}

impl Default for VectorsConfig {
    /// No dense vectors.
    fn default() -> Self {
        Self::Multi(BTreeMap::new())
    }
}

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VectorParams {
    pub size: u64,
    pub distance: Distance,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hnsw_config: Option<HnswConfigDiff>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantization_config: Option<QuantizationConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_disk: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datatype: Option<Datatype>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multivector_config: Option<MultiVectorConfig>,
}

/// Many vectors a point, compared by the sum over the query's vectors of their best match.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MultiVectorConfig {
    pub comparator: MultiVectorComparator,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MultiVectorComparator {
    MaxSim,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SparseVectorParams {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<SparseIndexParams>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modifier: Option<SparseModifier>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SparseIndexParams {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_scan_threshold: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_disk: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datatype: Option<Datatype>,
}

/// `idf` weighs each index by how rare it is among the points.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SparseModifier {
    None,
    Idf,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VectorParamsDiff {
    pub hnsw_config: Option<HnswConfigDiff>,
    pub quantization_config: Option<QuantizationConfigDiff>,
    pub on_disk: Option<bool>,
    pub memory: Option<Memory>,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Datatype {
    Float32,
    Uint8,
    Float16,
    Turbo4,
}

/// 1.19's replacement for `on_disk_payload`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PayloadParams {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HnswConfigDiff {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub m: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ef_construct: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_scan_threshold: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_indexing_threads: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_disk: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_m: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inline_storage: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OptimizersConfigDiff {
    pub deleted_threshold: Option<f64>,
    pub vacuum_min_vector_number: Option<usize>,
    pub default_segment_number: Option<usize>,
    pub max_segment_size: Option<usize>,
    #[serde(default)]
    pub memmap_threshold: Unsupported,
    pub indexing_threshold: Option<usize>,
    pub flush_interval_sec: Option<u64>,
    pub max_optimization_threads: Option<OptimizationThreads>,
    pub prevent_unoptimized: Option<bool>,
}

/// A number of threads, or `"auto"`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OptimizationThreads {
    Auto(Auto),
    Threads(usize),
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Auto {
    Auto,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalConfigDiff {
    pub wal_capacity_mb: Option<usize>,
    pub wal_segments_ahead: Option<usize>,
    pub wal_retain_closed: Option<usize>,
}
