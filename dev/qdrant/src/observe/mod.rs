//! What the server tells about itself: `/telemetry`, `/metrics`, `/collections/{c}/optimizations`.

mod clock;
mod metrics;
mod optimizations;
mod process;

pub use metrics::metrics;
pub use optimizations::optimizations;

use hyper::StatusCode;
use qdrant_edge::EdgeShard;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::api::VERSION;
use crate::collection::{Collection, Done, Segment, Status, uuid};
use crate::reply::{Answer, ApiError};
use crate::server::Server;
use clock::timestamp;
use optimizations::log_entry;
use process::{process_status, system};

/// Upper bounds of the duration histogram, in microseconds, as in Qdrant's metrics.
const BOUNDS: [u64; 12] = [
    1_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    500_000,
    1_000_000,
    5_000_000,
    10_000_000,
    50_000_000,
    u64::MAX,
];

/// Durations of one endpoint's answers with one status.
#[derive(Clone, Default)]
struct Durations {
    count: u64,
    sum_micros: u64,
    min_micros: u64,
    max_micros: u64,
    buckets: [u64; BOUNDS.len()],
    last: Option<SystemTime>,
}

type Requests = BTreeMap<(&'static str, u16), Durations>;

pub struct Stats {
    id: String,
    started: SystemTime,
    requests: Mutex<Requests>,
}

impl Stats {
    pub fn new() -> Self {
        Self {
            id: uuid(),
            started: SystemTime::now(),
            requests: Mutex::default(),
        }
    }

    pub fn record(&self, endpoint: &'static str, status: StatusCode, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let stats = requests.entry((endpoint, status.as_u16())).or_default();
        stats.min_micros = match stats.count {
            0 => micros,
            _ => stats.min_micros.min(micros),
        };
        stats.max_micros = stats.max_micros.max(micros);
        stats.count += 1;
        stats.sum_micros += micros;
        stats.last = Some(SystemTime::now());
        let bucket = BOUNDS.iter().position(|bound| micros <= *bound);
        stats.buckets[bucket.unwrap_or(BOUNDS.len() - 1)] += 1;
    }

    fn requests(&self) -> Requests {
        let guard = self.requests.lock();
        guard.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub fn telemetry(server: &Server, options: &HashMap<String, String>) -> Answer<Value> {
    let level = match options.get("details_level") {
        None => 0,
        Some(text) => text.parse::<u8>().map_err(|_| {
            ApiError::bad_request(format!(
                "query parameter details_level is `{text}`, must be a number from 0 on"
            ))
        })?,
    };
    let collections: Vec<_> = server.store.collections().values().cloned().collect();
    let mut app = json!({
        "name": "qdrant",
        "version": VERSION,
        "engine": "qdrant-edge 0.9.0",
        "startup": timestamp(server.stats.started),
    });
    let mut about = json!({"number_of_collections": collections.len()});
    if level >= 1 {
        app["system"] = system();
        let described = collections
            .iter()
            .map(|collection| describe(collection, level))
            .collect::<Answer<Vec<_>>>()?;
        about["collections"] = json!(described);
    }
    let mut result = json!({
        "id": server.stats.id,
        "app": app,
        "collections": about,
        "cluster": {"enabled": false, "resharding_enabled": false},
        "requests": {
            "rest": {"responses": responses(&server.stats.requests(), level)},
            "grpc": {"responses": {}},
        },
        "quota": {
            "config": {"enabled": false},
            "exceeded": {"resident_memory": null, "disk_usage": null},
        },
    });
    if level >= 1 {
        let resident = process_status("VmRSS:").map(|kib| kib * 1024);
        result["memory"] = json!({"resident_bytes": resident});
    }
    Ok(result)
}

fn responses(requests: &Requests, level: u8) -> Value {
    let mut by_endpoint: Map<String, Value> = Map::new();
    for ((endpoint, status), stats) in requests {
        let average = stats.sum_micros as f64 / stats.count.max(1) as f64;
        let mut numbers = json!({"count": stats.count, "avg_duration_micros": average});
        if level >= 1 {
            numbers["min_duration_micros"] = json!(stats.min_micros);
            numbers["max_duration_micros"] = json!(stats.max_micros);
            numbers["total_duration_micros"] = json!(stats.sum_micros);
            numbers["last_responded"] = json!(stats.last.map(timestamp));
        }
        let of_endpoint = by_endpoint
            .entry(*endpoint)
            .or_insert_with(|| Value::Object(Map::new()));
        of_endpoint[status.to_string()] = numbers;
    }
    Value::Object(by_endpoint)
}

/// From level 2 with the config, from 3 with the shard, from 4 with its segments.
fn describe(collection: &Collection, level: u8) -> Answer<Value> {
    let info = collection.read(EdgeShard::info)?;
    if level == 1 {
        return Ok(json!({"vectors": info.points_count, "optimizers_status": "ok"}));
    }
    let mut described = json!({
        "id": collection.name,
        "config": collection.settings().read_back(),
    });
    if level >= 3 {
        let progress = collection.progress();
        let done: Vec<Done> = progress.history.iter().cloned().collect();
        let status = match progress.status() {
            Status::Green => "green",
            Status::Yellow => "yellow",
            Status::Red => "red",
        };
        drop(progress);
        let took: u128 = done.iter().map(|done| done.took.as_micros()).sum();
        let mut local = json!({
            "variant_name": "local shard",
            "status": status,
            "num_points": info.points_count,
            "num_indexed_vectors": info.indexed_vectors_count,
            "optimizations": {
                "status": "ok",
                "optimizations": {"count": done.len(), "total_duration_micros": took as u64},
                "log": done.iter().map(log_entry).collect::<Vec<_>>(),
            },
            "update_queue": {"length": 0},
        });
        if level >= 4 {
            let segments: Vec<_> = collection.segments().iter().map(segment).collect();
            local["segments"] = json!(segments);
        }
        described["shards"] = json!([{"id": 0, "key": null, "local": local, "remote": []}]);
        described["transfers"] = json!([]);
        described["resharding"] = json!([]);
    }
    Ok(described)
}

/// The engine does not tell a segment's counts, only what it was built with.
fn segment(segment: &Segment) -> Value {
    let config = &segment.state.config;
    let indexed = config.is_any_vector_indexed();
    let segment_type = if indexed { "indexed" } else { "plain" };
    json!({"info": {"uuid": segment.id, "segment_type": segment_type}, "config": config})
}
