//! What the server tells about itself: `/telemetry`, `/metrics`, `/collections/{c}/optimizations`.

use hyper::StatusCode;
use qdrant_edge::EdgeShard;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::api::VERSION;
use crate::collection::{Collection, Done, Run, Segment, Status, uuid};
use crate::reply::{Answer, ApiError};
use crate::server::Server;

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
    let config = json!(segment.state.config);
    let vectors = config["vector_data"].as_object();
    let indexed = vectors
        .into_iter()
        .flatten()
        .any(|(_, vector)| vector["index"]["type"] != "plain");
    let segment_type = if indexed { "indexed" } else { "plain" };
    json!({"info": {"uuid": segment.id, "segment_type": segment_type}, "config": config})
}

fn log_entry(done: &Done) -> Value {
    json!({
        "name": OPTIMIZER,
        "uuid": done.run.id,
        "segment_uuids": ids(&done.run.segments),
        "status": status(done),
        "start_at": timestamp(done.run.started_at),
        "end_at": timestamp(done.run.started_at + done.took),
    })
}

/// The engine runs its merge, indexing, vacuum and config-mismatch optimizers in one call and does
/// not tell which of them acted.
const OPTIMIZER: &str = "all optimizers";

fn status(done: &Done) -> Value {
    match &done.error {
        None => json!("done"),
        Some(error) => json!({"error": error}),
    }
}

fn ids(segments: &[Segment]) -> Vec<&str> {
    segments.iter().map(|segment| segment.id.as_str()).collect()
}

fn uuids(segments: &[Segment]) -> Value {
    let uuids: Vec<_> = ids(segments)
        .into_iter()
        .map(|id| json!({"uuid": id}))
        .collect();
    json!(uuids)
}

fn run(run: &Run, took: Duration, status: Value, finished: bool) -> Value {
    let mut progress = json!({
        "name": "Segment Optimizing",
        "started_at": timestamp(run.started_at),
        "duration_sec": took.as_secs_f64(),
    });
    if finished {
        progress["finished_at"] = json!(timestamp(run.started_at + took));
    }
    json!({
        "uuid": run.id,
        "optimizer": OPTIMIZER,
        "status": status,
        "segments": uuids(&run.segments),
        "progress": progress,
    })
}

/// What runs and ran. Whether a pending round will find work, only the engine knows: until it has
/// looked, one optimization counts as queued.
pub fn optimizations(collection: &Collection, options: &HashMap<String, String>) -> Answer<Value> {
    let with: Vec<&str> = options
        .get("with")
        .map(|list| list.split(',').collect())
        .unwrap_or_default();
    let known = ["queued", "completed", "idle_segments"];
    if let Some(other) = with.iter().find(|part| !known.contains(part)) {
        return Err(ApiError::bad_request(format!(
            "query parameter with names `{other}`, may name queued, completed, idle_segments"
        )));
    }
    let limit = options.get("completed_limit").map(|text| text.parse());
    let limit = limit.transpose().map_err(|_| {
        ApiError::bad_request("query parameter completed_limit must be a whole number")
    })?;
    let info = collection.read(EdgeShard::info)?;
    let segments = collection.segments();
    let progress = collection.progress();
    let queued = usize::from(progress.pending() && progress.running.is_none());
    let idle = if progress.pending() {
        0
    } else {
        info.segments_count
    };
    let running: Vec<_> = progress
        .running
        .iter()
        .map(|now| run(now, now.started.elapsed(), json!("optimizing"), false))
        .collect();
    let mut result = json!({
        "summary": {
            "queued_optimizations": queued,
            "queued_segments": if queued == 0 { 0 } else { info.segments_count },
            "queued_points": if queued == 0 { 0 } else { info.points_count },
            "idle_segments": idle,
        },
        "running": running,
    });
    if with.contains(&"queued") {
        let entry = json!({"optimizer": OPTIMIZER, "segments": uuids(&segments)});
        result["queued"] = json!(vec![entry; queued]);
    }
    if with.contains(&"completed") {
        let completed: Vec<_> = progress
            .history
            .iter()
            .take(limit.unwrap_or(usize::MAX))
            .map(|done| run(&done.run, done.took, status(done), true))
            .collect();
        result["completed"] = json!(completed);
    }
    if with.contains(&"idle_segments") {
        let idle_segments = if idle > 0 {
            uuids(&segments)
        } else {
            json!([])
        };
        result["idle_segments"] = idle_segments;
    }
    Ok(result)
}

