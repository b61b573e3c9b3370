//! A collection's settings: what the client asked for with Qdrant's defaults filled in. Persisted as
//! `collection.json`, read back by `GET /collections/{name}`, and turned into the engine's config.

use qdrant_edge::{
    EdgeConfig, EdgeOptimizersConfig, EdgeVectorParams, HnswIndexConfig, Memory, WalOptions,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use crate::reply::{Answer, ApiError};
use crate::schema::collection::*;
use crate::validate;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    pub vectors: VectorsConfig,
    pub on_disk_payload: bool,
    pub payload: Option<PayloadParams>,
    pub hnsw: Hnsw,
    pub optimizers: Optimizers,
    pub wal: Wal,
    pub quantization: Option<QuantizationConfig>,
    pub metadata: Option<Map<String, Value>>,
}

/// Field order here is the order of the read-back.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Hnsw {
    pub m: usize,
    pub ef_construct: usize,
    pub full_scan_threshold: usize,
    pub max_indexing_threads: usize,
    pub on_disk: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_m: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inline_storage: Option<bool>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Optimizers {
    pub deleted_threshold: f64,
    pub vacuum_min_vector_number: usize,
    pub default_segment_number: usize,
    pub max_segment_size: Option<usize>,
    pub memmap_threshold: Option<usize>,
    pub indexing_threshold: usize,
    pub flush_interval_sec: u64,
    pub max_optimization_threads: Option<usize>,
    pub prevent_unoptimized: Option<bool>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Wal {
    pub wal_capacity_mb: usize,
    pub wal_segments_ahead: usize,
    pub wal_retain_closed: usize,
}

impl Default for Hnsw {
    fn default() -> Self {
        Self {
            m: 16,
            ef_construct: 100,
            full_scan_threshold: 10_000,
            max_indexing_threads: 0,
            on_disk: false,
            memory: None,
            payload_m: None,
            inline_storage: None,
        }
    }
}

impl Default for Optimizers {
    fn default() -> Self {
        Self {
            deleted_threshold: 0.2,
            vacuum_min_vector_number: 1000,
            default_segment_number: 0,
            max_segment_size: None,
            memmap_threshold: None,
            indexing_threshold: 10_000,
            flush_interval_sec: 5,
            max_optimization_threads: None,
            prevent_unoptimized: None,
        }
    }
}

impl Default for Wal {
    fn default() -> Self {
        Self {
            wal_capacity_mb: 32,
            wal_segments_ahead: 0,
            wal_retain_closed: 1,
        }
    }
}

impl Hnsw {
    fn merge(&mut self, diff: &HnswConfigDiff) {
        let HnswConfigDiff {
            m,
            ef_construct,
            full_scan_threshold,
            max_indexing_threads,
            on_disk,
            memory,
            payload_m,
            inline_storage,
        } = *diff;
        self.m = m.unwrap_or(self.m);
        self.ef_construct = ef_construct.unwrap_or(self.ef_construct);
        self.full_scan_threshold = full_scan_threshold.unwrap_or(self.full_scan_threshold);
        self.max_indexing_threads = max_indexing_threads.unwrap_or(self.max_indexing_threads);
        self.on_disk = on_disk.unwrap_or(self.on_disk);
        self.memory = memory.or(self.memory);
        self.payload_m = payload_m.or(self.payload_m);
        self.inline_storage = inline_storage.or(self.inline_storage);
    }

    #[allow(deprecated)] // the engine still reads on_disk, and so do we
    fn to_engine(self) -> HnswIndexConfig {
        HnswIndexConfig {
            m: self.m,
            ef_construct: self.ef_construct,
            full_scan_threshold: self.full_scan_threshold,
            max_indexing_threads: self.max_indexing_threads,
            on_disk: Some(self.on_disk),
            memory: self.memory,
            payload_m: self.payload_m,
            inline_storage: self.inline_storage,
        }
    }
}

fn merge_hnsw_diff(into: &mut Option<HnswConfigDiff>, diff: HnswConfigDiff) {
    // As on Qdrant, an empty object takes a vector's override away.
    if diff == HnswConfigDiff::default() {
        *into = None;
        return;
    }
    let old = into.unwrap_or_default();
    *into = Some(HnswConfigDiff {
        m: diff.m.or(old.m),
        ef_construct: diff.ef_construct.or(old.ef_construct),
        full_scan_threshold: diff.full_scan_threshold.or(old.full_scan_threshold),
        max_indexing_threads: diff.max_indexing_threads.or(old.max_indexing_threads),
        on_disk: diff.on_disk.or(old.on_disk),
        memory: diff.memory.or(old.memory),
        payload_m: diff.payload_m.or(old.payload_m),
        inline_storage: diff.inline_storage.or(old.inline_storage),
    });
}

impl Optimizers {
    fn merge(&mut self, diff: &OptimizersConfigDiff) {
        self.deleted_threshold = diff.deleted_threshold.unwrap_or(self.deleted_threshold);
        self.vacuum_min_vector_number = diff
            .vacuum_min_vector_number
            .unwrap_or(self.vacuum_min_vector_number);
        self.default_segment_number = diff
            .default_segment_number
            .unwrap_or(self.default_segment_number);
        self.max_segment_size = diff.max_segment_size.or(self.max_segment_size);
        self.indexing_threshold = diff.indexing_threshold.unwrap_or(self.indexing_threshold);
        self.flush_interval_sec = diff.flush_interval_sec.unwrap_or(self.flush_interval_sec);
        match diff.max_optimization_threads {
            Some(OptimizationThreads::Auto(_)) => self.max_optimization_threads = None,
            Some(OptimizationThreads::Threads(n)) => self.max_optimization_threads = Some(n),
            None => {}
        }
        self.prevent_unoptimized = diff.prevent_unoptimized.or(self.prevent_unoptimized);
    }

    fn to_engine(&self) -> EdgeOptimizersConfig {
        EdgeOptimizersConfig {
            deleted_threshold: Some(self.deleted_threshold),
            vacuum_min_vector_number: Some(self.vacuum_min_vector_number),
            default_segment_number: Some(self.default_segment_number),
            max_segment_size: self.max_segment_size,
            indexing_threshold: Some(self.indexing_threshold),
            prevent_unoptimized: self.prevent_unoptimized,
        }
    }
}

impl Settings {
    pub fn create(body: CreateCollection) -> Answer<Self> {
        validate::create(&body)?;
        let Some(vectors) = body.vectors else {
            return Err(ApiError::unsupported(
                "a collection without dense vectors",
                "give `vectors`",
            ));
        };
        let mut settings = Self {
            vectors,
            on_disk_payload: body.on_disk_payload.unwrap_or(true),
            payload: body.payload,
            hnsw: Hnsw::default(),
            optimizers: Optimizers::default(),
            wal: Wal::default(),
            quantization: body.quantization_config,
            metadata: body.metadata,
        };
        if let Some(diff) = &body.hnsw_config {
            settings.hnsw.merge(diff);
        }
        if let Some(diff) = &body.optimizers_config {
            settings.optimizers.merge(diff);
        }
        if let Some(diff) = body.wal_config {
            let wal = &mut settings.wal;
            wal.wal_capacity_mb = diff.wal_capacity_mb.unwrap_or(wal.wal_capacity_mb);
            wal.wal_segments_ahead = diff.wal_segments_ahead.unwrap_or(wal.wal_segments_ahead);
            wal.wal_retain_closed = diff.wal_retain_closed.unwrap_or(wal.wal_retain_closed);
        }
        validate::settings(&settings)?;
        Ok(settings)
    }

    /// The settings after a PATCH; null and absent fields keep their value.
    pub fn patched(&self, body: UpdateCollection) -> Answer<Self> {
        validate::update(&body)?;
        let mut next = self.clone();
        if let Some(diff) = &body.hnsw_config {
            next.hnsw.merge(diff);
        }
        if let Some(diff) = &body.optimizers_config {
            next.optimizers.merge(diff);
        }
        match body.quantization_config {
            Some(QuantizationConfigDiff::Set(config)) => next.quantization = Some(config),
            Some(QuantizationConfigDiff::Disabled(_)) => next.quantization = None,
            None => {}
        }
        if let Some(params) = body.params {
            next.on_disk_payload = params.on_disk_payload.unwrap_or(next.on_disk_payload);
            next.payload = params.payload.or(next.payload);
        }
        for (name, diff) in body.vectors.unwrap_or_default() {
            next.vector_mut(&name)?.merge(diff);
        }
        if let Some(changes) = body.metadata {
            let metadata = next.metadata.get_or_insert_default();
            for (key, value) in changes {
                if value.is_null() {
                    metadata.shift_remove(&key);
                } else {
                    metadata.insert(key, value);
                }
            }
        }
        validate::settings(&next)?;
        Ok(next)
    }

    fn vector_mut(&mut self, name: &str) -> Answer<&mut VectorParams> {
        let found = match &mut self.vectors {
            VectorsConfig::Single(params) => name.is_empty().then_some(params),
            VectorsConfig::Multi(map) => map.get_mut(name),
        };
        found
            .ok_or_else(|| ApiError::wrong_input(format!("Not existing vector name error: {name}")))
    }

    /// Vectors by name; the default vector's name is empty.
    pub fn vectors(&self) -> BTreeMap<&str, &VectorParams> {
        match &self.vectors {
            VectorsConfig::Single(params) => BTreeMap::from([("", params)]),
            VectorsConfig::Multi(map) => map.iter().map(|(k, v)| (k.as_str(), v)).collect(),
        }
    }

    /// `config` of `CollectionInfo`.
    pub fn read_back(&self) -> Value {
        let mut params = json!({
            "vectors": self.vectors,
            "shard_number": 1,
            "replication_factor": 1,
            "write_consistency_factor": 1,
            "on_disk_payload": self.on_disk_payload,
        });
        if let Some(payload) = &self.payload {
            params["payload"] = json!(payload);
        }
        let mut config = json!({
            "params": params,
            "hnsw_config": self.hnsw,
            "optimizer_config": self.optimizers,
            "wal_config": self.wal,
            "quantization_config": self.quantization,
        });
        if let Some(metadata) = &self.metadata {
            config["metadata"] = Value::Object(metadata.clone());
        }
        config
    }

    #[allow(deprecated)] // the engine still reads on_disk and on_disk_payload, and so do we
    pub fn to_engine(&self) -> Answer<EdgeConfig> {
        let mut vectors = std::collections::HashMap::new();
        for (name, params) in self.vectors() {
            let hnsw = params.hnsw_config.map(|diff| {
                let mut merged = self.hnsw;
                merged.merge(&diff);
                merged.to_engine()
            });
            let engine = EdgeVectorParams {
                size: params.size as usize,
                distance: params.distance,
                on_disk: params.on_disk,
                memory: params.memory,
                multivector_config: None,
                datatype: params.datatype.map(translate).transpose()?,
                quantization_config: params
                    .quantization_config
                    .as_ref()
                    .map(translate)
                    .transpose()?,
                hnsw_config: hnsw,
            };
            vectors.insert(name.to_owned(), engine);
        }
        let retain_closed = NonZeroUsize::new(self.wal.wal_retain_closed);
        Ok(EdgeConfig {
            on_disk_payload: Some(self.on_disk_payload),
            payload_memory: self.payload.and_then(|payload| payload.memory),
            vectors,
            hnsw_config: Some(self.hnsw.to_engine()),
            quantization_config: self.quantization.as_ref().map(translate).transpose()?,
            optimizers: Some(self.optimizers.to_engine()),
            wal_options: Some(WalOptions {
                segment_capacity: self.wal.wal_capacity_mb * 1024 * 1024,
                segment_queue_len: self.wal.wal_segments_ahead,
                retain_closed: retain_closed.unwrap_or(NonZeroUsize::MIN),
            }),
            // The searching thread scans the segments itself: a handful of segments does not repay
            // a hand-over to a pool, and the server already runs one search per core.
            max_search_threads: Some(1),
            ..EdgeConfig::default()
        })
    }
}

impl VectorParams {
    fn merge(&mut self, diff: VectorParamsDiff) {
        if let Some(hnsw) = diff.hnsw_config {
            merge_hnsw_diff(&mut self.hnsw_config, hnsw);
        }
        match diff.quantization_config {
            Some(QuantizationConfigDiff::Set(config)) => self.quantization_config = Some(config),
            Some(QuantizationConfigDiff::Disabled(_)) => self.quantization_config = None,
            None => {}
        }
        self.on_disk = diff.on_disk.or(self.on_disk);
        self.memory = diff.memory.or(self.memory);
    }
}

/// Our types and the engine's share one JSON form, and the engine does not export all of its own.
fn translate<T: Serialize, U: serde::de::DeserializeOwned>(ours: T) -> Answer<U> {
    serde_json::to_value(ours)
        .and_then(serde_json::from_value)
        .map_err(ApiError::internal)
}
