//! qdrant-dev: the qdrant-edge engine behind Qdrant's REST API. Configured by Qdrant's own
//! environment variables, so that the official binary can take its place.
#![forbid(unsafe_code)]

mod aggregate;
mod api;
mod collection;
mod groups;
mod observe;
mod plan;
mod points;
mod query;
mod reply;
mod route;
mod schema;
mod server;
mod settings;
mod store;
mod strict;
mod tuning;
mod validate;
mod vectors;
mod writes;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

const HELP: &str = "qdrant-dev: the qdrant-edge engine behind Qdrant's REST API

  qdrant-dev             serve, until SIGTERM or SIGINT
  qdrant-dev --version   print the version
  qdrant-dev --schema    print the JSON Schemas of the request bodies it reads

Environment (Qdrant's own names):
  QDRANT__SERVICE__HOST          address to listen on (127.0.0.1)
  QDRANT__SERVICE__HTTP_PORT     port (6333; 0 picks a free one)
  QDRANT__STORAGE__STORAGE_PATH  folder for the data (./storage)
  QDRANT__SERVICE__API_KEY       key that clients must send
  QDRANT_DEV_EXIT_ON_STDIN_EOF   1: stop when stdin closes, so that no server outlives its launcher

Prints one JSON line with its address on stdout once it serves.";

/// Names the sources this was built from; the launcher finds its cached binary by it.
const BUILD_KEY: Option<&str> = option_env!("QDRANT_DEV_BUILD_KEY");

/// How long SIGTERM waits for flushing; after it the WAL alone keeps the data.
const FLUSH_LIMIT: Duration = Duration::from_secs(8);

fn main() {
    let argument = std::env::args().nth(1);
    match argument.as_deref() {
        None => {}
        Some("--version") => {
            let (own, key) = (env!("CARGO_PKG_VERSION"), BUILD_KEY.unwrap_or("unkeyed"));
            println!("qdrant-dev {own} (qdrant {}) build {key}", api::VERSION);
            return;
        }
        Some("--schema") => {
            println!("{:#}", schema::print());
            return;
        }
        Some("--help" | "-h") => {
            println!("{HELP}");
            return;
        }
        Some(other) => {
            eprintln!("unknown argument `{other}`; try --help");
            std::process::exit(2);
        }
    }
    let cores = machine_cores();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores)
        .enable_all()
        .build()
        .expect("the system refuses threads");
    if let Err(message) = runtime.block_on(serve(cores)) {
        eprintln!("{message}");
        std::process::exit(1);
    }
    // Not dropped: a running optimization cannot be cancelled, and the data is on disk by now.
    std::process::exit(0);
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn serve(cores: usize) -> Result<(), String> {
    let host = variable("QDRANT__SERVICE__HOST").unwrap_or_else(|| "127.0.0.1".to_owned());
    let port = variable("QDRANT__SERVICE__HTTP_PORT").unwrap_or_else(|| "6333".to_owned());
    let port: u16 = port.parse().map_err(|_| {
        format!("QDRANT__SERVICE__HTTP_PORT is `{port}`, must be a port from 0 to 65535")
    })?;
    let storage =
        variable("QDRANT__STORAGE__STORAGE_PATH").unwrap_or_else(|| "./storage".to_owned());
    let listener = TcpListener::bind((host.as_str(), port))
        .await
        .map_err(|error| format!("cannot listen on {host}:{port}: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let store = store::Store::open(PathBuf::from(&storage))
        .map_err(|error| format!("cannot open storage `{storage}`: {}", error.message))?;
    let server = Arc::new(server::Server {
        store,
        stats: observe::Stats::new(),
        api_key: variable("QDRANT__SERVICE__API_KEY"),
        heavy_reads: Semaphore::new(cores),
    });
    println!(
        "{}",
        serde_json::json!({"url": format!("http://{address}"), "version": api::VERSION})
    );
    let accepting = tokio::spawn(accept(listener, Arc::clone(&server)));
    stop_signal().await;
    accepting.abort();
    let flushing = tokio::task::spawn_blocking(move || server.store.seal());
    if tokio::time::timeout(FLUSH_LIMIT, flushing).await.is_err() {
        eprintln!("flushing took too long; the write-ahead log has the rest");
    }
    Ok(())
}

async fn accept(listener: TcpListener, server: Arc<server::Server>) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: give connections time to close.
                eprintln!("accepting a connection failed: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        stream.set_nodelay(true).ok();
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let server = Arc::clone(&server);
                async move { Ok::<_, Infallible>(server.handle(request).await) }
            });
            // A client that goes away is its own business.
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            connection.await.ok();
        });
    }
}

async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("the system refuses signals");
    let mut interrupt = signal(SignalKind::interrupt()).expect("the system refuses signals");
    let (closed, mut launcher_gone) = tokio::sync::mpsc::channel::<()>(1);
    if variable("QDRANT_DEV_EXIT_ON_STDIN_EOF").as_deref() == Some("1") {
        std::thread::spawn(move || {
            std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
            drop(closed);
        });
    } else {
        std::mem::forget(closed);
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = launcher_gone.recv() => {}
    }
}

/// The cores the machine has, not those this process may use right now: it may be pinned to fewer
/// and freed again while it runs.
fn machine_cores() -> usize {
    let online = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let count: usize = online
        .trim()
        .split(',')
        .filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
            Some(last.checked_sub(first)? + 1)
        })
        .sum();
    let usable = || std::thread::available_parallelism().map_or(2, usize::from);
    if count > 0 { count } else { usable() }
}