/// Prometheus text under Qdrant's names, for what this server knows.
pub fn metrics(server: &Server) -> String {
    let mut out = Metrics(String::new());
    let collections: Vec<_> = server.store.collections().values().cloned().collect();
    out.head("app_info", "gauge", "information about the server");
    out.value(
        "app_info",
        &format!("name=\"qdrant\",version=\"{VERSION}\""),
        1,
    );
    out.head("collections_total", "gauge", "number of collections");
    out.value("collections_total", "", collections.len());
    let infos: Vec<_> = collections
        .iter()
        .filter_map(|collection| Some((collection, collection.read(EdgeShard::info).ok()?)))
        .collect();
    out.head("collection_points", "gauge", "approximate number of points");
    for (collection, info) in &infos {
        let labels = format!("id=\"{}\"", escape(&collection.name));
        out.value("collection_points", &labels, info.points_count);
    }
    let name = "collection_running_optimizations";
    out.head(name, "gauge", "number of optimizations now running");
    for collection in &collections {
        let labels = format!("id=\"{}\"", escape(&collection.name));
        let running = u8::from(collection.progress().running.is_some());
        out.value(name, &labels, running);
    }
    if let Some(kib) = process_status("VmRSS:") {
        out.head("memory_resident_bytes", "gauge", "resident memory");
        out.value("memory_resident_bytes", "", kib * 1024);
    }
    if let Some(threads) = process_status("Threads:") {
        out.head("process_threads", "gauge", "number of threads");
        out.value("process_threads", "", threads);
    }
    if let Some((minor, major)) = page_faults() {
        for (name, count) in [
            ("process_minor_page_faults_total", minor),
            ("process_major_page_faults_total", major),
        ] {
            out.head(name, "counter", "page faults since the start");
            out.value(name, "", count);
        }
    }
    rest_metrics(&mut out, &server.stats.requests());
    out.0
}

fn rest_metrics(out: &mut Metrics, requests: &Requests) {
    let labels = |(endpoint, status): &(&'static str, u16)| {
        let (method, path) = endpoint.split_once(' ').unwrap_or(("", endpoint));
        format!("method=\"{method}\",endpoint=\"{path}\",status=\"{status}\"")
    };
    let name = "rest_responses_total";
    out.head(name, "counter", "number of responses");
    for (key, stats) in requests {
        out.value(name, &labels(key), stats.count);
    }
    let name = "rest_responses_duration_seconds";
    out.head(name, "histogram", "duration of responses");
    for (key, stats) in requests.iter().filter(|((_, status), _)| *status == 200) {
        let labels = labels(key);
        let mut below = 0;
        for (bound, count) in BOUNDS.iter().zip(stats.buckets) {
            below += count;
            let limit = match *bound {
                u64::MAX => "+Inf".to_owned(),
                micros => (micros as f64 / 1e6).to_string(),
            };
            let labels = format!("{labels},le=\"{limit}\"");
            out.value(&format!("{name}_bucket"), &labels, below);
        }
        let seconds = stats.sum_micros as f64 / 1e6;
        out.value(&format!("{name}_sum"), &labels, seconds);
        out.value(&format!("{name}_count"), &labels, stats.count);
    }
}

struct Metrics(String);

impl Metrics {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }
    fn value(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            _ => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }
}

fn escape(label: &str) -> String {
    label
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// A number of `/proc/self/status`; sizes are in KiB.
fn process_status(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Minor and major page faults of this process: fields 10 and 12 of `/proc/self/stat`.
fn page_faults() -> Option<(u64, u64)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    Some((fields.get(7)?.parse().ok()?, fields.get(9)?.parse().ok()?))
}

fn system() -> Value {
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    json!({"cores": crate::machine_cores(), "ram_size": kib, "is_docker": false})
}

/// RFC 3339 in UTC, to the microsecond.
fn timestamp(time: SystemTime) -> String {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = since.as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let micros = since.subsec_micros();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Year, month and day of a day counted from 1970-01-01.
fn civil(mut day: u64) -> (u64, u64, u64) {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    (year, month, day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_gregorian() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_778), (2026, 11, 21));
    }
}
