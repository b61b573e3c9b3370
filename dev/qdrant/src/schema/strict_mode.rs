//! `strict_mode_config` of a collection.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::Unsupported;

#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StrictModeConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_query_limit: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_timeout: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unindexed_filtering_retrieve: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unindexed_filtering_update: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_max_hnsw_ef: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_allow_exact: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_max_oversampling: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upsert_max_batchsize: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_max_batchsize: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_collection_vector_size_bytes: Option<usize>,
    #[serde(skip_serializing_if = "Unsupported::always")]
    pub max_collection_payload_size_bytes: Unsupported,
    /// Tokens a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_rate_limit: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_rate_limit: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_points_count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_max_conditions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition_max_size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multivector_config: Option<BTreeMap<String, StrictModeMultivector>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparse_config: Option<BTreeMap<String, StrictModeSparse>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_payload_index_count: Option<usize>,
    #[serde(skip_serializing_if = "Unsupported::always")]
    pub max_resident_memory_percent: Unsupported,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StrictModeMultivector {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_vectors: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StrictModeSparse {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
}

impl StrictModeConfig {
    /// What a PATCH leaves: its fields where it has them.
    pub fn merged(self, diff: Self) -> Self {
        Self {
            enabled: diff.enabled.or(self.enabled),
            max_query_limit: diff.max_query_limit.or(self.max_query_limit),
            max_timeout: diff.max_timeout.or(self.max_timeout),
            unindexed_filtering_retrieve: diff
                .unindexed_filtering_retrieve
                .or(self.unindexed_filtering_retrieve),
            unindexed_filtering_update: diff
                .unindexed_filtering_update
                .or(self.unindexed_filtering_update),
            search_max_hnsw_ef: diff.search_max_hnsw_ef.or(self.search_max_hnsw_ef),
            search_allow_exact: diff.search_allow_exact.or(self.search_allow_exact),
            search_max_oversampling: diff
                .search_max_oversampling
                .or(self.search_max_oversampling),
            upsert_max_batchsize: diff.upsert_max_batchsize.or(self.upsert_max_batchsize),
            search_max_batchsize: diff.search_max_batchsize.or(self.search_max_batchsize),
            max_collection_vector_size_bytes: diff
                .max_collection_vector_size_bytes
                .or(self.max_collection_vector_size_bytes),
            max_collection_payload_size_bytes: Unsupported::default(),
            read_rate_limit: diff.read_rate_limit.or(self.read_rate_limit),
            write_rate_limit: diff.write_rate_limit.or(self.write_rate_limit),
            max_points_count: diff.max_points_count.or(self.max_points_count),
            filter_max_conditions: diff.filter_max_conditions.or(self.filter_max_conditions),
            condition_max_size: diff.condition_max_size.or(self.condition_max_size),
            multivector_config: diff.multivector_config.or(self.multivector_config),
            sparse_config: diff.sparse_config.or(self.sparse_config),
            max_payload_index_count: diff
                .max_payload_index_count
                .or(self.max_payload_index_count),
            max_resident_memory_percent: Unsupported::default(),
        }
    }
}
