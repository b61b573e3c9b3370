//! A collection's settings: what the client asked for with Qdrant's defaults filled in. Persisted as
//! `collection.json`, read back by `GET /collections/{name}`, and turned into the engine's config.

use qdrant_edge::{EdgeConfig, EdgeSparseVectorParams, EdgeVectorParams, WalOptions};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use crate::reply::{Answer, ApiError};
use crate::schema::collection::*;
use crate::schema::strict_mode::StrictModeConfig;
use crate::tuning::{Hnsw, Optimizers, Wal, merge_hnsw_diff};
use crate::validate;
use crate::vectors::{Space, no_vector};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    pub vectors: VectorsConfig,
    #[serde(default)]
    pub sparse: BTreeMap<String, SparseVectorParams>,
    pub on_disk_payload: bool,
    pub payload: Option<PayloadParams>,
    pub hnsw: Hnsw,
    pub optimizers: Optimizers,
    pub wal: Wal,
    pub quantization: Option<QuantizationConfig>,
    #[serde(default)]
    pub strict_mode: Option<StrictModeConfig>,
    pub metadata: Option<Map<String, Value>>,
}

impl Settings {
    pub fn create(body: CreateCollection) -> Answer<Self> {
        validate::create(&body)?;
        let sparse = body.sparse_vectors.unwrap_or_default();
        let vectors = body.vectors.unwrap_or_default();
        let mut settings = Self {
            vectors,
            sparse,
            on_disk_payload: body.on_disk_payload.unwrap_or(true),
            payload: body.payload,
            hnsw: Hnsw::default(),
            optimizers: Optimizers::default(),
            wal: Wal::default(),
            quantization: body.quantization_config,
            strict_mode: body.strict_mode_config,
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
        for (name, diff) in body.sparse_vectors.unwrap_or_default() {
            let params = next.sparse.get_mut(&name).ok_or_else(|| no_vector(&name))?;
            params.merge(&name, diff)?;
        }
        if let Some(diff) = body.strict_mode_config {
            let old = next.strict_mode.take().unwrap_or_default();
            next.strict_mode = Some(old.merged(diff));
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
        found.ok_or_else(|| no_vector(name))
    }

    /// What the vector of this name may hold; None when the collection has none.
    pub fn space(&self, name: &str) -> Option<Space> {
        let dense = match &self.vectors {
            VectorsConfig::Single(params) => name.is_empty().then_some(params),
            VectorsConfig::Multi(map) => map.get(name),
        };
        match (dense, self.sparse.get(name)) {
            (Some(params), _) => {
                let size = params.size as usize;
                Some(match params.multivector_config {
                    Some(_) => Space::Multi { size },
                    None => Space::Dense { size },
                })
            }
            (None, Some(params)) => Some(Space::Sparse {
                idf: params.modifier == Some(SparseModifier::Idf),
            }),
            (None, None) => None,
        }
    }

    /// The graph settings of a dense vector.
    pub fn hnsw_of(&self, name: &str) -> Hnsw {
        let mut hnsw = self.hnsw;
        let vectors = self.vectors();
        if let Some(diff) = vectors.get(name).and_then(|params| params.hnsw_config) {
            hnsw.merge(&diff);
        }
        hnsw
    }

    /// The strict mode that is in force.
    pub fn strict(&self) -> Option<&StrictModeConfig> {
        let config = self.strict_mode.as_ref()?;
        (config.enabled == Some(true)).then_some(config)
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
        if !self.sparse.is_empty() {
            params["sparse_vectors"] = json!(self.sparse);
        }
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
        if let Some(strict_mode) = &self.strict_mode {
            config["strict_mode_config"] = json!(strict_mode);
        }
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
                multivector_config: params.multivector_config.map(translate).transpose()?,
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
        let mut sparse_vectors = std::collections::HashMap::new();
        for (name, params) in &self.sparse {
            let index = params.index.unwrap_or_default();
            let engine = EdgeSparseVectorParams {
                full_scan_threshold: index.full_scan_threshold,
                on_disk: index.on_disk,
                memory: index.memory,
                modifier: params.modifier.map(translate).transpose()?,
                datatype: index.datatype.map(translate).transpose()?,
            };
            sparse_vectors.insert(name.clone(), engine);
        }
        let retain_closed = NonZeroUsize::new(self.wal.wal_retain_closed);
        Ok(EdgeConfig {
            on_disk_payload: Some(self.on_disk_payload),
            payload_memory: self.payload.and_then(|payload| payload.memory),
            vectors,
            sparse_vectors,
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

impl VectorParams {
    /// The bytes of one vector as stored.
    pub fn bytes(&self) -> usize {
        let size = self.size as usize;
        match self.datatype {
            None | Some(Datatype::Float32) => size * 4,
            Some(Datatype::Float16) => size * 2,
            Some(Datatype::Uint8) => size,
            Some(Datatype::Turbo4) => size.div_ceil(2),
        }
    }
}

impl SparseVectorParams {
    fn merge(&mut self, name: &str, diff: Self) -> Answer<()> {
        let fixed = |field: &str| {
            ApiError::bad_request(format!(
                "sparse_vectors.{name}.{field} cannot change once the collection is made: leave it \
                 out, or make the collection anew"
            ))
        };
        if diff.modifier.is_some() && diff.modifier != self.modifier {
            return Err(fixed("modifier"));
        }
        if let Some(diff) = diff.index {
            let index = self.index.get_or_insert_default();
            if diff.datatype.is_some() && diff.datatype != index.datatype {
                return Err(fixed("index.datatype"));
            }
            index.full_scan_threshold = diff.full_scan_threshold.or(index.full_scan_threshold);
            index.on_disk = diff.on_disk.or(index.on_disk);
            index.memory = diff.memory.or(index.memory);
        }
        Ok(())
    }
}

/// Our types and the engine's share one JSON form, and the engine does not export all of its own.
fn translate<T: Serialize, U: serde::de::DeserializeOwned>(ours: T) -> Answer<U> {
    serde_json::to_value(ours)
        .and_then(serde_json::from_value)
        .map_err(ApiError::internal)
}
