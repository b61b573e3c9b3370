//! HTTP in, HTTP out: reads the request, runs it where it blocks nobody, counts it.

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Request, StatusCode, header};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

use crate::api::{self, Call};
use crate::observe::Stats;
use crate::reply::{Answer, ApiError, HttpResponse, bare, failure, ok, text};
use crate::route::Route;
use crate::store::Store;

pub const BODY_LIMIT: usize = 32 * 1024 * 1024;
/// A longer body is parsed off the network threads.
const LIGHT_BODY: usize = 64 * 1024;

pub struct Server {
    pub store: Store,
    pub stats: Stats,
    pub api_key: Option<String>,
    /// Bounds the scans that run beside the network threads.
    pub heavy_reads: Semaphore,
}

impl Server {
    pub async fn handle(self: Arc<Self>, request: Request<Incoming>) -> HttpResponse {
        let start = Instant::now();
        let route = match Route::find(request.method(), request.uri().path()) {
            Ok(Some(route)) => route,
            Ok(None) => return bare(StatusCode::NOT_FOUND),
            Err(error) => return failure(&error, start),
        };
        if !route.is_public()
            && let Err(reason) = self.authorize(&request)
        {
            return text(StatusCode::UNAUTHORIZED, reason);
        }
        let label = route.label();
        let options = options(request.uri().query().unwrap_or_default());
        let response = match read_body(request).await {
            Ok(body) => self.clone().answer(route, options, body, start).await,
            Err(error) => failure(&error, start),
        };
        self.stats.record(label, response.status(), start.elapsed());
        response
    }

    async fn answer(
        self: Arc<Self>,
        route: Route,
        options: HashMap<String, String>,
        body: Bytes,
        start: Instant,
    ) -> HttpResponse {
        let timeout = match timeout(&options) {
            Ok(timeout) => timeout,
            Err(error) => return failure(&error, start),
        };
        let call = Call {
            route,
            options,
            body,
            start,
        };
        if call.route.is_light() {
            return api::run(&self, call);
        }
        // One approximate search takes less than handing it to another thread and back would.
        if let Route::Query(name) = &call.route
            && timeout.is_none()
            && call.body.len() <= LIGHT_BODY
        {
            let parsed =
                api::parse_query(&call.body).and_then(|query| Ok((self.store.get(name)?, query)));
            let (collection, query) = match parsed {
                Ok(parsed) => parsed,
                Err(error) => return failure(&error, start),
            };
            if !query.is_heavy() && !collection.is_reloading() {
                let hits = crate::query::query(&self.store, &collection, query);
                return api::reply(hits, start);
            }
            let Ok(_permit) = self.heavy_reads.acquire().await else {
                return bare(StatusCode::SERVICE_UNAVAILABLE);
            };
            let server = Arc::clone(&self);
            return blocking(move || {
                let hits = crate::query::query(&server.store, &collection, query);
                api::reply(hits, start)
            })
            .await;
        }
        let is_read = call.route.is_scan();
        let is_point_write = call.route.is_point_write();
        let server = self.clone();
        let work = async move {
            let _permit = match is_read {
                true => Some(server.heavy_reads.acquire().await),
                false => None,
            };
            let runner = server.clone();
            blocking(move || api::run(&runner, call)).await
        };
        let Some(limit) = timeout else {
            return work.await;
        };
        match tokio::time::timeout(limit, tokio::spawn(work)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => failure(&ApiError::internal(error), start),
            // The operation goes on, as on Qdrant; only the waiting ends.
            Err(_) if is_point_write => ok(
                &serde_json::json!({"operation_id": null, "status": "wait_timeout"}),
                start,
            ),
            Err(_) => failure(&ApiError::timeout(limit), start),
        }
    }

    fn authorize(&self, request: &Request<Incoming>) -> Result<(), &'static str> {
        let Some(expected) = &self.api_key else {
            return Ok(());
        };
        let headers = request.headers();
        let bearer = || {
            let value = headers.get(header::AUTHORIZATION)?.as_bytes();
            value.strip_prefix(b"Bearer ")
        };
        let given = headers.get("api-key").map(|value| value.as_bytes());
        match given.or_else(bearer) {
            None => Err("Must provide an API key or an Authorization bearer token"),
            Some(given) if same(given, expected.as_bytes()) => Ok(()),
            Some(_) => Err("Invalid API key or JWT"),
        }
    }
}

/// Compares without stopping at the first difference, which would tell a guesser how far it got.
fn same(given: &[u8], expected: &[u8]) -> bool {
    let differences = given
        .iter()
        .zip(expected)
        .fold(0, |found, (a, b)| found | (a ^ b));
    given.len() == expected.len() && differences == 0
}

async fn blocking(work: impl FnOnce() -> HttpResponse + Send + 'static) -> HttpResponse {
    match tokio::task::spawn_blocking(work).await {
        Ok(response) => response,
        Err(error) => failure(&ApiError::internal(error), Instant::now()),
    }
}

async fn read_body(request: Request<Incoming>) -> Answer<Bytes> {
    let body = Limited::new(request.into_body(), BODY_LIMIT);
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(ApiError::bad_request(
            format!("JSON payload is larger than allowed (limit: {BODY_LIMIT} bytes)."),
        )),
        Err(error) => Err(ApiError::bad_request(error)),
    }
}

fn options(query: &str) -> HashMap<String, String> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (key.to_owned(), value.replace("%2C", ",")))
        .collect()
}

fn timeout(options: &HashMap<String, String>) -> Answer<Option<Duration>> {
    let Some(text) = options.get("timeout") else {
        return Ok(None);
    };
    match text.parse::<u64>() {
        Ok(seconds) if seconds >= 1 => Ok(Some(Duration::from_secs(seconds))),
        _ => Err(ApiError::bad_request(format!(
            "query parameter timeout is `{text}`, must be a whole number of seconds from 1 on"
        ))),
    }
}
