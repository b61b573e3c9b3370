//! `/collections/{c}/optimizations`, and the same in the telemetry.

use qdrant_edge::EdgeShard;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

use super::clock::timestamp;
use crate::collection::{Collection, Done, Run, Segment};
use crate::reply::{Answer, ApiError};

pub fn log_entry(done: &Done) -> Value {
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
