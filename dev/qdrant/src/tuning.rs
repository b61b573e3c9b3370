//! The settings of indexes, optimizers and the log, with Qdrant's defaults, and how a PATCH changes them.

use qdrant_edge::{EdgeOptimizersConfig, HnswIndexConfig, Memory};
use serde::{Deserialize, Serialize};

use crate::schema::collection::*;

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
    pub fn merge(&mut self, diff: &HnswConfigDiff) {
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
    pub fn to_engine(self) -> HnswIndexConfig {
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

pub fn merge_hnsw_diff(into: &mut Option<HnswConfigDiff>, diff: HnswConfigDiff) {
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
    pub fn merge(&mut self, diff: &OptimizersConfigDiff) {
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

    pub fn to_engine(&self) -> EdgeOptimizersConfig {
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
