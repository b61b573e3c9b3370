//! `/metrics`.

use qdrant_edge::EdgeShard;
use std::fmt::Write;

use super::process::{page_faults, process_status};
use super::{BOUNDS, Requests};
use crate::api::VERSION;
use crate::server::Server;

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
