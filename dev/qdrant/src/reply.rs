//! Qdrant's response envelope and error texts: `{"result":…,"status":"ok","time":s}` or
//! `{"status":{"error":"…"},"time":s}`.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode, header};
use qdrant_edge::OperationError;
use serde::Serialize;
use std::time::Instant;

pub type HttpResponse = Response<Full<Bytes>>;
pub type Answer<T> = Result<T, ApiError>;

/// A refused request: HTTP status and the text for `status.error`.
#[derive(Debug)]
pub struct ApiError {
    pub status: StatusCode,
    pub message: String,
    /// Seconds after which the same request may succeed.
    pub retry_after: Option<u64>,
}

impl ApiError {
    fn new(status: StatusCode, message: String) -> Self {
        Self {
            status,
            message,
            retry_after: None,
        }
    }
    /// 400: the request contradicts the collection or the engine.
    pub fn wrong_input(message: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("Wrong input: {message}"))
    }
    pub fn bad_request(message: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("Bad request: {message}"))
    }
    /// 400: the body is not the JSON this endpoint reads.
    pub fn format(message: impl std::fmt::Display) -> Self {
        let message = format!("Format error in JSON body: {message}");
        Self::new(StatusCode::BAD_REQUEST, message)
    }
    /// 400: something Qdrant knows and this server cannot do.
    pub fn unsupported(what: impl std::fmt::Display, why: impl std::fmt::Display) -> Self {
        Self::bad_request(format!(
            "{what} is not supported by this development server: {why}"
        ))
    }
    /// 422: a field's value is out of range. `path` as in `hnsw_config.ef_construct`.
    pub fn invalid(path: &str, problem: impl std::fmt::Display) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("Validation error in JSON body: [{path}: {problem}]"),
        )
    }
    pub fn invalid_path(problem: impl std::fmt::Display) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("Validation error in path parameters: [{problem}]"),
        )
    }
    pub fn not_found(message: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("Not found: {message}"))
    }
    pub fn no_collection(name: &str) -> Self {
        Self::not_found(format!("Collection `{name}` doesn't exist!"))
    }
    pub fn conflict(message: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::CONFLICT, format!("Wrong input: {message}"))
    }
    pub fn internal(message: impl std::fmt::Display) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("Service internal error: {message}"),
        )
    }
    /// 408: the client's `timeout` passed.
    pub fn timeout(limit: std::time::Duration) -> Self {
        let message = format!("Timeout error: timed out after {} seconds", limit.as_secs());
        Self::new(StatusCode::REQUEST_TIMEOUT, message)
    }
    /// 429: a rate limit of strict mode.
    pub fn rate_limited(message: impl std::fmt::Display, retry_after: Option<u64>) -> Self {
        let message = format!("Rate limiting exceeded: {message}");
        Self {
            retry_after,
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, message)
        }
    }
    pub fn not_implemented(message: impl std::fmt::Display) -> Self {
        Self::new(
            StatusCode::NOT_IMPLEMENTED,
            format!("Not implemented: {message}"),
        )
    }
}

impl From<OperationError> for ApiError {
    fn from(error: OperationError) -> Self {
        match &error {
            OperationError::ServiceError { .. }
            | OperationError::InconsistentStorage { .. }
            | OperationError::FileNotFound { .. }
            | OperationError::OutOfMemory { .. }
            | OperationError::OutOfAppendableCapacity { .. }
            | OperationError::Cancelled { .. }
            | OperationError::Timeout { .. } => Self::internal(error),
            OperationError::ValidationError { description } => Self::wrong_input(description),
            OperationError::PointIdError { .. } => Self::not_found(error),
            _ => Self::wrong_input(error),
        }
    }
}

#[derive(Serialize)]
struct Success<'a, T: Serialize + ?Sized> {
    result: &'a T,
    status: &'static str,
    time: f64,
}

/// 200 with the envelope around `result`; `time` counts from `start`.
pub fn ok<T: Serialize + ?Sized>(result: &T, start: Instant) -> HttpResponse {
    let body = Success {
        result,
        status: "ok",
        time: start.elapsed().as_secs_f64(),
    };
    match serde_json::to_vec(&body) {
        Ok(bytes) => json(StatusCode::OK, bytes),
        Err(error) => failure(&ApiError::internal(error), start),
    }
}

pub fn failure(error: &ApiError, start: Instant) -> HttpResponse {
    let time = start.elapsed().as_secs_f64();
    let body = serde_json::json!({"status": {"error": error.message}, "time": time});
    let mut response = json(error.status, body.to_string().into_bytes());
    if let Some(seconds) = error.retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

pub fn json(status: StatusCode, body: Vec<u8>) -> HttpResponse {
    typed(status, "application/json", body.into())
}

pub fn text(status: StatusCode, body: impl Into<Bytes>) -> HttpResponse {
    typed(status, "text/plain; charset=utf-8", body.into())
}

/// Qdrant answers an unknown route with a bare 404.
pub fn bare(status: StatusCode) -> HttpResponse {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}

fn typed(status: StatusCode, content_type: &'static str, body: Bytes) -> HttpResponse {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let value = header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}
